"""What broke the prompt cache between two requests."""

from __future__ import annotations

import pytest

from seatrial.chat.endpoint import Request
from seatrial.core.config import GuardSpec
from seatrial.core.message import Message
from seatrial.guard import PrefixMemory
from seatrial.guard.rules.prefix import PrefixRule
from tests.guard.streams import Run, request, stream

TASK = Message("user", "Fix the parser. " * 20)
TURN = (Message("assistant", "I look at it. " * 20), Message("user", "Go on. " * 20))
PROMPT = "You are an agent.\n{}\n" + "Follow the rules. " * 40


def conversation(line: str, *more: Message) -> Request:
    return request(Message("system", PROMPT.format(line)), TASK, *more)


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("Today is 2026-01-01.", "Today is 2026-01-02.", "date or time"),
        ("It is Monday, 10:15:00", "It is Monday, 10:15:09", "date or time"),
        ("cch=81a2;", "cch=99f3;", "billing header"),
        ("Working directory: /tmp/a", "Working directory: /tmp/b", "working directory"),
        (f"Session {'a' * 32}", f"Session {'b' * 32}", "random id"),
        ("Be brief.", "Be thorough.", "a rewritten message"),
    ],
)
def test_a_volatile_line_is_named(before: str, after: str, kind: str) -> None:
    memory = PrefixMemory()
    assert memory.compare(conversation(before)) is None
    broken = memory.compare(conversation(after, *TURN))
    assert broken is not None
    assert (broken.message, broken.kind, broken.before, broken.after) == (0, kind, before, after)
    prompt = PROMPT.format(after)
    assert prompt[broken.char] != PROMPT.format(before)[broken.char] and broken.kept_share < 0.1


def test_a_conversation_that_grows_breaks_nothing() -> None:
    memory = PrefixMemory()
    for turns in range(4):
        assert memory.compare(conversation("x", *(TURN * turns))) is None


def test_a_rewritten_message_is_found_by_its_place() -> None:
    memory = PrefixMemory()
    memory.compare(conversation("x", *TURN, *TURN))
    rewritten = (Message("assistant", "…"), *TURN[1:])
    broken = memory.compare(conversation("x", *TURN, *rewritten, *TURN))
    assert broken is not None and broken.message == 4 and broken.kind == "a rewritten message"


def test_other_tools_break_all_of_it() -> None:
    memory = PrefixMemory()
    memory.compare(conversation("x"))
    broken = memory.compare(Request(messages=conversation("x", *TURN).messages))
    assert broken is not None and (broken.message, broken.kept_share) == (-1, 0.0)


def test_another_conversation_is_compared_with_its_own_past() -> None:
    memory = PrefixMemory()
    other = request(Message("system", PROMPT.format("x")), Message("user", "Another task."))
    memory.compare(conversation("x"))
    assert memory.compare(other) is None
    assert memory.compare(conversation("x", *TURN)) is None
    assert memory.compare(request(*other.messages, *TURN)) is None


def test_the_memory_is_bounded() -> None:
    memory = PrefixMemory(conversations=3)
    for number in range(9):
        memory.compare(request(Message("user", f"{number}")))
    assert len(memory._seen) == 3


async def test_the_rule_only_tells() -> None:
    memory = PrefixMemory()
    rules = lambda: [PrefixRule(GuardSpec(), "enforce", memory)]  # noqa: E731
    await Run(stream("ok"), rules=rules).ask(conversation("It is 10:15."))
    asked = conversation("It is 10:16.", *TURN)
    run = await Run(stream("ok"), rules=rules).ask(asked)
    [(_, decision)] = run.heard
    assert run.upstream.requests == [asked] and decision.action == "pass"
    assert decision.finding is not None and "date or time" in decision.finding.detail
    # A retry, or a message that was taken back at the end, is no news.
    run = await Run(stream("ok"), rules=rules).ask(conversation("It is 10:16.", *TURN[:1], TASK))
    assert run.heard == []
