"""Prompts that reached the model shorter than they were sent."""

from __future__ import annotations

import msgspec
import pytest

from seatrial.chat.endpoint import Event, Request, UsageEvent
from seatrial.core.config import GuardSpec
from seatrial.core.generation import Timings, Usage
from seatrial.core.message import Call, Message
from seatrial.guard.rules.silent_truncation import PromptMemory, SilentTruncationRule
from tests.guard.streams import request

WORDS = "The parser reads a line, and then the next one. "
TASK = Message("user", "Fix the parser.")


def judged(asked: Request, usage: Usage, memory: PromptMemory) -> str | None:
    rule = SilentTruncationRule(GuardSpec(), memory=memory)
    rule.on_request(asked)
    event: Event = UsageEvent(usage, Timings())
    finding = rule.on_event(event).finding
    return None if finding is None else finding.detail


def twice(asked: Request, usage: Usage) -> str | None:
    """Seen in two turns of one conversation."""
    memory = PromptMemory()
    assert judged(asked, usage, memory) is None
    return judged(asked, usage, memory)


def prompt(chars: int) -> Request:
    """A longer one goes on from a shorter one, in steps of 2,000 characters."""
    text = (WORDS * (chars // len(WORDS) + 1))[:chars]
    said = [Message("user", text[at : at + 2_000]) for at in range(0, chars, 2_000)]
    return request(TASK, Message("assistant", "I read."), *said)


def test_a_count_far_too_small_for_the_text() -> None:
    detail = twice(prompt(60_000), Usage(prompt=2_050))
    assert detail is not None and "2050 tokens" in detail and "did not read all" in detail


@pytest.mark.parametrize(
    "usage",
    [Usage(prompt=12_000), Usage(prompt=7_000), Usage(prompt=40, cached=11_960), Usage(), Usage(0)],
)
def test_a_sound_count_or_none_says_nothing(usage: Usage) -> None:
    assert twice(prompt(48_000), usage) is None


@pytest.mark.parametrize("run", [" ", "-", "=", "\n", "*", "0"])
def test_long_runs_of_one_character_are_few_tokens(run: str) -> None:
    asked = request(TASK, Message("tool", run * 200_000, call_id="c1"))
    assert twice(asked, Usage(prompt=1_200)) is None


def test_thinking_that_templates_drop_is_no_loss() -> None:
    thought = Message("assistant", f"<think>{WORDS * 2_000}</think>Done.", WORDS * 2_000)
    assert twice(request(TASK, thought, TASK), Usage(prompt=600)) is None


def test_calls_count_as_text() -> None:
    call = Call("c1", "write", WORDS * 2_000)
    asked = request(
        TASK, Message("assistant", "", "", (call,)), Message("tool", "ok", call_id="c1")
    )
    assert twice(asked, Usage(prompt=900)) is not None


def test_the_same_count_for_a_conversation_that_grew() -> None:
    memory = PromptMemory()
    assert judged(prompt(16_000), Usage(prompt=4_096), memory) is None
    detail = judged(prompt(18_000), Usage(prompt=4_096), memory)
    assert detail is not None and "4096 tokens are all that it reads" in detail


@pytest.mark.parametrize(("chars", "tokens"), [(16_100, 4_096), (18_000, 4_600), (12_000, 4_096)])
def test_a_count_that_follows_the_conversation_says_nothing(chars: int, tokens: int) -> None:
    memory = PromptMemory()
    judged(prompt(16_000), Usage(prompt=4_096), memory)
    assert judged(prompt(chars), Usage(prompt=tokens), memory) is None


def test_a_server_that_always_says_ten_is_no_finding() -> None:
    memory = PromptMemory()
    for chars in (400, 2_000, 7_000):
        assert judged(prompt(chars), Usage(prompt=10), memory) is None


def test_a_server_that_counts_only_what_was_not_cached_is_left_alone() -> None:
    memory = PromptMemory()
    counts = [(60_000, 15_000), (62_000, 600), (70_000, 2_100), (78_000, 2_100)]
    for chars, tokens in counts:
        assert judged(prompt(chars), Usage(prompt=tokens), memory) is None


def test_a_summary_without_tools_says_nothing_of_the_server() -> None:
    memory = PromptMemory()
    asked = prompt(4_000)
    # Most of the count are the tools.
    assert judged(asked, Usage(prompt=12_300), memory) is None
    summary = msgspec.structs.replace(asked, tools=(), messages=(*asked.messages, TASK))
    assert judged(summary, Usage(prompt=1_100), memory) is None
    assert not memory.partial
    # What the conversation itself shows is still seen.
    assert judged(prompt(16_000), Usage(prompt=12_300), memory) is not None


def test_a_history_that_was_written_anew_says_nothing_of_the_server() -> None:
    memory = PromptMemory()
    judged(prompt(16_000), Usage(prompt=15_000), memory)
    compacted = request(TASK, Message("user", WORDS * 400))
    assert judged(compacted, Usage(prompt=4_000), memory) is None
    assert not memory.partial


def test_conversations_are_kept_apart_and_bounded() -> None:
    memory = PromptMemory(conversations=2)
    for task in "abc":
        asked = request(Message("user", task), Message("user", WORDS * 400))
        assert judged(asked, Usage(prompt=4_096), memory) is None
    grown = request(
        Message("user", "a"), Message("user", WORDS * 400), Message("user", WORDS * 200)
    )
    assert judged(grown, Usage(prompt=4_096), memory) is None
