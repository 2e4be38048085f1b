"""Budgets, truncation, empty turns, announcements, parse errors of a server."""

from __future__ import annotations

import msgspec
import pytest

from seatrial.chat import ContextOverflowError
from seatrial.chat.endpoint import NO_CAP, CallEvent, Text, Think
from seatrial.core.config import BudgetSpec, GuardSpec
from seatrial.core.errors import EngineError
from seatrial.core.generation import Finish
from seatrial.core.message import Call
from seatrial.guard.rules.budgets import (
    TextBudgetRule,
    ThinkBudgetRule,
    ToolBudgetRule,
    TurnBudgetRule,
)
from seatrial.guard.rules.empty import EmptyCompletionRule
from seatrial.guard.rules.finish import FinishWordRule
from seatrial.guard.rules.intent import NUDGE, NUDGE_IN_TEXT, IntentRule, announcement
from seatrial.guard.rules.parse_error import ParseErrorRule
from seatrial.guard.rules.truncation import TruncatedCallRule
from tests.guard.streams import CALL, Run, look, request, stream


def budgets(**bounds: int | None) -> GuardSpec:
    none = {"think": None, "text": None, "tool": None, "turn": None}
    return GuardSpec(budgets=BudgetSpec(**{**none, **bounds}))


# Budgets


def test_reasoning_is_counted_over_all_its_blocks() -> None:
    events = [Think("x" * 300), Text("so"), Think("y" * 200), *stream("end")]
    out, [decision] = look(ThinkBudgetRule(budgets(think=100)), events)
    assert out[:2] == events[:2] and len(out) == 3
    assert decision.finding is not None and decision.finding.mode_id == "config.think_budget"
    assert decision.finding.start + len(decision.finding.quote) == 500
    assert look(ThinkBudgetRule(budgets(think=125)), events) == (events, [])


def test_text_and_reasoning_have_their_own_bounds() -> None:
    events = stream("t" * 410, think="x" * 4000)
    _, [decision] = look(TextBudgetRule(budgets(text=100)), events)
    assert decision.finding is not None and decision.finding.channel == "text"
    assert decision.ending == "length"
    assert look(TextBudgetRule(budgets(text=103)), events)[1] == []


def test_a_client_that_asks_for_a_longer_answer_by_number_gets_it() -> None:
    events = stream("t" * 410)
    for cap, found in ((102, 0), (101, 1), (99, 1), (NO_CAP, 1)):
        _, decisions = look(TextBudgetRule(budgets(text=100)), events, request(max_tokens=cap))
        assert len(decisions) == found, cap


def test_a_token_is_four_bytes() -> None:
    events = stream("界" * 100)
    assert look(TextBudgetRule(budgets(text=75)), events)[1] == []
    assert look(TextBudgetRule(budgets(text=74)), events)[1] != []


async def test_a_call_above_its_budget_is_not_executed() -> None:
    big = Call("1", "write", '{"content": "' + "x" * 900 + '"}')
    rules = lambda: [ToolBudgetRule(budgets(tool=200))]  # noqa: E731
    run = await Run(stream(calls=[big]), stream(calls=[CALL]), rules=rules).ask()
    assert run.calls == [CALL] and "smaller calls" in run.told(2)
    assert look(ToolBudgetRule(budgets()), stream(calls=[big]))[1] == []


async def test_the_bound_of_the_turn_is_told_to_the_server() -> None:
    rules = lambda: [TurnBudgetRule(budgets(turn=100))]  # noqa: E731
    run = await Run(stream("ok"), rules=rules).ask(request(max_tokens=4096))
    assert run.upstream.requests[0].max_tokens == 100
    run = await Run(stream("ok"), rules=rules).ask(request(max_tokens=64))
    assert run.upstream.requests[0].max_tokens == 64 and run.heard == []


# Truncated calls


@pytest.mark.parametrize("finish", [Finish.LENGTH, Finish.CONTEXT])
async def test_a_healed_truncation_is_never_executed(finish: Finish) -> None:
    run = await Run(stream(calls=[CALL], finish=finish), stream("ok")).ask()
    assert run.calls == [] and run.text == "ok" and "smaller pieces" in run.told(2)
    run = await Run(stream("words", calls=[CALL], finish=finish), holding=None).ask()
    assert run.calls == [] and run.end.finish is Finish.GUARD
    assert run.heard[-1][1].finding is not None
    assert run.heard[-1][1].finding.mode_id == "config.max_tokens.tool_args"


async def test_a_server_that_hides_the_length_stop() -> None:
    hidden = stream(calls=[CALL], completion=1024)
    run = await Run(hidden, stream("ok")).ask(request(max_tokens=1024))
    assert run.calls == []
    run = await Run(hidden).ask(request(max_tokens=1025))
    assert run.calls == [CALL]


def test_text_that_was_cut_is_text() -> None:
    events = stream("a long story", finish=Finish.LENGTH, completion=1024)
    assert look(TruncatedCallRule(GuardSpec()), events) == (events, [])


