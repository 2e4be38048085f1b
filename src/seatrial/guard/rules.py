"""The guard rules: a detector, a mode and a policy each; a new rule is a class and a line below.

Rules are made anew for each request. What they need of the past stands in the request's own
messages, so a restart changes no decision.
"""

from __future__ import annotations

from collections.abc import Callable

from seatrial.chat.endpoint import Event, Request
from seatrial.core.config import GuardSpec
from seatrial.guard.loops import CallLoop, TextLoop, call_steps
from seatrial.guard.protocol import PASS, Decision, Finding, Mode, Rule


class TextLoopRule:
    """Stops a response whose text or reasoning ends in exact repeats."""

    id = "text_loop"

    def __init__(self, spec: GuardSpec, mode: Mode = "enforce") -> None:
        self.mode = mode
        self._detector = TextLoop(spec.loop_chars, spec.loop_repeats)

    def on_request(self, request: Request) -> Decision:
        return PASS

    def on_event(self, event: Event) -> Decision:
        return _stop(self._detector.feed(event))

    def on_turn(self) -> Decision:
        return _stop(self._detector.end())


class CallLoopRule:
    """Refuses a request whose history ends in calls that repeat with the same results."""

    id = "call_loop"

    def __init__(self, spec: GuardSpec, mode: Mode = "enforce") -> None:
        self.mode = mode
        self._detector = CallLoop(spec.repeat_calls, spec.cycle_calls)

    def on_request(self, request: Request) -> Decision:
        finding = None
        for step in call_steps(request.messages):
            finding = self._detector.feed(step)
        return _stop(finding)

    def on_event(self, event: Event) -> Decision:
        return PASS

    def on_turn(self) -> Decision:
        return PASS


RULES: dict[str, Callable[[GuardSpec, Mode], Rule]] = {
    TextLoopRule.id: TextLoopRule,
    CallLoopRule.id: CallLoopRule,
}


def rules_from(spec: GuardSpec, mode: Mode = "enforce") -> list[Rule]:
    """All rules with the thresholds of `spec`, for one request."""
    return [make(spec, mode) for make in RULES.values()]


def _stop(finding: Finding | None) -> Decision:
    return PASS if finding is None else Decision("stop", finding)
