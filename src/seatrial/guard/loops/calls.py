"""Call loops, strict: the same calls with the same results, again and again.

What our own agent ends a trial for. The wider rules, which know near-equal results, long cycles
and repeated edits, are `turns`. In: call steps. Out: a finding as long as they end in a loop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import msgspec

from seatrial.core.message import Call, Message
from seatrial.core.schema import canonical_json, sha256_hex
from seatrial.guard.protocol import Finding


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