# Answers that were broken off


def ended(word: str | None, events: list) -> list:
    return [*events[:-1], msgspec.structs.replace(events[-1], raw_finish=word)]


@pytest.mark.parametrize("word", ["abort", "error", "insufficient_system_resource", None])
@pytest.mark.parametrize("calls", [[], [CALL]])
async def test_a_broken_answer_is_a_failure_of_the_server(word: str | None, calls: list) -> None:
    finish = Finish.OTHER if word else Finish.MISSING
    run = await Run(ended(word, stream("I look", calls=calls, finish=finish))).ask()
    assert run.calls == [] and run.end.finish is Finish.GUARD
    assert run.end.ending == "retryable_error" and len(run.upstream.requests) == 1
    assert run.heard[-1][0] == "broken_off"


async def test_an_unknown_word_breaks_nothing_off() -> None:
    run = await Run(ended("eos_of_sorts", stream("All is well.", finish=Finish.OTHER))).ask()
    assert run.text == "All is well." and run.end.finish is Finish.OTHER


async def test_a_call_of_a_filtered_answer_is_never_executed() -> None:
    filtered = ended("content_filter", stream(calls=[CALL], finish=Finish.OTHER))
    run = await Run(filtered, stream("ok")).ask()
    assert run.calls == [] and run.text == "ok" and "withheld" in run.told(2)
    run = await Run(filtered).ask()
    assert run.calls == [] and run.end.finish is Finish.GUARD
    words = ended("content_filter", stream("Sure, so", finish=Finish.OTHER))
    assert (await Run(words).ask()).text == "Sure, so"


# Words for the end


def test_a_word_that_clients_do_not_know_is_told_anew() -> None:
    events = ended("eos_token", stream("All is well."))
    out, [decision] = look(FinishWordRule(GuardSpec()), events)
    assert (decision.action, decision.before) == ("edit", "eos_token")
    assert out[:-1] == events[:-1] and out[-1].raw == b""
    assert out[-1].raw_finish == "eos_token" and out[-1].finish is Finish.STOP


@pytest.mark.parametrize("word", ["stop", "length", "tool_calls", "content_filter", None])
def test_a_word_that_clients_know_stays(word: str | None) -> None:
    events = ended(word, stream("All is well."))
    assert look(FinishWordRule(GuardSpec()), events) == (events, [])


def test_what_is_written_anew_needs_no_other_word() -> None:
    *events, end = ended("eos", stream("All is well."))
    events.append(msgspec.structs.replace(end, raw=b""))
    assert look(FinishWordRule(GuardSpec()), events) == (events, [])


# Empty turns


@pytest.mark.parametrize(
    ("events", "mode"),
    [
        (stream(), "format.no_tool_call"),
        (stream(" \n\n"), "format.no_tool_call"),
        (stream(think="I should do it."), "stack.think_truncated"),
        (stream(think="I should do", finish=Finish.LENGTH), "stack.think_truncated"),
    ],
)
async def test_nothing_is_asked_for_again_and_ends_in_an_error(events: list, mode: str) -> None:
    run = await Run(events, stream("ok")).ask()
    assert run.text == "ok" and run.heard[0][1].finding is not None
    assert run.heard[0][1].finding.mode_id == mode
    run = await Run(events).ask()
    assert run.end.finish is Finish.GUARD and run.end.ending == "final_error"


def test_small_requests_and_calls_are_not_empty() -> None:
    rule = EmptyCompletionRule(GuardSpec())
    assert look(rule, stream(), request(max_tokens=1))[1] == []
    assert look(EmptyCompletionRule(GuardSpec()), stream(calls=[CALL]))[1] == []


# Announcements

ANNOUNCEMENTS = [
    "I'll now create the file:",
    "Let me check the tests first.",
    "The bug is in parse().\n\nNow I will fix it:",
    "Great! Now let's run the tests to make sure they pass...",
    "I found two problems. First, let me look at the config file.",
    "Okay, I'm going to update `a.py` now.",
    "**Next, I'll write the tests:**",
    "I need to read the file before I can change it.",
    "Ich werde jetzt die Datei erstellen:",
    "Je vais maintenant créer le fichier :",
    "Voy a crear el archivo:",
    "Vou criar o arquivo:",
    "我来创建这个文件：",
    "Теперь я создам файл:",
]
ANSWERS = [
    "I fixed the bug and all tests pass.",
    "Let me know if you need anything else.",
    "I'll be happy to help with the rest.",
    "If you want, I'll create the file as well.",
    "Should I create the file now?",
    "I will use this format in future.",
    "The function will create the file.",
    "I looked at it: the test was wrong.",
    "Here is the result:\n\n| a | b |\n|---|---|\n| 1 | 2 |",
    "Let me explain: the cache is stale, so the second read gets the old value.",
    "To run it:\n\n```\npython a.py\n```",
    "I can't open the file. I need to be given access, please.",
    "Done. I will not change anything else.",
    "Next steps:\n- run the tests\n- deploy",
    "Résumé : le fichier est corrigé.",
    "Zusammenfassung: Alles ist erledigt.",
    "42",
    "",
    "I'll wait for your confirmation before I delete the files.",
    "Once you confirm, I'll run the migration.",
]


