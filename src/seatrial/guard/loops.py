"""Loops: a text that ends in exact repeats, and calls that come again with the same result.

The only place for loop rules: the guard runs them online, the agent over its own calls, the
diagnosis over traces, all with the same code. Not here: near-repeats (changing numbers or
names) and budgets. In: stream events, call steps, plain text. Out: findings.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from seatrial.chat.endpoint import Event, Text, Think
from seatrial.core.message import Call, Message
from seatrial.core.schema import canonical_json, sha256_hex
from seatrial.guard.protocol import Finding

MAX_PERIOD = 512
"""The longest repeated piece that is looked for, characters."""

THIN_FACTOR = 8
"""Thin pieces must cover so many times `chars`: rules, table borders, indentation, zeros."""

_STRIDE = 32
_NEEDLE = 64

_Channel = Literal["text", "think"]


class TextLoop:
    """A text loop in one stream; text and reasoning are watched apart, each found once.

    A loop is a piece of at most `MAX_PERIOD` characters that comes at least `repeats` times in
    a row, exactly, over at least `chars` characters. A piece with fewer than three different
    letters or digits is thin: `=====`, `| --- |`, blanks and `0, 0, 0, ` are what sound answers
    hold too, so it must cover `THIN_FACTOR` times as much.
    """

    def __init__(self, chars: int, repeats: int) -> None:
        if chars < 8 or repeats < 2:
            raise ValueError("a loop has at least 8 characters and 2 repeats")
        self._channels: dict[_Channel, _Tail] = {
            "text": _Tail("text", chars, repeats),
            "think": _Tail("think", chars, repeats),
        }

    def feed(self, event: Event) -> Finding | None:
        if isinstance(event, Text):
            return self._channels["text"].feed(event.text)
        if isinstance(event, Think):
            return self._channels["think"].feed(event.text)
        return None

    def end(self) -> Finding | None:
        return self._channels["text"].end() or self._channels["think"].end()


class _Tail:
    """The end of one channel's text, looked at after every so many characters.

    Looking at fixed places makes the finding independent of how the text was cut into events.
    At each place the piece of text just before the last stride is searched for further back:
    every period that can matter makes it occur there, so few candidates are compared.
    """

    def __init__(self, channel: _Channel, chars: int, repeats: int) -> None:
        self._channel = channel
        self._chars = chars
        self._repeats = repeats
        self._stride = max(1, min(_STRIDE, chars // 8))
        self._needle = max(1, min(_NEEDLE, chars - chars // repeats - self._stride - 1))
        self._window = max(repeats * MAX_PERIOD, THIN_FACTOR * chars) + 2 * self._stride
        self._text = ""
        self._dropped = 0
        self._next = self._stride
        self._found = False

    def feed(self, text: str) -> Finding | None:
        if self._found:
            return None
        at = 0
        while at < len(text):
            take = min(len(text) - at, self._next - self._dropped - len(self._text))
            self._text += text[at : at + take]
            at += take
            if self._dropped + len(self._text) == self._next:
                self._next += self._stride
                if finding := self._look():
                    return finding
        return None

    def end(self) -> Finding | None:
        return None if self._found else self._look()

    def _look(self) -> Finding | None:
        text = self._text
        before = len(text) - self._stride
        needle = text[before - self._needle : before] if before >= self._needle else ""
        at = before - self._needle
        first = max(0, at - MAX_PERIOD)
        found = at
        while needle and (found := text.rfind(needle, first, found + len(needle) - 1)) >= 0:
            period = at - found
            end, start = _run(text, before, period, max(self._chars, self._repeats * period))
            if start is None:
                continue
            if end - start >= self._least(text[end - period : end]):
                return self._finding(text, start, end, period)
            if period <= len(needle):
                # Inside of this thin run the needle occurs at multiples of its period only.
                found = max(first, min(found, at - (end - start)))
        if len(text) > 2 * self._window:
            self._dropped += len(text) - self._window
            self._text = text[-self._window :]
        return None

    def _finding(self, text: str, start: int, end: int, period: int) -> Finding:
        self._found = True
        count = (end - start) // period
        return Finding(
            detector="text_loop",
            mode_id="gen.text_loop.exact",
            channel=self._channel,
            detail=f"{period} characters repeated {count} times, {end - start} characters in all",
            quote=text[start : start + 2 * period],
            start=self._dropped + start,
            count=count,
        )

    def _least(self, piece: str) -> int:
        """How many characters the repeats of `piece` must cover at least."""
        thin = len({char for char in piece if char.isalnum()}) < 3
        return self._chars * THIN_FACTOR if thin else self._chars


def _run(text: str, at: int, period: int, need: int) -> tuple[int, int | None]:
    """End and start of the run around `at` that has `period`; no start = shorter than `need`."""
    end = at
    while end < len(text) and text[end] == text[end - period]:
        end += 1

    def repeats_from(start: int) -> bool:
        return text[start : end - period] == text[start + period : end]

    start = end - need
    if start < 0 or not repeats_from(start):
        return end, None
    outside = -1
    while start - outside > 1:
        middle = (start + outside) // 2
        if repeats_from(middle):
            start = middle
        else:
            outside = middle
    return end, start


def find_text_loop(
    text: str, chars: int = 240, repeats: int = 4, channel: _Channel = "text"
) -> Finding | None:
    """The first loop of a whole text; the same finding as online, whatever the pieces were."""
    detector = TextLoop(chars, repeats)
    event = Text(text) if channel == "text" else Think(text)
    return detector.feed(event) or detector.end()


class CallStep(msgspec.Struct, frozen=True):
    """One call and what came back."""

    name: str
    arguments: str
    """Canonical JSON where it is JSON, else the text."""
    result: str
    """Digest of the result."""

    @classmethod
    def of(cls, call: Call, result: str) -> CallStep:
        return cls(
            name=call.name,
            arguments=_canonical(call.arguments),
            result=sha256_hex(result.encode("utf-8", "surrogatepass"))[:16],
        )


class CallLoop:
    """Calls that repeat with equal results; constant memory, one verdict a step.

    `feed` gives a finding as long as the steps so far *end* in a loop: the same step
    `repeat_calls` times in a row, or `cycle_calls` rounds of two or three different steps. An
    edit in between changes a result and is progress.
    """

    def __init__(self, repeat_calls: int, cycle_calls: int) -> None:
        if repeat_calls < 2 or cycle_calls < 2:
            raise ValueError("a loop has at least two rounds")
        self._repeat_calls = repeat_calls
        self._cycle_calls = cycle_calls
        self._last: deque[CallStep] = deque(maxlen=3)
        self._same = {1: 0, 2: 0, 3: 0}
        """Period -> how many steps in a row equal the one that many steps before."""
        self._count = 0

    def feed(self, step: CallStep) -> Finding | None:
        for period in self._same:
            known = len(self._last) >= period and self._last[-period] == step
            self._same[period] = self._same[period] + 1 if known else 0
        self._last.append(step)
        self._count += 1
        if self._same[1] + 1 >= self._repeat_calls:
            return self._finding("gen.action_loop", 1, self._same[1] + 1)
        for period in (2, 3):
            steps = self._same[period] + period
            # A run of one and the same step is no cycle, however it is cut.
            if steps >= self._cycle_calls * period and self._same[1] < period - 1:
                return self._finding("gen.action_cycle", period, steps // period)
        return None

    def end(self) -> Finding | None:
        return None

    def _finding(self, mode_id: str, period: int, rounds: int) -> Finding:
        piece = list(self._last)[-period:]
        quote = "; ".join(f"{step.name}({step.arguments})" for step in piece)
        what = "the same call" if period == 1 else f"a cycle of {period} calls"
        return Finding(
            detector="call_loop",
            mode_id=mode_id,
            channel="calls",
            detail=f"{what} with the same result, {rounds} times in a row",
            quote=quote,
            start=self._count - self._same[period] - period,
            count=rounds,
        )


def find_call_loop(
    steps: Iterable[CallStep], repeat_calls: int = 3, cycle_calls: int = 4
) -> Finding | None:
    """The first loop of a whole trace, as the online detector would have met it."""
    detector = CallLoop(repeat_calls, cycle_calls)
    return next((found for step in steps if (found := detector.feed(step))), None)


def call_steps(messages: Sequence[Message]) -> list[CallStep]:
    """The steps of a conversation, in the order of their results; unanswered calls are none."""
    steps: list[CallStep] = []
    open_calls: dict[str, Call] = {}
    for message in messages:
        if message.role == "assistant":
            # Ids need to be unique within a turn only; some servers count from 0 in each.
            open_calls = {call.id: call for call in message.calls}
        elif message.role == "tool" and message.call_id is not None:
            call = open_calls.pop(message.call_id, None)
            if call is not None:
                steps.append(CallStep.of(call, message.text))
    return steps


def _canonical(arguments: str) -> str:
    try:
        return canonical_json(msgspec.json.decode(arguments)).decode()
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return arguments
