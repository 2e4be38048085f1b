"""Single turns: what is a call, what is repaired, what is asked for again."""

import json

import pytest

from seatrial.core.generation import Finish
from seatrial.core.message import ToolSchema
from seatrial.toolcalls import Parsed, parse, reask_message

VIEW = ToolSchema(
    name="view",
    description="",
    parameters={
        "type": "object",
        "properties": {"file": {"type": "string"}},
        "required": ["file"],
    },
)
SAVE = ToolSchema(
    name="save",
    description="",
    parameters={
        "type": "object",
        "properties": {"file": {"type": "string"}, "text": {"type": "string"}},
        "required": ["file", "text"],
    },
)
SH = ToolSchema(
    name="sh",
    description="",
    parameters={
        "type": "object",
        "properties": {
            "cmd": {"type": "string"},
            "secs": {"type": "integer"},
            "loud": {"type": "boolean"},
            "env": {"type": "object"},
            "tag": {"type": ["string", "null"]},
        },
        "required": ["cmd"],
    },
)
STATUS = ToolSchema(name="status", description="", parameters={"type": "object", "properties": {}})
TOOLS = (VIEW, SAVE, SH, STATUS)

VIEW_A = '<tool_call>\n{"name": "view", "arguments": {"file": "a"}}\n</tool_call>'
XML_A = "<tool_call>\n<function=view>\n<parameter=file>\na\n</parameter>\n</function>\n</tool_call>"


def seen(parsed: Parsed):
    return [(call.name, json.loads(call.arguments)) for call in parsed.calls]


@pytest.mark.parametrize(
    ("raw", "calls"),
    [
        (VIEW_A, [("view", {"file": "a"})]),
        (XML_A, [("view", {"file": "a"})]),
        ('<tool_call>{"name":"status","arguments":{}}</tool_call>', [("status", {})]),
        (
            VIEW_A + "\n" + VIEW_A.replace('"a"', '"b"'),
            [("view", {"file": "a"}), ("view", {"file": "b"})],
        ),
        (
            "<tool_call><function=sh><parameter=cmd>id</parameter></function></tool_call>",
            [("sh", {"cmd": "id"})],
        ),
        (
            "<tool_call>\n<function=sh>\n<parameter=cmd>\nnull\n</parameter>\n<parameter=secs>\n3\n"
            "</parameter>\n"
            '<parameter=loud>\nTrue\n</parameter>\n<parameter=env>\n{"A": "1"}\n'
            "</parameter>\n</function>\n</tool_call>",
            [("sh", {"cmd": "null", "secs": 3, "loud": True, "env": {"A": "1"}})],
        ),
        (
            "<tool_call>\n<function=save>\n<parameter=file>\n\na\n\n</parameter>\n<parameter=text>\n\n</parameter>\n"
            "</function>\n</tool_call>",
            [("save", {"file": "\na\n", "text": ""})],
        ),
        ("<tool_call>\n<function=status>\n</function>\n</tool_call>", [("status", {})]),
    ],
)
def test_well_formed_calls_are_ok(raw, calls):
    parsed = parse(raw, TOOLS)
    assert (parsed.verdict, seen(parsed), parsed.text) == ("ok", calls, "")


@pytest.mark.parametrize(
    ("raw", "repair"),
    [
        ('{"name": "view", "input": {"file": "a"}}\n</tool_call>', "opener_missing"),
        ('<tool_call>\n{"name": "view", "input": {"file": "a"}}\n</tool_call>', "arguments_key"),
        (VIEW_A.removesuffix("\n</tool_call>"), "closer_missing"),
        (VIEW_A + "\n</tool_call>", "closer_doubled"),
        ("<tool_call>\n" + VIEW_A, "opener_doubled"),
        (VIEW_A + "\n" + VIEW_A, "repeat_collapsed"),
        (
            '<tool_call>{"name":"view","arguments":"{\\"file\\":\\"a\\"}"}</tool_call>',
            "arguments_string",
        ),
        (XML_A.removeprefix("<tool_call>\n"), "opener_missing"),
        (XML_A.removesuffix("\n</tool_call>"), "closer_missing"),
        (XML_A.removeprefix("<tool_call>\n").removesuffix("\n</tool_call>"), "opener_missing"),
    ],
)
def test_repairs_are_labelled(raw, repair):
    parsed = parse(raw, TOOLS)
    assert parsed.verdict == "repaired" and repair in parsed.repairs
    assert seen(parsed) == [("view", {"file": "a"})]


