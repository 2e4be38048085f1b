"""Answers that are nothing but a call in a wrapper which no dialect owns."""

import json

import pytest

from seatrial.core.message import ToolSchema
from seatrial.core.parse_options import Options
from seatrial.toolcalls import TurnParser, may_begin, parse, read_whole_answer

WRITE = ToolSchema(
    "write",
    "",
    {
        "type": "object",
        "properties": {"path": {"type": "string"}, "content": {"type": "string"}},
        "required": ["path", "content"],
        "additionalProperties": False,
    },
)
ARGUMENTS = {"path": "a", "content": "b\n"}
J = json.dumps(ARGUMENTS)
HERMES = f'<tool_call>\n{{"name": "write", "arguments": {J}}}\n</tool_call>'
WRAPPED = [
    f"```xml\n{HERMES}\n```",
    f"~~~\n{HERMES}\n~~~\n",
    f"<think>I write.\n{HERMES}\n</think>",
    f'<|START_ACTION|>[{{"tool_name": "write", "parameters": {J}}}]<|END_ACTION|>',
    f'<|tools_prefix|>[{{"write": {J}}}]<|tools_suffix|>',
    f'functools[{{"name": "write", "arguments": {J}}}]',
]


@pytest.mark.parametrize("text", WRAPPED)
def test_the_call_is_read(text):
    parsed = read_whole_answer(text, (WRITE,), id_prefix="call_7")
    assert [(call.name, json.loads(call.arguments)) for call in parsed.calls] == [
        ("write", ARGUMENTS)
    ]
    assert parsed.verdict == "repaired" and "whole_answer" in parsed.repairs
    assert parsed.calls[0].id == "call_7_0"
    assert text.startswith("<think>") or may_begin(text)


@pytest.mark.parametrize("text", WRAPPED)
def test_anything_else_makes_it_text(text):
    for other in (f"See:\n{text}", f"{text}\nSo it is.", text.replace('"write"', '"other"')):
        assert read_whole_answer(other, (WRITE,)) is None
    extra = text.replace('"path"', '"mode": 1, "path"')
    assert read_whole_answer(extra, (WRITE,)) is None
    assert read_whole_answer(text, ()) is None
    assert read_whole_answer(text, (WRITE,), options=Options(loose="none")) is None
    assert not parse(text, (WRITE,)).calls


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("", True),
        ("`", True),
        ("```xml\n<tool", True),
        ("```python\nprint", False),
        ("f", True),
        ("for", False),
        ("<|START_A", True),
        ("<b>", False),
        ("Done.", False),
    ],
)
def test_beginnings(text, may):
    assert may_begin(text) is may


def test_reasoning_that_refuses_its_call():
    for words in ("I must never do this:", "I should not run this:", "We don't call it so:"):
        parsed = parse(f"Hm.\n{words}\n{HERMES}", (WRITE,), prefill="<think>\n")
        assert (parsed.verdict, parsed.calls) == ("reask", ())
    for words in ("I don't know the file. I write it:", "Never mind.\nNow I do it:"):
        assert parse(f"{words}\n{HERMES}", (WRITE,), prefill="<think>\n").calls


def test_reasoning_is_settled_when_visible_text_follows():
    parser = TurnParser((WRITE,))
    seen = []
    for piece in ("<think>", "hm", "</think>", "\n\n", "Done", " now.", "\n<tool_call>"):
        parser.feed(piece)
        seen.append(parser.settled)
    assert seen == [False, False, False, False, True, True, False]
