"""Answers that came to no end of their own, passed on as if they had.

A server that gave up in the middle says `abort`, `error` or the like in the frame of an ordinary
end, or closes in good form without any word. Clients take such an answer for the final one, and
execute its calls. A filter, too, cuts in the middle of a call. An answer that is empty as well is
the business of `empty_completion`.

In: stream events. Out: a stop, told as a failure of the server; for a filter first a retry.
"""

from __future__ import annotations

from seatrial.chat.endpoint import CallEvent, End, Event, Text, Think
from seatrial.chat.finish_words import is_broken_off, is_filtered
from seatrial.core.config import GuardSpec
from seatrial.core.generation import Finish
from seatrial.guard.protocol import PASS, Decision, Finding, Mode, PassingRule
from seatrial.guard.rules.base import tail

_WITHHELD = (
    "Your last answer was withheld in the middle of a tool call. Nothing of it was executed. "
    "Please answer again."
)


class BrokenOffRule(PassingRule):
    """Ends an answer that its server broke off as the failure that it is."""

    id = "broken_off"
    ignores = frozenset({Think})

    def __init__(self, spec: GuardSpec, mode: Mode = "enforce") -> None:
        super().__init__(spec, mode)
        self._said = ""
        self._calls = 0

    def on_event(self, event: Event) -> Decision:
        if isinstance(event, Text):
            if event.text.strip():
                self._said = event.text
        elif isinstance(event, CallEvent):
            self._calls += 1
            self._said = event.call.arguments
        elif isinstance(event, End):
            return self._judge(event)
        return PASS

    def _judge(self, end: End) -> Decision:
        if is_filtered(end.raw_finish) and self._calls:
            return Decision("retry", self._finding(end), nudge=_WITHHELD)
        wordless = end.finish is Finish.MISSING and bool(self._calls or self._said.strip())
        # A whole answer of words may lack the word; nobody is to execute its calls.
        wordless = wordless or (end.finish is Finish.OTHER and self._calls > 0)
        if (wordless and end.raw_finish is None) or is_broken_off(end.raw_finish):
            return Decision("stop", self._finding(end))
        return PASS

    def _finding(self, end: End) -> Finding:
        word = f"it ended with {end.raw_finish!r}" if end.raw_finish else "it ended without a word"
        return Finding(
            detector=self.id,
            mode_id="stack.finish_missing",
            channel="calls" if self._calls else "text",
            detail=f"the server broke the answer off: {word}",
            quote=tail(self._said),
            count=max(1, self._calls),
        )
