"""Qwen3-Coder XML: the user's case, the catalogue of broken tags, and what is not read."""

import pytest

from seatrial.toolcalls.dialects import qwen_xml
from seatrial.toolcalls.envelope_repairs import (
    CLOSER_DOUBLED,
    CLOSER_FOREIGN,
    CLOSER_MISSING,
    FENCE_IN_WRAPPER,
    OPENER_DOUBLED,
    OPENER_MISSING,
    SEVERAL_IN_WRAPPER,
    TAG_SPELLING,
    TAG_VARIANT,
    TEXT_IN_ENVELOPE,
)
from seatrial.toolcalls.markup_flat import PARAMETER_CLOSER_INLINE, PARAMETER_CLOSER_MISSING
from seatrial.toolcalls.reading import CUT_OFF, Broken, Mention
from tests.toolcalls.markup_turns import BASH, JS, PYTHON, RUST, executed, first_read

XML = qwen_xml.DIALECT
DOCS = "Write\n" + XML.render("save", {"file": "x", "text": "y\n"}) + "\nto save."
PAYLOADS = [PYTHON, RUST, JS, BASH, DOCS, "null", "&lt;b&gt; &amp;", "\n\na\n\n", '{"a": "</b>"}']
CLOSERS = "</parameter>\n</function>\n</tool_call>"
payloads = pytest.mark.parametrize("text", PAYLOADS)


def save(text, file="a b.py"):
    return "save", {"file": file, "text": text}


def raw_save(text):
    return XML.render(*save(text))


def check(raw, *calls, repairs=()):
    got, found, broken = executed(XML, raw)
    assert (got, broken) == (list(calls), False)
    assert set(found) == set(repairs)


def reask(raw, *calls):
    assert executed(XML, raw)[::2] == (list(calls), True)


@payloads
def test_a_call_is_read(text):
    check("I save it.\n" + raw_save(text), save(text))


def test_values_are_raw_text():
    found = first_read(XML, XML.render("sh", {"cmd": "null", "secs": 3})).calls[0]
    assert found.untyped and found.arguments == {"cmd": "null", "secs": "3"}
    assert found.text is None


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("\n\n", ""),
        ("\n", ""),
        ("\n\n\n", "\n"),
        ("\na\n", "a"),
        ("\n a \n  ", " a "),
        ("a", "a"),
        ("a\n", "a"),
    ],
)
def test_one_newline_on_each_side_is_no_text(written, read):
    raw = f"<function=sh>\n<parameter=cmd>{written}</parameter>\n</function>\n</tool_call>"
    check(raw, ("sh", {"cmd": read}), repairs=[OPENER_MISSING])


@payloads
def test_missing_wrapper_tags(text):
    raw = raw_save(text)
    bare = raw.removeprefix("<tool_call>\n")
    check("I save it.\n\n" + bare, save(text), repairs=[OPENER_MISSING])
    check(raw.removesuffix("\n</tool_call>"), save(text), repairs=[CLOSER_MISSING])
    both = bare.removesuffix("\n</tool_call>")
    check(both, save(text), repairs=[OPENER_MISSING, CLOSER_MISSING])
    check(
        f"{both}\n{both}",
        save(text),
        repairs=[OPENER_MISSING, CLOSER_MISSING],
    )
    assert executed(XML, both, stopped=False) == ([], [], True)
    reask(both + "\nThat is it.")


@payloads
def test_missing_function_closer(text):
    check(
        raw_save(text).replace("\n</function>\n</tool_call>", "\n</tool_call>")
        if text != DOCS
        else raw_save(text),
        save(text),
        repairs=[CLOSER_MISSING] if text != DOCS else [],
    )


@payloads
def test_a_parameter_that_is_not_closed(text):
    first = raw_save(text).replace("</parameter>\n<parameter=text>", "<parameter=text>", 1)
    check(first, save(text), repairs=[PARAMETER_CLOSER_MISSING])
    last = raw_save(text).removesuffix(CLOSERS) + "</function>\n</tool_call>"
    if text.endswith("\n"):
        # An empty line is the end of the text, or what is left of the line of the tag.
        reask(last)
    else:
        check(last, save(text), repairs=[PARAMETER_CLOSER_MISSING])
    assert executed(XML, last, stopped=False)[0] == []


def test_a_parameter_that_is_not_closed_before_one_that_is_not_declared():
    reask("<function=view>\n<parameter=file>\na\n<parameter=mode>\nb\n" + CLOSERS)
    reask("<function=view>\n<parameter=file>\na\n<parameter=file>\nb\n" + CLOSERS)


@payloads
def test_doubled_tags(text):
    raw = raw_save(text)
    check(
        raw.removesuffix(CLOSERS) + "</parameter>\n" + CLOSERS, save(text), repairs=[CLOSER_DOUBLED]
    )
    check(
        raw.replace(
            "</parameter>\n<parameter=text>", "</parameter>\n</parameter>\n<parameter=text>", 1
        ),
        save(text),
        repairs=[CLOSER_DOUBLED],
    )
    check("<tool_call>\n" + raw, save(text), repairs=[OPENER_DOUBLED])
    check(f"<tool_call>\n{raw}\n</tool_call>", save(text), repairs=[OPENER_DOUBLED, CLOSER_DOUBLED])
    check(raw + "\n</tool_call>", save(text), repairs=[CLOSER_DOUBLED])
    reask(raw.replace("<parameter=text>", "<parameter=text>\n<parameter=text>", 1))


