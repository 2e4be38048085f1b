"""Empty completions: a turn that ends with neither text nor a call.

Clients take it for a final answer. In: stream events. Out: a retry, else a stop with an error.
"""

from __future__ import annotations

from seatrial.chat.endpoint import CallEvent, End, Event, Request, Text, Think
from seatrial.core.config import GuardSpec
from seatrial.core.generation import Finish
from seatrial.guard.protocol import PASS, Decision, Finding, Mode, PassingRule
from seatrial.guard.rules.base import tail

SMALL_REQUEST_TOKENS = 16
"""Who allows so few tokens warms a cache or asks for one word."""

_OURS = (Finish.GUARD, Finish.CANCELLED)


class EmptyCompletionRule(PassingRule):
    """Asks again where nothing came."""

    id = "empty_completion"

    def __init__(self, spec: GuardSpec, mode: Mode = "enforce") -> None:
        super().__init__(spec, mode)
        self._max_tokens = 0
        self._empty = True
        self._think = ""

    def on_request(self, request: Request) -> Decision:
        self._max_tokens = request.max_tokens
        return PASS

    def on_event(self, event: Event) -> Decision:
        if isinstance(event, CallEvent):
            self._empty = False
        elif isinstance(event, Text):
            self._empty = self._empty and not event.text.strip()
        elif isinstance(event, Think):
            self._think = tail(self._think + event.text)
        elif isinstance(event, End):
            return self._judge(event)
        return PASS

    def _judge(self, end: End) -> Decision:
        small = 0 < self._max_tokens <= SMALL_REQUEST_TOKENS
        if not self._empty or end.finish in _OURS or end.verdict == "reask" or small:
            return PASS
        if end.unread:
            # Something came, and nobody here can say what.
            return PASS
        thought = bool(self._think.strip())
        finding = Finding(
            detector=self.id,
            mode_id="stack.think_truncated" if thought else "format.no_tool_call",
            channel="think" if thought else "text",
            detail=f"{'reasoning and nothing else' if thought else 'nothing'}, "
            f"finish {end.raw_finish or end.finish.value!r}",
            quote=self._think,
        )
        words = "Your last answer was empty. Call a tool, or answer in words."
        return Decision("retry", finding, nudge=words)
