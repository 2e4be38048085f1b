"""Calls that a server left in text or reasoning."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.chat.endpoint import CallEvent, End, Request, Text, UsageEvent
from seatrial.chat.fragments import FRAMES_REWRITTEN
from seatrial.core.config import GuardSpec
from seatrial.core.generation import Finish
from seatrial.core.message import Message, ToolSchema
from seatrial.guard.rules.rescue import RescueRule
from tests.guard.streams import CALL, WRITE, XML, Run, look, request, stream

HERMES = '<tool_call>\n{"name": "write", "arguments": {"path": "a", "content": "b"}}\n</tool_call>'

BASH = ToolSchema("bash", "Run.", {"type": "object", "properties": {"command": {"type": "string"}}})
LS = '<tool_call>\n{"name": "bash", "arguments": {"command": "ls"}}\n</tool_call>'


def rescue() -> RescueRule:
    return RescueRule(GuardSpec())


@pytest.mark.parametrize("piece", [1, 5, 1000])
@pytest.mark.parametrize(
    ("written", "content"),
    [
        (XML, "hello"),
        (XML.removeprefix("<tool_call>\n"), "hello"),  # the opener got lost
        (HERMES, "b"),
        ('{"name": "write", "arguments": {"path": "a", "content": "b"}}', "b"),
    ],
)
def test_a_call_in_text_becomes_the_call(written: str, content: str, piece: int) -> None:
    out, [decision] = look(rescue(), stream(written, piece=piece))
    [call] = [event.call for event in out if isinstance(event, CallEvent)]
    assert call.name == "write" and json.loads(call.arguments)["content"] == content
    assert "".join(event.text for event in out if isinstance(event, Text)) == ""
    assert isinstance(out[-2], UsageEvent)
    end = out[-1]
    assert isinstance(end, End) and end.finish is Finish.TOOL_CALLS and end.raw == b""
    assert decision.finding is not None
    assert decision.finding.mode_id == "stack.tool_not_parsed"
    assert decision.finding.quote in written and decision.before == written


def test_the_words_before_a_call_stay() -> None:
    events = stream(f"I write the file now.\n\n{XML}")
    out, _ = look(rescue(), events)
    text = "".join(event.text for event in out if isinstance(event, Text))
    assert text == "I write the file now."
    assert out[0] is events[0]  # what was certain went on as it came


def test_a_call_in_reasoning_that_never_ended() -> None:
    out, [decision] = look(rescue(), stream(think=f"I do it.\n{HERMES}"))
    assert [event.call.source for event in out if isinstance(event, CallEvent)] == ["reasoning"]
    assert decision.finding is not None and decision.finding.channel == "think"


def test_a_draft_in_reasoning_is_none() -> None:
    events = stream("All is done.", think=f"Maybe so:\n{HERMES}\nNo, it is done.")
    out, heard = look(rescue(), events)
    assert out == events and heard == []


@pytest.mark.parametrize(
    "text",
    [
        "The file is written. All tests pass.",
        f"Such a call looks like this:\n```xml\n{XML}\n```\nThe server reads it.",
        "Use `<tool_call>` tags around the call.",
        "| a | b |\n| --- | --- |\n| 1 | 2 |\n",
        'The answer is {"name": "Ada", "arguments": 3} as JSON.',
    ],
)
def test_text_that_is_no_call_passes_as_the_same_objects(text: str) -> None:
    events = stream(text, piece=3)
    out, heard = look(rescue(), events)
    assert heard == []
    assert all(left is right for left, right in zip(out, events, strict=True))


def test_only_declared_tools() -> None:
    other = XML.replace("=write>", "=delete_all>")
    out, _ = look(rescue(), stream(other))
    assert not any(isinstance(event, CallEvent) for event in out)
    events = stream(XML)
    out, heard = look(rescue(), events, request(tools=()))
    assert out == events and heard == []


def test_calls_of_the_server_are_left_alone() -> None:
    events = stream("I write it.", calls=[CALL])
    out, heard = look(rescue(), events)
    assert out == events and heard == []


async def test_what_cannot_be_read_is_asked_for_again() -> None:
    broken = '<tool_call>\n{"name": "write", "arguments": {"path": 1\n</tool_call>'
    run = await Run(stream(broken), stream(XML)).ask()
    assert [call.name for call in run.calls] == ["write"]
    assert run.actions == [("rescue", "retry"), ("rescue", "edit")]
    again = run.upstream.requests[1].messages
    assert [message.role for message in again] == ["user", "assistant", "user"]
    assert again[1].text == broken and "was not executed" in again[2].text
    assert "Schema of write" in again[2].text or "Tools: write" in again[2].text


async def test_a_call_that_the_server_could_not_read_never_goes_on() -> None:
    bad = stream("", verdict="reask", reason="the arguments are not valid JSON", tool="write")
    run = await Run(bad, stream("ok")).ask()
    assert run.text == "ok" and run.actions == [("rescue", "retry")]
    run = await Run(bad, ladder=None).ask()
    assert run.end.finish is Finish.GUARD and run.calls == []


async def test_a_cut_call_is_asked_for_in_pieces() -> None:
    run = await Run(stream(XML[:90], finish=Finish.LENGTH), stream("ok")).ask()
    assert run.actions == [("truncated_call", "retry")] or run.heard[0][0] == "rescue"
    assert "smaller pieces" in run.told(2)


async def test_what_cannot_be_asked_again_passes_as_text() -> None:
    broken = '<tool_call>\n{"name": "write", "arguments": {"path": 1\n</tool_call>'
    events = stream(broken)
    run = await Run(events, ladder=None).ask()
    assert run.text == broken and run.end.finish is Finish.STOP


@settings(max_examples=60, deadline=None)
@given(
    st.text(alphabet="ab \n.<>{}`\"'=_tol/", max_size=60),
    st.lists(st.integers(1, 30), min_size=1, max_size=20),
)
def test_no_cut_of_the_stream_changes_the_outcome(noise: str, sizes: list[int]) -> None:
    text = f"{noise}\n{XML}"
    whole, _ = look(rescue(), stream(text, piece=len(text)))
    events, at = [], 0
    for size in sizes:
        events.append(Text(text[at : at + size]))
        at += size
    events = [event for event in events if event.text]
    if text[at:]:
        events.append(Text(text[at:]))
    cut, _ = look(rescue(), [*events, *stream()])
    for kind in (Text, CallEvent):
        left = [e for e in whole if isinstance(e, kind)]
        right = [e for e in cut if isinstance(e, kind)]
        if kind is Text:
            assert "".join(e.text for e in left) == "".join(e.text for e in right)
        else:
            assert left == right


BARE = '{"name": "write", "arguments": {"path": "a", "content": "b"}}'


@pytest.mark.parametrize("text", [XML, HERMES, BARE])
def test_no_call_where_none_may_come(text: str) -> None:
    events = stream(text)
    out, heard = look(rescue(), events, request(tool_choice="none"))
    assert out == events and heard == []


async def test_only_the_forced_tool_is_called() -> None:
    asked = request(tools=(WRITE, BASH), forced_tool="bash")
    run = await Run(stream(HERMES), stream(LS)).ask(asked)
    assert [call.name for call in run.calls] == ["bash"]
    assert "unknown tool 'write'" in run.told(2)


async def test_two_calls_where_one_may_come_are_asked_for_again() -> None:
    other = HERMES.replace('"a"', '"c"')
    run = await Run(stream(HERMES + "\n" + other), stream(HERMES)).ask(
        request(parallel_calls=False)
    )
    assert len(run.calls) == 1 and "only one call" in run.told(2)


@pytest.mark.parametrize(
    "asked",
    [
        request(json_answer=True),
        request(Message("user", "Print an example of a function call as JSON. Do not run it.")),
    ],
)
def test_json_that_was_asked_for_is_the_answer(asked: Request) -> None:
    events = stream(BARE)
    out, heard = look(rescue(), events, asked)
    assert out == events and heard == []
    out, _ = look(rescue(), stream(XML), asked)
    assert any(isinstance(event, CallEvent) for event in out)


@pytest.mark.parametrize(
    "words", ["Write cleanup.sh. Do not run it.", "Explain the function calls in main.py."]
)
def test_a_task_that_speaks_of_calls_is_a_task(words: str) -> None:
    out, _ = look(rescue(), stream(BARE), request(Message("user", words)))
    assert any(isinstance(event, CallEvent) for event in out)


async def test_what_the_reasoning_refuses_is_not_executed() -> None:
    run = await Run(stream(think=f"I must never do this:\n{HERMES}"), stream("ok")).ask()
    assert run.calls == [] and run.text == "ok"


async def test_a_call_that_only_does_not_fit_goes_on_after_the_retries() -> None:
    unfit = stream("", verdict="reask", reason="unknown tool 'x'", tool="x", unfit=True)
    run = await Run(unfit, stream("ok")).ask()
    assert run.text == "ok"
    run = await Run(unfit, ladder=None).ask()
    assert run.end.finish is Finish.STOP


def test_frames_that_clients_may_read_otherwise_are_written_anew() -> None:
    events = stream(calls=[CALL], verdict="repaired", repairs=(FRAMES_REWRITTEN,))
    out, [decision] = look(rescue(), events)
    assert decision.action == "edit" and decision.finding is not None
    assert out[:-1] == events[:-1] and out[-1].raw == b""


FENCED = f"```xml\n{HERMES}\n```"
ARGUMENTS = '{"path": "a", "content": "b"}'
WHOLE = [
    FENCED,
    f"```\n{HERMES}\n{HERMES.replace('b', 'c')}\n```\n",
    f"<think>\nI will write.\n{HERMES}\n</think>\n",
    f'<|START_ACTION|>[{{"tool_call_id": "0", "tool_name": "write", "parameters": {ARGUMENTS}}}]'
    "<|END_ACTION|>",
    f'<|tools_prefix|>[{{"write": {ARGUMENTS}}}]<|tools_suffix|>',
    f'functools[{{"name": "write", "arguments": {ARGUMENTS}}}]',
    BARE.replace('"b"', '"<think>b</think>\\n</think>"'),
    "[write(path='a', content='</think>\\nb')]",
    f"Thought: x\nAction: write\nAction Input: {ARGUMENTS.replace('b', 'b</think>')}",
]


@pytest.mark.parametrize("piece", [1, 5, 1000])
@pytest.mark.parametrize("written", WHOLE)
def test_a_wrapper_that_is_the_whole_answer_is_the_call(written: str, piece: int) -> None:
    out, [decision] = look(rescue(), stream(written, piece=piece))
    calls = [event.call for event in out if isinstance(event, CallEvent)]
    assert {call.name for call in calls} == {"write"}
    assert "b" in json.loads(calls[0].arguments)["content"]
    text = "".join(event.text for event in out if isinstance(event, Text))
    assert text.strip() in ("", "Thought: x")
    assert decision.action == "edit"


@pytest.mark.parametrize("piece", [1, 5, 1000])
@pytest.mark.parametrize(
    "written",
    [
        f"So it looks:\n{FENCED}",
        f"{FENCED}\nThat is the form.",
        FENCED.replace('"write"', '"other"'),
        f"<think>\nThe form is\n{HERMES}\nand I know it.\n</think>\n\nDone.",
        '<|tools_prefix|>[{"other": {}}]<|tools_suffix|>',
        'functools[{"name": "write", "arguments": {"path": "a"}}]',
        "functools is a module of Python.",
        "```python\nprint(1)\n```",
    ],
)
def test_a_wrapper_beside_other_text_is_text(written: str, piece: int) -> None:
    events = stream(written, piece=piece)
    out, _ = look(rescue(), events)
    assert not any(isinstance(event, CallEvent) for event in out)


def test_an_answer_behind_reasoning_in_tags_is_passed_on_as_it_comes() -> None:
    rule, text = rescue(), "<think>let me see</think>\n\nThe answer has many words. "
    rule.on_request(request())
    actions = [rule.on_event(Text(piece, b"x")).action for piece in text.split(" ")]
    assert actions[-3:] == ["pass", "pass", "pass"]
    call = f"{text}\n\n{XML}"
    out, _ = look(rescue(), stream(call))
    shown = "".join(event.text for event in out if isinstance(event, Text))
    assert shown.strip() == text.strip()
    assert [event.call.name for event in out if isinstance(event, CallEvent)] == ["write"]