@payloads
def test_closed_by_its_own_name(text):
    raw = raw_save(text)
    first = raw.replace("</parameter>", "</file>", 1)
    check(first, save(text), repairs=[CLOSER_FOREIGN])
    last = raw.removesuffix(CLOSERS) + "</text>\n</function>\n</tool_call>"
    check(last, save(text), repairs=[CLOSER_FOREIGN])


def test_closed_by_its_own_name_where_the_value_holds_such_tags():
    html = "<text>a\n</text>"
    raw = raw_save(html)
    check(raw, save(html))
    reask(raw.replace("\n</parameter>\n</function>", "\n</text>\n</function>"))


@payloads
def test_the_opener_as_closer(text):
    raw = raw_save(text).removesuffix("</tool_call>") + "<tool_call>"
    check(raw, save(text), repairs=[CLOSER_FOREIGN])


def test_a_header_without_its_bracket():
    raw = XML.render("view", {"file": "a"})
    check(raw.replace("=view>", "=view"), ("view", {"file": "a"}), repairs=[TAG_SPELLING])
    check(
        raw.replace("=view>", "=view")[12:],
        ("view", {"file": "a"}),
        repairs=[TAG_SPELLING, OPENER_MISSING],
    )
    check(
        "<tool_call>\n<function=status\n</function>\n</tool_call>",
        ("status", {}),
        repairs=[TAG_SPELLING],
    )
    reask(raw.replace("=view>", "=view the file"))
    reask(raw.replace("=view>", "=show"))


def test_an_unclosed_call_and_another_one():
    whole = XML.render("sh", {"cmd": "ls"})
    half = "<tool_call>\n<function=view>\n"
    reask(half + whole)
    reask(half + "<parameter=file>\n" + whole)
    reask(half + "<parameter=file>\na\n" + whole)
    reask(half + "<parameter=file>\na\n</parameter>\n" + whole)
    reask(whole + "\n" + half + XML.render("view", {"file": "a"}), ("sh", {"cmd": "ls"}))


@payloads
def test_several_functions_in_one_wrapper(text):
    inner = XML.render("sh", {"cmd": "ls"}).removesuffix("\n</tool_call>")
    raw = inner + "\n" + raw_save(text).removeprefix("<tool_call>\n")
    check(raw, ("sh", {"cmd": "ls"}), save(text), repairs=[SEVERAL_IN_WRAPPER])
    check(
        raw.replace("</function>\n<function", "</function><function", 1),
        ("sh", {"cmd": "ls"}),
        save(text),
        repairs=[SEVERAL_IN_WRAPPER],
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<function=save>", '<function="save">'),
        ("<function=save>", "<function='save'>"),
        ("<function=save>", "< function = save >"),
        ("<parameter=text>", '<parameter="text">'),
        ("<parameter=text>", "<parameter = text>"),
        ("</parameter>", "</ parameter>"),
        ("</parameter>", "</PARAMETER>"),
        ("</function>", "</ function >"),
        ("<tool_call>", "<tool_call >"),
    ],
)
@pytest.mark.parametrize("text", [PYTHON, RUST, JS])
def test_spelling_of_tags(old, new, text):
    check(raw_save(text).replace(old, new), save(text), repairs=[TAG_SPELLING])


@pytest.mark.parametrize("text", [PYTHON, RUST, JS, "x"])
def test_attributes(text):
    body = f'<param name="file">a b.py</param>\n<param name="text">\n{text}\n</param>\n</function>'
    both = [TAG_VARIANT, OPENER_MISSING, CLOSER_MISSING]
    check(f'<function name="save">\n{body}', save(text), repairs=both)
    check(
        f'<tool_call>\n<function name="save">{body}\n</tool_call>',
        save(text),
        repairs=[TAG_VARIANT],
    )
    check(
        '<function name="view"><param name="file">a</param></function>',
        ("view", {"file": "a"}),
        repairs=both,
    )


@payloads
def test_a_fence_in_the_wrapper(text):
    inner = raw_save(text)[12:-13]
    check(
        f"<tool_call>\n```xml\n{inner}\n```\n</tool_call>", save(text), repairs=[FENCE_IN_WRAPPER]
    )


def test_text_in_the_wrapper():
    raw = XML.render("view", {"file": "a"}).replace("</function>", "</function>\nI look.")
    check(raw, ("view", {"file": "a"}), repairs=[TEXT_IN_ENVELOPE])


@pytest.mark.parametrize("text", [PYTHON.rstrip(), RUST, JS, "a.py"])
def test_a_closer_at_the_end_of_the_last_line(text):
    raw = raw_save(text).replace("\n</parameter>", "</parameter>")
    check(raw, save(text), repairs=[PARAMETER_CLOSER_INLINE])
    assert executed(XML, raw, stopped=False)[0] == []


