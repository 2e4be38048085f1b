"""Loops inside of tool arguments: a value that repeats exactly, far beyond what data does.

Exact only and with a high bar: a large file is data of any shape, and to stop a sound write is
worse than to let a loop reach the token cap. The rule observes. In: stream events. Out: a
finding for a call, and one for an unfinished call at the end of the response.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from seatrial.chat.endpoint import CallEvent, End, Event, Text, Think
from seatrial.core.loop_limits import ArgumentLimits
from seatrial.guard.loops.tail import PeriodicTail
from seatrial.guard.protocol import Finding


class ArgumentLoop:
    """Repeats in the arguments of complete calls, and in a call that was cut off."""

    def __init__(self, limits: ArgumentLimits) -> None:
        self._limits = limits
        self._shown = 0
        """Characters of text and reasoning so far."""

    def feed(self, event: Event) -> Finding | None:
        if isinstance(event, (Text, Think)):
            self._shown += len(event.text)
        elif isinstance(event, CallEvent):
            arguments = event.call.arguments
            if len(arguments) >= self._limits.chars:
                return next(self._findings(_strings(arguments)), None)
        elif isinstance(event, End):
            # With a call that never closed, the text before parsing holds more than was shown.
            hidden = len(event.text) - self._shown
            if hidden >= self._limits.chars:
                return next(self._findings([event.text[-hidden:]]), None)
        return None

    def end(self) -> Finding | None:
        return None

    def _findings(self, values: list[str]) -> Iterator[Finding]:
        for value in values:
            if len(value) < self._limits.chars:
                continue
            tail = PeriodicTail(self._limits.chars, self._limits.repeats)
            run = tail.feed(value) or tail.end()
            if run is not None:
                yield Finding(
                    detector="argument_loop",
                    mode_id="gen.text_loop.exact",
                    channel="calls",
                    detail=f"in the arguments {run.period} characters repeated {run.count} times",
                    quote=run.quote,
                    start=run.start,
                    count=run.count,
                )


def _strings(arguments: str) -> list[str]:
    """Every string in `arguments`; the text itself where it is no JSON."""
    try:
        found: list[str] = []
        rest: list[object] = [msgspec.json.decode(arguments)]
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return [arguments]
    while rest:
        value = rest.pop()
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, dict):
            rest.extend(value.values())
        elif isinstance(value, list):
            rest.extend(value)
    return found
