"""The loop rules of a gateway: near loops, calls across turns, repeats in arguments.

A text or reasoning in circles is generated again while the consumer saw nothing, else stopped.
Calls that come again get a word to the model first, then the conversation is stopped. Repeats in
arguments are only told. In: stream events, the history in a request. Out: decisions. State is
rebuilt from the request's messages, so a restart changes no decision.
"""

from __future__ import annotations

import msgspec

from seatrial.chat.endpoint import Event, Request
from seatrial.core.config import GuardSpec
from seatrial.core.loop_limits import LoopLimits
from seatrial.guard.loops import ArgumentLoop, NearLoop, TurnFinding, recent_steps, turn_loop
from seatrial.guard.loops.turns import WINDOW
from seatrial.guard.protocol import PASS, PROSE, Decision, Finding, Mode

NOTE = "[Note: you are repeating yourself."
"""How the word to the model begins; a request that holds it at its end is left as it is."""


class NearLoopRule:
    """Retries, or stops, a response whose prose or reasoning goes in circles."""

    id = "near_loop"

    def __init__(self, spec: GuardSpec, mode: Mode = "enforce") -> None:
        self.mode = mode
        limits = loop_limits(spec)
        self._detector = NearLoop(limits.text_near, limits.think_near)

    def on_request(self, request: Request) -> Decision:
        return PASS

    def on_event(self, event: Event) -> Decision:
        finding = self._detector.feed(event)
        return PASS if finding is None else _retry(finding)

    def on_turn(self) -> Decision:
        # What ended by itself is an answer, however often it says the same.
        return PASS


class TurnLoopRule:
    """Tells the model of calls that come again, and refuses the request when that is no help."""

    id = "turn_loop"
    ignores = PROSE

    def __init__(self, spec: GuardSpec, mode: Mode = "enforce") -> None:
        self.mode = mode
        self._limits = loop_limits(spec).calls

    def on_request(self, request: Request) -> Decision:
        if request.messages and NOTE in request.messages[-1].text[-1000:]:
            return PASS
        found = turn_loop(recent_steps(request.messages, WINDOW), self._limits)
        if found is None:
            return PASS
        if found.grade == "stop":
            return Decision("stop", found.finding, ending="final_error")
        return Decision("edit", found.finding, request=_told(request, found))

    def on_event(self, event: Event) -> Decision:
        return PASS

    def on_turn(self) -> Decision:
        return PASS


class ArgumentLoopRule:
    """Tells of a call whose arguments repeat without end; never changes anything."""

    id = "argument_loop"

    def __init__(self, spec: GuardSpec, mode: Mode = "observe") -> None:
        self.mode: Mode = "off" if mode == "off" else "observe"
        self._detector = ArgumentLoop(loop_limits(spec).arguments)

    def on_request(self, request: Request) -> Decision:
        return PASS

    def on_event(self, event: Event) -> Decision:
        finding = self._detector.feed(event)
        return PASS if finding is None else Decision("stop", finding)

    def on_turn(self) -> Decision:
        return PASS


def loop_limits(spec: GuardSpec) -> LoopLimits:
    """The limits that hold for `spec`."""
    return LoopLimits() if spec.loops is msgspec.UNSET else spec.loops


def _retry(finding: Finding) -> Decision:
    where = "reasoning" if finding.channel == "think" else "answer"
    nudge = (
        f"Your last {where} went round in circles. Decide now: say each thing once, then take "
        "the next step."
    )
    return Decision("retry", finding, nudge=nudge)


def _told(request: Request, found: TurnFinding) -> Request:
    """`request` with a word to the model at its very end, where it breaks no prompt cache.

    It goes into the last message: many templates allow no user message after a result.
    """
    finding = found.finding
    quote = finding.quote if len(finding.quote) <= 300 else f"{finding.quote[:300]}…"
    note = (
        f"\n\n{NOTE} {finding.detail}: {quote}\n"
        "Doing it again will not help. Read the last result, then do something different, "
        "or say what blocks you.]"
    )
    last = request.messages[-1]
    edited = msgspec.structs.replace(last, text=last.text + note)
    return msgspec.structs.replace(request, messages=(*request.messages[:-1], edited))