@pytest.mark.parametrize("text", ANNOUNCEMENTS)
async def test_an_announcement_is_told_once(text: str) -> None:
    run = await Run(stream(text), stream(calls=[CALL])).ask()
    assert run.calls == [CALL] and run.told(2) == NUDGE
    run = await Run(stream(text)).ask()
    assert len(run.upstream.requests) == 2
    assert run.text == text and run.end.finish is Finish.STOP


@pytest.mark.parametrize("text", ANSWERS)
def test_an_answer_is_an_answer(text: str) -> None:
    assert announcement(text) is None


def test_an_announcement_with_a_call_or_without_tools_is_fine() -> None:
    text = ANNOUNCEMENTS[0]
    for events, asked in (
        (stream(text, calls=[CALL]), request()),
        (stream(text), request(tools=())),
        (stream(text), request(tool_choice="none")),
        (stream(text, finish=Finish.LENGTH), request()),
    ):
        assert look(IntentRule(GuardSpec()), events, asked)[1] == []


# Behind a colon a control token may be an example.
ENDED = [text for text in ANNOUNCEMENTS if text.endswith(".")]
RAN_ON = "<|im_end|>\n<|im_start|>user\nThank you, that is what I wanted.<|im_end|>\n"


@pytest.mark.parametrize("text", ENDED)
async def test_without_tools_an_announcement_counts_when_the_model_ran_on(text: str) -> None:
    asked = request(tools=())
    answer = "notes.txt\n```\nhello\n```\n"
    run = await Run(stream(text + RAN_ON), stream(answer)).ask(asked)
    assert run.text == answer and run.told(2) == NUDGE_IN_TEXT
    run = await Run(stream(text + RAN_ON)).ask(asked)
    assert len(run.upstream.requests) == 2
    assert run.text == text and run.end.finish is Finish.STOP


@pytest.mark.parametrize("text", [text for text in ANSWERS if text])
async def test_without_tools_an_answer_is_one_even_when_the_model_ran_on(text: str) -> None:
    run = await Run(stream(text + RAN_ON)).ask(request(tools=()))
    assert len(run.upstream.requests) == 1


# Parse errors of a server


@pytest.mark.parametrize(
    "message",
    [
        "http://x answered 500: Failed to parse input at pos 12: <tool_call>",
        "http://x answered 500: Invalid diff: now finding less tool calls!",
        "the server broke off: error parsing tool call: raw='{'",
        "http://x answered 500: XML syntax error on line 3: unexpected EOF",
    ],
)
async def test_a_parse_error_is_tried_again(message: str) -> None:
    run = await Run(EngineError(message), stream(calls=[CALL])).ask()
    assert run.calls == [CALL] and run.actions == [("parse_error", "retry")]


@pytest.mark.parametrize(
    "error",
    [
        EngineError("http://x answered 500: out of memory"),
        EngineError("nothing listens at http://x"),
        ContextOverflowError("failed to parse input: the prompt does not fit the window"),
    ],
)
async def test_other_errors_go_on_as_they_are(error: EngineError) -> None:
    run = Run(error)
    with pytest.raises(EngineError) as raised:
        await run.ask()
    assert raised.value is error and run.heard == [] and len(run.upstream.requests) == 1


async def test_an_error_after_something_was_seen_is_not_tried_again() -> None:
    class Breaks(list):
        def __iter__(self):
            yield Text("seen")
            raise EngineError("the server broke off: failed to parse tool call")

    run = Run(Breaks(), rules=lambda: [ParseErrorRule(GuardSpec())], holding=None)
    with pytest.raises(EngineError):
        await run.ask()
    assert len(run.upstream.requests) == 1 and "has seen" in run.heard[0][1].note


def test_a_call_event_alone_is_no_finding() -> None:
    assert ToolBudgetRule(budgets(tool=10)).on_event(CallEvent(CALL)).action == "pass"


@pytest.mark.parametrize(
    "text",
    [
        "<think>\nThe user wants a file.\n</think>\n",
        "<think>\n\n</think>\n\n",
        "<|im_end|>",
        "</s>",
        "</think>",
        "<think>a</think><|eot_id|>",
    ],
)
def test_tags_and_end_tokens_are_no_answer(text: str) -> None:
    decisions = look(EmptyCompletionRule(GuardSpec()), stream(text, piece=3))[1]
    assert [decision.action for decision in decisions] == ["stop"]


@pytest.mark.parametrize(
    "text", ["<think>a</think>Done.", "<b>Done</b>", "Use <think>.", "<think>a"]
)
def test_words_around_tags_are_an_answer(text: str) -> None:
    assert look(EmptyCompletionRule(GuardSpec()), stream(text, piece=3))[1] == []
