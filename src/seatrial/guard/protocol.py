"""Detectors and rules: how a stream is watched and, in enforce mode, stopped.

A detector is pure, holds constant memory, and has frozen thresholds that stand in the lock. A
rule is a detector plus a policy. The same code runs online around an endpoint and offline over
a trace. Protocols and values only.
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from seatrial.chat.endpoint import Event, Request

Mode = Literal["off", "observe", "enforce"]
Action = Literal["pass", "hold", "edit", "retry", "stop"]


class Finding(msgspec.Struct, frozen=True):
    """What a detector saw."""

    detector: str
    mode_id: str
    """The failure mode that it is a sign of."""
    channel: Literal["text", "think", "calls"]
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
    """What a rule wants done, and why."""

    action: Action
    finding: Finding | None = None
    event: Event | None = None
    """For `edit`: what is passed on instead."""


PASS = Decision("pass")


class Rule(Protocol):
    """One guard rule; made anew for each request, history comes from the request's messages."""

    id: str
    mode: Mode

    def on_request(self, request: Request) -> Decision: ...

    def on_event(self, event: Event) -> Decision: ...

    def on_turn(self) -> Decision: ...
