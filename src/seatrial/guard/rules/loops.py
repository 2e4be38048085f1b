"""The two loop rules of the agent: exact repeats in a response, and calls that come again.

In: stream events, the history in a request. Out: stops.
"""

from __future__ import annotations

from seatrial.chat.endpoint import Event, Request
from seatrial.core.config import GuardSpec
from seatrial.guard.loops import CallLoop, TextLoop, call_steps
from seatrial.guard.protocol import PASS, Decision, Finding, Mode


class TextLoopRule:
    """Stops a response whose text or reasoning ends in exact repeats."""

    id = "text_loop"

    def __init__(self, spec: GuardSpec, mode: Mode = "enforce") -> None:
        self.mode = mode
        self._detector = TextLoop(spec.loop_chars, spec.loop_repeats)

    def on_request(self, request: Request) -> Decision:
        return PASS

    def on_event(self, event: Event) -> Decision:
        finding = self._detector.feed(event)
        if finding is None and self._detector.suspects(event):
            # As long as it is held, it can be generated again.
            return Decision("hold")
        return _again(finding)

    def on_turn(self) -> Decision:
        return _again(self._detector.end())


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
        return PASS if finding is None else Decision("stop", finding, ending="final_error")

    def on_event(self, event: Event) -> Decision:
        return PASS

    def on_turn(self) -> Decision:
        return PASS


def _again(finding: Finding | None) -> Decision:
    if finding is None:
        return PASS
    where = "reasoning" if finding.channel == "think" else "answer"
    nudge = f"Your last {where} repeated itself without end. Say each thing once, then go on."
    return Decision("retry", finding, nudge=nudge)