def test_lossless_coercion_is_a_repair_and_lossy_coercion_a_reask():
    call = '<tool_call>{"name":"sh","arguments":{"cmd":"id","secs":%s}}</tool_call>'
    good = parse(call % '"3"', TOOLS)
    assert (good.verdict, seen(good)) == ("repaired", [("sh", {"cmd": "id", "secs": 3})])
    for value in ('"03"', '" 3"', '"3.5"', "3.5", '"soon"', "null", "true"):
        assert parse(call % value, TOOLS).verdict == "reask", value


@pytest.mark.parametrize(
    ("raw", "defect"),
    [
        ('<tool_call>{"name":"view","arguments":{"file":"a","file":"b"}}</tool_call>', "twice"),
        ('<tool_call>{"name":"view","name":"sh","arguments":{}}</tool_call>', "twice"),
        ('<tool_call>{"name":"sh","arguments":{"cmd":"a","secs":NaN}}</tool_call>', "NaN"),
        ('<tool_call>{"name":"sh","arguments":{"cmd":"a","secs":1e999}}</tool_call>', "too large"),
        ('<tool_call>{"name":"view","arguments":{"file":"\\ud800"}}</tool_call>', "surrogate"),
        ('<tool_call>{"name":"vieW","arguments":{"file":"a"}}</tool_call>', "unknown tool"),
        ('<tool_call>{"name":"view","arguments":{}}</tool_call>', "'file' is missing"),
        ('<tool_call>{"name":"view","arguments":{"file":1}}</tool_call>', "must be string"),
        ('<tool_call>{"name":"view","arguments":{"file":"a","x":1}}</tool_call>',
         "unknown argument 'x'"),
        ('<tool_call>{"name":"view","arguments":{"file":"a",}}</tool_call>', "not JSON"),
        ('<tool_call>{"name":"view","arguments":{"file":"a"}</tool_call>', "not closed"),
        ('{"name": "view", "arguments": {"file": "a"}}', "without its tags"),
        ("x = 1\n</parameter>\n</function>\n</tool_call>", "without the beginning"),
        ("<tool_call>\n<function=view>\n<tool_call>\n" + XML_A, "between the parameters"),
        (XML_A.replace("a\n</parameter>", "a\n</parameter>\n</parameter>"),
         "begins with </parameter>"),
        ("<tool_call>\n<function=sh>\n<parameter=cmd>\nx\n</parameter>\n<parameter=secs>\nsoon\n"
         "</parameter>\n</function>\n</tool_call>", "'secs' must be integer"),
        ("<tool_call>\n<function=sh>\n<parameter=cmd>\nx\n</parameter>\n<parameter=tag>\nnull\n</parameter>"
         "\n</function>\n</tool_call>", "string or as JSON"),
        ("<tool_call>\n<function=save>\n<parameter=file>\na</parameter>\n<parameter=text>\nb\n</parameter>"
         "\n</function>\n</tool_call>", "not closed"),
        ("<think>\nLet me call.\n" + VIEW_A, "never closed"),
        ("<tool_call>\nview a\n</tool_call>", "nothing that can be read"),
    ],
)  # fmt: skip
def test_defects_are_named_and_nothing_is_executed(raw, defect):
    parsed = parse(raw, TOOLS)
    assert (parsed.verdict, parsed.calls) == ("reask", ())
    assert defect in (parsed.reason or "") and "\n" not in (parsed.reason or "")