def test_code_mode_and_one_line():
    raw = "<tool_call><function=sh>\n<parameter=cmd>\nx = 1\n</parameter>\n</function></tool_call>"
    check(raw, ("sh", {"cmd": "x = 1"}))
    check(
        "<tool_call><function=view><parameter=file>a</parameter></function></tool_call>",
        ("view", {"file": "a"}),
    )


@pytest.mark.parametrize(
    "text",
    [
        "a\n</parameter>\nb",
        'raw.split("</parameter>")',
        'END = "</parameter></function></tool_call>"\nx',
        "</tool_call>\nis the last line.",
        "Close it with\n</function>\nand go on.",
        "<parameter=x>\n1\n</parameter>\nis one.",
        "It begins with\n<function=x>",
    ],
)
def test_closers_that_are_text(text):
    check(raw_save(text), save(text))


@pytest.mark.parametrize(
    "text",
    [
        "a\n</parameter>",
        "a\n</parameter>\n<parameter=text>\nb",
        "a\n</parameter>\n</function>\n</tool_call>",
        "a\n</function>",
        "\n</parameter>\n\nx\n</function>\ny",
        "<function=x>",
        "</parameter>\na",
        "a\n<parameter=text>\nb",
        "a\n<parameter=text",
        "<function=view>\n<parameter=file>\nb",
    ],
)
def test_values_that_look_like_defects(text):
    """Whatever comes of them, it is not another value."""
    for raw in (raw_save(text), XML.render("save", {"file": text, "text": "b"})):
        for call in executed(XML, raw)[0]:
            assert (
                call[1].get("text") == text
                or call[1].get("file") == text
                or text == "a\n</parameter>"
            )


def test_a_lost_opening_tag_is_no_text():
    reask("<function=note>\n<parameter=title>\na\n</parameter>\nb\n</parameter>\n</function>")
    reask("<function=sh>\n<parameter=cmd>\nls\n</parameter>\n30\n</parameter>\n</function>")
    raw = XML.render("sh", {"cmd": "ls\n</parameter>\necho"})
    check(raw, ("sh", {"cmd": "ls\n</parameter>\necho"}))


def test_a_parameter_inside_a_value_that_was_closed_twice():
    inner = "<parameter=title>\na\n<parameter=body>\nb\n</parameter>\n</parameter>\n"
    reask(f"<function=note>\n{inner}</function>")


def test_a_call_that_stands_in_a_parameter_of_no_call():
    reask("<parameter=text>\n" + XML.render("view", {"file": "a"}) + "\n</parameter>")
    reask(raw_save("").replace("\n\n</parameter>", "\n</parameter>\n</parameter>"))


def test_duplicates_and_text_between_parameters():
    value = "<parameter=file>\na\n</parameter>\n"
    reask(f"<tool_call>\n<function=view>\n{value}{value}</function>\n</tool_call>")
    reask(f"<tool_call>\n<function=view>\nI look.\n{value}</function>\n</tool_call>")
    reask("<tool_call>\n<function=view>\na.py\n</function>\n</tool_call>")
    reask("<function=view>\n<parameter=file> \na\n</parameter>\n</function>")


@pytest.mark.parametrize(
    "raw",
    [
        "<tool_call>\n<function=example_function_name>\n<parameter=example_parameter_1>\nvalue_1\n"
        "</parameter>\n</function>\n</tool_call>",
        "<tool_call>\n<function=<name>>\n<parameter=<key>>\n...\n</parameter>\n"
        "</function>\n</tool_call>",
        "<tool_call>\n<function={name}>\n</function>\n</tool_call>",
        "<tool_call>\n<function=view>\n<parameter=example_parameter_1>\nvalue_1\n</parameter>\n"
        "</function>\n</tool_call>",
    ],
)
def test_a_template_is_a_mention(raw):
    read = first_read(XML, raw)
    assert read == Mention(len(raw))
    check(raw + "\n" + XML.render("status", {}), ("status", {}))


@pytest.mark.parametrize(
    "raw",
    [
        "<function=view> shows a file.",
        "The tag <function=view> opens a call",
        "<function=unknown>\nx",
        "<function=...>",
        "<function=show>\nx\n</function>",
        '<function=sh>{"cmd": "id"}</function>',
        '<tool_call>\n<function=sh>{"cmd": "id"}</function>\n</tool_call>',
        '<tool_call>\n{"name": "sh"}\n</tool_call>',
    ],
)
def test_what_is_not_this_dialect(raw):
    assert first_read(XML, raw, at=raw.index("<")) is None


def test_an_unknown_tool_that_is_called_whole():
    read = first_read(XML, "<function=show>\n<parameter=x>\n1\n</parameter>\n</function>")
    assert read.calls[0].name == "show"


@pytest.mark.parametrize("end", range(12, 80))
def test_a_cut_call(end):
    raw = XML.render("view", {"file": "</parameter> \n</function>\nx"})
    read = first_read(XML, raw[:end], stopped=False)
    assert read is None or (isinstance(read, Broken) and read.reason == CUT_OFF)
