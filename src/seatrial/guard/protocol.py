"""Detectors and rules: how a stream is watched and, in enforce mode, changed or stopped.

A detector is pure, holds constant memory, and has frozen thresholds that stand in the lock. A
rule is a detector plus a policy. The same code runs online around an endpoint and offline over
a trace. Protocols and values only; `watch` carries the decisions out.
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from seatrial.chat.endpoint import Ending, Event, Request, Text, Think
from seatrial.core.config import GuardSpec, Rung
from seatrial.core.config import RuleMode as Mode

Action = Literal["pass", "hold", "edit", "retry", "stop"]
Channel = Literal["text", "think", "calls", "request"]

__all__ = [
    "ELIDE",
    "PASS",
    "PROSE",
    "Action",
    "Channel",
    "Decision",
    "Detector",
    "Ending",
    "Finding",
    "Mode",
    "PassingRule",
    "Rule",
    "Rung",
]


ELIDE = "elide"
"""Not a rule here: under this name a record says that old messages of the request were shortened
behind the rules, so that the server read less than the request says."""


class Finding(msgspec.Struct, frozen=True):
    """What a detector saw."""

    detector: str
    mode_id: str
    """The failure mode that it is a sign of."""
    channel: Channel
    detail: str
    """One line for a person, with the numbers."""
    quote: str
    """The verbatim text that shows it."""
    start: int = 0
    """Where the quote begins in the channel's text, code points."""
    count: int = 1
    """How often the repeated thing occurred."""


class Detector(Protocol):
    """Watches one stream; a new one is made for each."""

    def feed(self, event: Event) -> Finding | None: ...

    def end(self) -> Finding | None: ...


class Decision(msgspec.Struct, frozen=True):
    """What a rule wants done, and why; in a record, what was done."""

    action: Action
    finding: Finding | None = None
    event: Event | None = None
    """For `edit` of an event: what stands in its place; events that the rule held go before it."""
    events: tuple[Event, ...] | None = None
    """For `edit` of an event: what stands in place of it and of all that the rule held. An `End`
    before the server's own ends the stream there, and the generation is cancelled."""
    request: Request | None = None
    """For `edit` in `on_request`: the request that goes on; messages that stay are the same
    objects. In a record of `retry`: the request that was sent next."""
    nudge: str = ""
    """For `retry`: what the model is told of its mistake."""
    shown: str = ""
    """For `retry`: the failed answer, where the nudge speaks of it; the model sees it again."""
    otherwise: Literal["stop", "pass"] = "stop"
    """For `retry`: what is done instead when no retry is possible any more."""
    ending: Ending = "retryable_error"
    """For `stop`, and `retry` that becomes one: how clients are told."""
    before: str = ""
    """For `edit`: what was replaced, verbatim. In a record of `retry` and `stop`: the answer that
    was thrown away."""
    rungs: tuple[Rung, ...] = ()
    """In a record of `retry`: the steps of the ladder that were taken."""
    note: str = ""
    """In a record: why something else was done than the rule asked for, or how much it cost."""


PASS = Decision("pass")


class Rule(Protocol):
    """One guard rule; made anew for each attempt, history comes from the request's messages.

    An edit of a request must leave nothing to edit: the hooks see a retried request again.

    `hold` keeps an event back inside of the rule: later rules and the consumer do not see it
    until the rule says `pass` (all that was held goes on), `edit`, `retry` or `stop`.

    A rule may have `ignores`, a set of `PROSE`: it is not asked about such pieces, which cost
    most of what a stream costs. Only for rules that hold nothing.
    """

    id: str
    mode: Mode

    def on_request(self, request: Request) -> Decision: ...

    def on_event(self, event: Event) -> Decision: ...

    def on_turn(self) -> Decision:
        """After the `End` was seen by `on_event`; an `edit` replaces the `End` and what is held."""
        ...


PROSE: frozenset[type[Event]] = frozenset({Text, Think})
"""What comes in many small pieces."""


class PassingRule:
    """Passes everything; a rule overrides the hooks that it uses."""

    id = ""

    def __init__(self, spec: GuardSpec, mode: Mode = "enforce") -> None:
        self.mode: Mode = mode
        self.spec = spec

    def on_request(self, request: Request) -> Decision:
        return PASS

    def on_event(self, event: Event) -> Decision:
        return PASS

    def on_turn(self) -> Decision:
        return PASS
