"""Healed truncation: a call in a response that reached its bound is never executed.

Servers and clients close the JSON of a call that was cut, and a file is written that ends in the
middle of a line. A call counts as cut if the server says `length`, and also if it says something
else after exactly as many tokens as were allowed (vllm-project/vllm#58228).

In: stream events. Out: a retry with a word about smaller pieces, else a stop.
"""

from __future__ import annotations

from seatrial.chat.endpoint import CallEvent, End, Event, Request, UsageEvent
from seatrial.core.config import GuardSpec
from seatrial.core.generation import Finish
from seatrial.guard.protocol import PASS, PROSE, Decision, Finding, Mode, PassingRule
from seatrial.guard.rules.base import tail

_CUT = (Finish.LENGTH, Finish.CONTEXT)

PIECES = (
    "Your last answer reached its length limit inside a tool call. Nothing of it was executed. "
    "Do it in smaller pieces: write a short first version, then add the rest in further calls."
)


class TruncatedCallRule(PassingRule):
    """Refuses every call of a turn that was cut."""

    id = "truncated_call"
    ignores = PROSE

    def __init__(self, spec: GuardSpec, mode: Mode = "enforce") -> None:
        super().__init__(spec, mode)
        self._max_tokens = 0
        self._calls: list[CallEvent] = []
        self._completion = 0

    def on_request(self, request: Request) -> Decision:
        self._max_tokens = request.max_tokens
        return PASS

    def on_event(self, event: Event) -> Decision:
        if isinstance(event, CallEvent):
            self._calls.append(event)
        elif isinstance(event, UsageEvent):
            self._completion = event.usage.completion
        elif isinstance(event, End):
            return self._judge(event)
        return PASS

    def _judge(self, end: End) -> Decision:
        if not self._calls and end.verdict != "reask":
            return PASS
        silent = 0 < self._max_tokens <= self._completion
        if end.finish not in _CUT and not silent:
            return PASS
        name = self._calls[-1].call.name if self._calls else end.tool or "a tool"
        said = end.raw_finish or end.finish.value
        return cut_call(name, f"finish {said!r} after {self._completion} tokens", self._quote(end))

    def _quote(self, end: End) -> str:
        return tail(self._calls[-1].call.arguments if self._calls else end.text)


def cut_call(name: str, why: str, quote: str) -> Decision:
    """What is done about a call of `name` that was cut."""
    finding = Finding(
        detector=TruncatedCallRule.id,
        mode_id="config.max_tokens.tool_args",
        channel="calls",
        detail=f"a call of {name} was cut: {why}",
        quote=quote,
    )
    return Decision("retry", finding, nudge=PIECES)
