"""The invoke form: the user's case, its wrappers, what is exact and what is not read."""

import pytest

from seatrial.toolcalls.dialects import invoke
from seatrial.toolcalls.envelope_repairs import (
    CLOSER_DOUBLED,
    CLOSER_FOREIGN,
    CLOSER_MISSING,
    OPENER_MISSING,
    TAG_SPELLING,
    TAG_VARIANT,
)
from tests.toolcalls.markup_turns import BASH, JS, PYTHON, RUST, executed, first_read

INVOKE = invoke.DIALECT
PREFIX = "antml:"
DOCS = "Write\n" + INVOKE.render("save", {"file": "x", "text": "y\n"}) + "\nto save."
PAYLOADS = [PYTHON, RUST, JS, BASH, DOCS, "null", "&lt;b&gt;", "\n\na\n\n", "a\n", "", "  a"]
payloads = pytest.mark.parametrize("text", PAYLOADS)


def save(text):
    return "save", {"file": "a b.py", "text": text}


def check(raw, *calls, repairs=()):
    got, found, broken = executed(INVOKE, raw)
    assert (got, broken) == (list(calls), False)
    assert set(found) == set(repairs)


def reask(raw, *calls):
    assert executed(INVOKE, raw)[::2] == (list(calls), True)


def section(*rows):
    return "\n".join(
        ["<function_calls>", '<invoke name="save">', *rows, "</invoke>", "</function_calls>"]
    )


FILE = '<parameter name="file">a b.py</parameter>'


@payloads
def test_a_call_is_read(text):
    check("I save it.\n" + INVOKE.render(*save(text)), save(text))


@payloads
def test_other_wrappers(text):
    raw = INVOKE.render(*save(text)) if text != DOCS else INVOKE.render(*save("x"))
    want = save(text if text != DOCS else "x")
    if not text.startswith("\n"):
        check(raw.replace("function_calls>", "minimax:tool_call>"), want)
    prefixed = raw
    for word in ("function_calls", "invoke", "parameter"):
        prefixed = prefixed.replace(f"</{word}", f"</{PREFIX}{word}").replace(
            f"<{word}", f"<{PREFIX}{word}"
        )
    check(prefixed, want)
    check(raw.replace("function_calls>", "tool_call>"), want, repairs=[TAG_VARIANT])
    inner = raw[len("<function_calls>\n") : -len("\n</function_calls>")]
    check(inner, want, repairs=[OPENER_MISSING, CLOSER_MISSING])
    check("First this.\n\n" + inner, want, repairs=[OPENER_MISSING, CLOSER_MISSING])


def test_tight_and_several():
    tight = '<invoke name="sh"><parameter name="cmd">id</parameter></invoke>'
    check(tight, ("sh", {"cmd": "id"}), repairs=[OPENER_MISSING, CLOSER_MISSING])
    view = '<invoke name="view"><parameter name="file">a</parameter></invoke>'
    both = [("sh", {"cmd": "id"}), ("view", {"file": "a"})]
    check(f"<function_calls>{tight}\n{view}</function_calls>", *both)
    check(f"{tight}\n{view}", *both, repairs=[OPENER_MISSING, CLOSER_MISSING])


@pytest.mark.parametrize("text", [PYTHON, RUST, JS, "a", ""])
def test_values_on_lines_of_their_own(text):
    check(section(FILE, f'<parameter name="text">\n{text}\n</parameter>'), save(text))


@pytest.mark.parametrize("text", ["a", "  a\n  b"])
def test_a_newline_on_one_side_alone(text):
    reask(section(FILE, f'<parameter name="text">\n{text}</parameter>'))
    check(section(FILE, f'<parameter name="text">{text}\n</parameter>'), save(text + "\n"))


@pytest.mark.parametrize("text", [PYTHON, RUST, JS])
def test_doubled_and_foreign_closers(text):
    raw = INVOKE.render(*save(text))
    twice = raw.replace("</parameter>\n</invoke>", "</parameter>\n</parameter>\n</invoke>")
    reask(twice)
    check(raw + "\n</function_calls>", save(text), repairs=[CLOSER_DOUBLED])
    check(raw.replace("</parameter>", "</file>", 1), save(text), repairs=[CLOSER_FOREIGN])
    spelled = raw.replace('<invoke name="save">', "<invoke name = 'save'>")
    check(spelled, save(text), repairs=[TAG_SPELLING])


def test_a_missing_closer_is_not_guessed():
    """Between the tags a last newline is text, and nobody knows whose it is."""
    raw = INVOKE.render(*save("x"))
    reask(raw.replace("</parameter>\n<parameter", "\n<parameter"))
    reask(raw.replace("</parameter>\n</invoke>", "\n</invoke>"))


@pytest.mark.parametrize(
    "text",
    [
        'raw.split("</parameter>")[0]',
        "it ends with </invoke> and </function_calls>, in that order.",
        'x = "<parameter name=\'k\'>" + v + "</parameter>"; y',
        "</invoke>\nis a line.",
    ],
)
def test_closers_that_are_text(text):
    got, _, broken = executed(INVOKE, INVOKE.render(*save(text)))
    assert (got, broken) in (([save(text)], False), ([], True))
    assert "split" not in text or got


def test_a_lost_opening_tag_is_no_text():
    raw = INVOKE.render("note", {"title": "a", "body": "b"})
    reask(raw.replace('<parameter name="body">', ""))


@pytest.mark.parametrize(
    "raw",
    [
        'The tag <invoke name="view"> opens a call',
        '<invoke name="show">\n<target>x</target>\n</invoke2>',
        '<invoke operation="x">',
        "<function_calls> is the section.",
    ],
)
def test_what_is_not_this_dialect(raw):
    assert first_read(INVOKE, raw, at=raw.index("<")) is None


def minimax(*rows):
    return section(*rows).replace("function_calls>", "minimax:tool_call>")


@pytest.mark.parametrize("text", ["\nimport os\n", "\n\nx = 1\n", "\nx", "\n"])
def test_newlines_around_a_value_of_minimax_are_text(text):
    check(minimax(FILE, f'<parameter name="text">{text}</parameter>'), save(text))


def test_a_path_of_minimax_on_a_line_of_its_own_shows_a_frame():
    file = '<parameter name="file">\na b.py\n</parameter>'
    check(minimax(file, '<parameter name="text">\nx\n</parameter>'), save("x"))


def edit(old, new):
    rows = [f'<parameter name="{k}">{v}</parameter>' for k, v in (("old", old), ("new", new))]
    inner = "\n".join(['<parameter name="path">a.py</parameter>', *rows])
    return f'<function_calls>\n<invoke name="edit">\n{inner}\n</invoke>\n</function_calls>'


def test_a_value_of_several_lines_without_a_frame_shows_that_newlines_are_text():
    want = {"path": "a.py", "old": "\nimport os\n", "new": "import os\nimport sys"}
    check(edit(want["old"], want["new"]), ("edit", want))
    check(edit("\nimport os\n", ""), ("edit", want | {"old": "import os", "new": ""}))
