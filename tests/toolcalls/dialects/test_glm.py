"""GLM: the user's case, the catalogue of broken pairs, and what is not read."""

import pytest

from seatrial.core.message import ToolSchema
from seatrial.toolcalls.dialects import glm
from seatrial.toolcalls.envelope_repairs import (
    CLOSER_DOUBLED,
    CLOSER_FOREIGN,
    CLOSER_MISSING,
    OPENER_DOUBLED,
    OPENER_MISSING,
    TAG_VARIANT,
)
from seatrial.toolcalls.reading import Broken, Mention, Tail, Window
from tests.toolcalls.markup_turns import BASH, JS, PYTHON, RUST, TOOLS, executed, first_read

GLM = glm.DIALECT
DOCS = "Write\n" + GLM.render("save", {"file": "x", "text": "y\n"}) + "\nto save."
PAYLOADS = [PYTHON, RUST, JS, BASH, DOCS, "null", "&lt;b&gt;", "\n\na\n\n", "a\n", "", "  a"]
payloads = pytest.mark.parametrize("text", PAYLOADS)
STATUS = ("status", {})


def save(text):
    return "save", {"file": "a b.py", "text": text}


def check(raw, *calls, repairs=()):
    got, found, broken = executed(GLM, raw)
    assert (got, broken) == (list(calls), False)
    assert set(found) == set(repairs)


def reask(raw, *calls):
    assert executed(GLM, raw)[::2] == (list(calls), True)


@payloads
def test_a_call_is_read(text):
    raw = GLM.render(*save(text))
    check("I save it.\n" + raw, save(text))
    if text != DOCS:
        check(raw.replace("</arg_key>\n", "</arg_key>"), save(text))


def test_no_arguments():
    check("<tool_call>status</tool_call>", STATUS)
    check("<tool_call>status\n</tool_call>\n<tool_call>\nstatus\n</tool_call>", STATUS)
    assert first_read(GLM, "<tool_call>unknown</tool_call>") is None


@pytest.mark.parametrize("text", [PYTHON, RUST, JS, "id"])
def test_a_key_without_its_opening_tag(text):
    value = f"</arg_key>\n<arg_value>{text}</arg_value>\n</tool_call>"
    for head in ("shcmd", "sh\ncmd", "sh cmd", "\nsh\ncmd"):
        check(f"<tool_call>{head}{value}", ("sh", {"cmd": text}), repairs=[OPENER_MISSING])
    reask(f"<tool_call>shcommand2{value}")
    raw = GLM.render(*save(text)).replace("\n<arg_key>text", "\ntext")
    check(raw, save(text), repairs=[OPENER_MISSING])


def test_a_key_without_its_opening_tag_that_splits_two_ways():
    def tool(name, key):
        return ToolSchema(name=name, description="", parameters={"properties": {key: {}}})

    tools = {"read": tool("read", "filepath"), "readfile": tool("readfile", "path")}
    raw = "<tool_call>readfilepath</arg_key>\n<arg_value>a</arg_value>\n</tool_call>"
    read = GLM.read(Window(raw, Tail.STOPPED, tools), 0, "<tool_call>")
    assert isinstance(read, Broken)


def test_a_stray_closer_in_the_name():
    for raw in (
        "status</arg_value>",
        "status</arg_value></tool_call>",
        "status\n</arg_value>\n</tool_call>",
    ):
        check("<tool_call>" + raw, STATUS, repairs=[CLOSER_FOREIGN])
    assert executed(GLM, "<tool_call>status</arg_value>", stopped=False)[0] == []
    reask("<tool_call>view</arg_value></tool_call>")


@pytest.mark.parametrize("text", [PYTHON, RUST, JS])
def test_an_opener_instead_of_a_key_tag(text):
    raw = GLM.render(*save(text))
    check(raw.replace("<arg_key>", "<tool_call>", 1), save(text), repairs=[TAG_VARIANT])
    check(
        f"<tool_call>sh<tool_call>cmd</arg_key><arg_value>{text}</arg_value></tool_call>",
        ("sh", {"cmd": text}),
        repairs=[TAG_VARIANT],
    )


@pytest.mark.parametrize("text", [PYTHON, RUST, JS])
def test_doubled_and_missing_tags(text):
    raw = GLM.render(*save(text))
    check("<tool_call>\n" + raw, save(text), repairs=[OPENER_DOUBLED])
    check(raw + "\n</tool_call>", save(text), repairs=[CLOSER_DOUBLED])
    reask(raw.replace("</arg_value>\n</", "</arg_value>\n</arg_value>\n</"))
    check(raw.removesuffix("\n</tool_call>"), save(text), repairs=[CLOSER_MISSING])
    assert executed(GLM, raw.removesuffix("</tool_call>"), stopped=False)[0] == []
    reask(raw.replace("</arg_value>\n</tool_call>", "\n</tool_call>"))
    reask(raw.replace("</arg_value>\n<arg_key>", "\n<arg_key>"))


@pytest.mark.parametrize(
    "raw",
    [
        "<tool_call>view\n<arg_key>file<arg_key</arg_key>\n<arg_value>a</arg_value>\n</tool_call>",
        "<tool_call>view\n<arg_key>file<arg_value>a</arg_key>\n</tool_call>",
        "<tool_call>view\n<arg_key>file</arg_key>\na\n</tool_call>",
    ],
)
def test_markup_in_keys(raw):
    reask(raw)


def test_a_template_is_a_mention():
    pair = "<arg_key>{arg-key-1}</arg_key>\n<arg_value>x</arg_value>"
    raw = f"<tool_call>{{function-name}}\n{pair}\n</tool_call>"
    assert first_read(GLM, raw) == Mention(len(raw))


@pytest.mark.parametrize(
    "raw",
    [
        '<tool_call>\n{"name": "view"}\n</tool_call>',
        '<tool_call>\nview\n{"file": "a"}\n</tool_call>',
        "<tool_call>\n<function=view>\n</function>\n</tool_call>",
        "<tool_call> is the tag",
        "<tool_call>",
    ],
)
def test_what_is_not_this_dialect(raw):
    assert first_read(GLM, raw) is None


def test_the_openers_are_certain_only_with_enough_text():
    raw = GLM.render("view", {"file": "a"})
    opens = [
        GLM.opens(Window(raw[:end], Tail.CUT, TOOLS), 0, "<tool_call>") for end in range(11, 30)
    ]
    assert False not in opens and opens[0] is None and opens[-1] is True


@pytest.mark.parametrize("text", ["\nimport os\n", "\n\nx = 1\n", "\nx", "\n"])
def test_newlines_around_a_value_are_text(text):
    raw = f"<arg_key>text</arg_key>\n<arg_value>{text}</arg_value>\n</tool_call>"
    file = "<arg_key>file</arg_key>\n<arg_value>a b.py</arg_value>\n"
    check(f"<tool_call>save\n{file}{raw}", save(text))


def test_lines_of_their_own_around_a_path_show_a_frame():
    file = "<arg_key>file</arg_key>\n<arg_value>\na b.py\n</arg_value>\n"
    raw = "<arg_key>text</arg_key>\n<arg_value>\nx\n</arg_value>\n</tool_call>"
    check(f"<tool_call>save\n{file}{raw}", save("x"))
    both = {"file": "\na.py\n", "text": "\nx\n"}
    check(GLM.render("save", both), ("save", both))