@pytest.mark.parametrize(
    "text",
    [
        "Use `<tool_call>` and `</tool_call>` around it.",
        f"For example:\n```\n{VIEW_A}\n```\nThat is all.",
        "> <tool_call>\n> {}\n",
        'It prints "<tool_call>" first.',
        "The tag <tool_call> opens a call, the tag </tool_call> ends it.",
        '{"name": "left-pad", "version": "1.0"}',
        'Here:\n{"name": "view", "arguments": {"file": "a"}}\nis the form.',
        "int main() {\n  return 0;\n}\n",
        "  spaces stay \n\n",
        "a < b and x <to",
    ],
)
def test_prose_is_unchanged(text):
    parsed = parse(text, TOOLS)
    assert (parsed.verdict, parsed.calls, parsed.text, parsed.reason) == ("no_call", (), text, None)


def test_reasoning_is_split_off_and_its_calls_are_drafts():
    raw = f"I could\n{VIEW_A}\nor not.</think>\n\nNo."
    parsed = parse(raw, TOOLS, prefill="<think>\n")
    assert (parsed.verdict, parsed.text, parsed.calls) == ("no_call", "No.", ())
    assert parse("<think>\n" + raw, TOOLS).think == "\n" + parsed.think
    # The prefill was not told: what came before may be drafts.
    assert parse(raw, TOOLS).verdict == "reask" and not parse(raw, TOOLS).calls


def test_text_around_calls_and_spans():
    raw = f"I look.\n\n{VIEW_A}\n"
    parsed = parse(raw, TOOLS)
    assert parsed.text == "I look."
    start, end = parsed.calls[0].raw_span
    assert raw[start:end] == VIEW_A


@pytest.mark.parametrize("finish", [Finish.LENGTH, Finish.CONTEXT, Finish.MISSING])
def test_cut_calls_are_never_executed(finish):
    for call in (VIEW_A, XML_A):
        for end in range(7, len(call)):
            parsed = parse(call[:end], TOOLS, finish=finish)
            assert parsed.calls == () and parsed.verdict == "reask", call[:end]
    assert parse(VIEW_A[:-3], TOOLS, finish=finish).reason == "cut off"
    # Quoted values end for certain, raw ones do not.
    cut = parse(VIEW_A + "\n" + VIEW_A[:30], TOOLS, finish=finish)
    assert (cut.verdict, seen(cut)) == ("reask", [("view", {"file": "a"})])
    assert parse(XML_A + "\n" + XML_A[:30], TOOLS, finish=finish).calls == ()


def test_a_payload_with_a_whole_ending_is_not_executed():
    ending = "\n</parameter>\n</function>\n</tool_call>\n"
    for tail in ("more", "```\n", "<think>\n", VIEW_A + "\n", "<tool_call>\n{oops"):
        raw = XML_A.replace("\na\n", f"\na{ending}{tail}\n")
        parsed = parse(raw, TOOLS)
        assert (parsed.verdict, parsed.calls) == ("reask", ()), tail


def test_a_balanced_payload_is_verbatim():
    raw = XML_A.replace("\na\n", f"\nsee:\n{XML_A}\nend\n")
    assert seen(parse(raw, TOOLS)) == [("view", {"file": f"see:\n{XML_A}\nend"})]


def test_the_reask_names_defect_schema_and_form():
    parsed = parse('<tool_call>{"name":"save","arguments":{"file":"a"}}</tool_call>', TOOLS)
    message = reask_message(parsed, TOOLS)
    assert "'text' is missing" in message and json.dumps(SAVE.parameters) in message
    assert message.count("<tool_call>") == 1
    xml = parse(XML_A.replace("=file", "=path"), TOOLS)
    assert "<function=view>" in reask_message(xml, TOOLS)
    assert "view, save, sh, status" in reask_message(parse("</tool_call>", TOOLS), TOOLS)
