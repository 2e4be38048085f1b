"""Leaks: control tokens and invented speakers, and the texts that only look like it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.chat.endpoint import CallEvent, End, Text
from seatrial.core.config import GuardSpec
from seatrial.core.generation import Finish
from seatrial.guard.rules.leaks import LeakRule
from tests.guard.streams import CALL, XML, Run, look, stream

HUMAN = "The file is fixed.\n\nHuman: I need to see it.\n\nHuman: I need to see it.\n\n"
CHATML = "The file is fixed.<|im_end|>\n<|im_start|>user\nThanks, and now the tests."


def rule() -> LeakRule:
    return LeakRule(GuardSpec())


def text_of(events: list) -> str:
    return "".join(event.text for event in events if isinstance(event, Text))


@pytest.mark.parametrize("piece", [1, 4, 1000])
@pytest.mark.parametrize(
    ("leak", "mode"),
    [
        (HUMAN, "stack.role_leak"),
        (CHATML, "stack.control_token_leak"),
        ("The file is fixed.<|eot_id|>\nuser\nmore and more", "stack.control_token_leak"),
        ("The file is fixed.</s>\n[INST] go on with it", "stack.control_token_leak"),
    ],
)
def test_the_turn_ends_before_the_leak(leak: str, mode: str, piece: int) -> None:
    out, [decision] = look(rule(), stream(leak, piece=piece))
    assert text_of(out).rstrip() == "The file is fixed."  # blanks may have gone on before
    end = out[-1]
    assert isinstance(end, End) and end.finish is Finish.STOP
    assert decision.finding is not None and decision.finding.mode_id == mode
    finding = decision.finding
    assert leak[finding.start :].startswith(finding.quote)
    assert leak.endswith(decision.before) or leak.startswith(decision.before, finding.start)


def test_the_server_is_cancelled_as_soon_as_it_is_certain() -> None:
    out, _ = look(rule(), stream(HUMAN * 50))
    assert isinstance(out[-1], End) and out[-1].raw_finish is None


@pytest.mark.parametrize(
    "text",
    [
        "The log says `Human: hello` and the template has `<|im_end|>` in it.",
        "```\nHuman: hi\n\nHuman: again\n<|im_end|>\n<|im_start|>user\nx\n```\nThat is the file.",
        "The format is:\n\nUser: a\n\nAssistant: b\n",
        "ChatML looks as follows:\n<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n",
        "Accounts found\n\nUser: bob\nHost: x\n\nUser: eve\nHost: y\n",
        "Old prices are <s>struck</s> out.\nNew ones follow.",
        "Only one line begins so.\n\nHuman: error is the cause.\nAll else is fine.",
        "It ends with a token.<|im_end|>",
        "A Human: in the middle of a line. Human: again.\nHumane Users: all of them.",
        "> Human: quoted\n> Human: again\nand more",
        "The log shows it.\nUser: asked for it\nAssistant: granted it\n\nSo the bug is there.",
        "It ends each turn with <|im_end|> and begins the next one.",
    ],
)
@pytest.mark.parametrize("piece", [1, 1000])
def test_text_that_is_no_leak_passes_as_the_same_objects(text: str, piece: int) -> None:
    events = stream(text, piece=piece)
    out, heard = look(rule(), events)
    assert heard == []
    assert all(left is right for left, right in zip(out, events, strict=True))


SAMPLES = [
    "A sample for the fixture.\n\nUser: Hi.\n\nAssistant: Hello!\n\nSave it as fixture.txt.",
    "The file is fixed.\n\nHuman: and?\n\nAssistant: Yes.\n",
    "The template renders\n<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\nto the model.",
    "It begins a turn with <|im_start|>user, so split there.",
]


@pytest.mark.parametrize("text", SAMPLES)
async def test_a_sample_of_a_dialogue_is_asked_again_and_never_cut(text: str) -> None:
    run = await Run(stream(text), stream(text), stream(text), stream(text)).ask()
    assert run.text == text and run.end.finish is Finish.STOP
    assert {action for rule, action in run.actions if rule == "leaks"} == {"retry", "pass"}
    run = await Run(stream(text), stream("Better so.")).ask()
    assert run.text == "Better so."


@pytest.mark.parametrize("text", SAMPLES)
async def test_a_sample_in_a_long_answer_passes_whole(text: str) -> None:
    long = "".join(f"Line {n} says something new about {n * 31 % 97}.\n" for n in range(60)) + text
    run = await Run(stream(long)).ask()
    assert run.text == long and len(run.upstream.requests) == 1


def test_arguments_are_never_looked_at() -> None:
    call = CALL.__class__("1", "write", '{"content": "\\nHuman: a\\nHuman: b <|im_end|> c"}')
    events = stream("I write it.", calls=[call])
    out, heard = look(rule(), events)
    assert out == events and heard == []


def test_a_call_that_is_written_as_text_is_never_cut() -> None:
    content = "Human: a\n\nHuman: b\n<|im_end|>\n<|im_start|>user\nx"
    text = f"I write it.\n{XML.replace('hello', content)}"
    for piece in (1, 1000):
        events = stream(text, piece=piece)
        assert look(rule(), events) == (events, [])


async def test_a_leak_behind_a_call_in_text_is_no_part_of_it() -> None:
    run = await Run(stream(f"{XML}\n\nHuman: and now?\n\nHuman: and now?\n")).ask()
    assert [call.name for call in run.calls] == ["write"] and run.text == ""


def test_a_leak_is_told_once_where_it_is_only_observed() -> None:
    events = stream(HUMAN * 3)
    out, heard = look(LeakRule(GuardSpec(), "observe"), events)
    assert out == events and [decision.action for decision in heard] == ["edit"]


def test_a_single_role_word_that_the_cap_ended() -> None:
    text = "The file is fixed.\n\nHuman: tell me more about it and all"
    out, [decision] = look(rule(), stream(text, finish=Finish.LENGTH))
    assert text_of(out) == "The file is fixed." and decision.action == "edit"
    end = out[-1]
    assert isinstance(end, End) and end.finish is Finish.STOP


async def test_a_turn_that_is_nothing_but_a_leak_is_tried_again() -> None:
    run = await Run(stream(HUMAN.removeprefix("The file is fixed.")), stream("ok")).ask()
    assert run.text == "ok" and run.actions[-1] == ("leaks", "retry")


async def test_calls_that_came_with_a_leak_are_not_executed() -> None:
    leaking = [Text(event.text, b'{"tool_calls":[]}') for event in stream(HUMAN)[:1]]
    events = [*leaking, *stream(HUMAN[7:], calls=[CALL])]
    run = await Run(events, stream("ok"), rules=lambda: [rule()]).ask()
    assert run.calls == [] and run.text == "ok"
    out, _ = look(rule(), events)
    assert not any(isinstance(event, CallEvent) for event in out)
    assert isinstance(out[-1], End) and out[-1].finish is Finish.GUARD


def test_a_long_text_is_read_in_bounded_memory() -> None:
    made = rule()
    for number in range(20_000):
        made.on_event(Text(f"Line {number} of a long answer.\n"))
    assert len(made._text) < 20_000


PARTS = [
    "Human:",
    "User:",
    "Assistant:",
    "\n",
    "\n\n",
    " ",
    "a b.",
    ":",
    "```\n",
    "`",
    "<|im_end|>",
]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=14), st.lists(st.integers(1, 9), max_size=20))
def test_no_cut_of_the_stream_changes_the_outcome(parts: list[str], sizes: list[int]) -> None:
    text = "".join(parts)
    whole, _ = look(rule(), stream(text, piece=max(1, len(text))))
    events, at = [], 0
    for size in sizes:
        if text[at : at + size]:
            events.append(Text(text[at : at + size]))
        at += size
    if text[at:]:
        events.append(Text(text[at:]))
    cut, _ = look(rule(), [*events, *stream()])
    assert text_of(cut).rstrip() == text_of(whole).rstrip()
    left, right = cut[-1], whole[-1]
    assert isinstance(left, End) and isinstance(right, End) and left.finish is right.finish
