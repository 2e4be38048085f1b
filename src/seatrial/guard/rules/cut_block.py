"""A cut code block: the server's own bound ended an answer in the middle of one.

Clients that take edits from the text can do nothing with half a block, and some write it. Where
neither the client's cap nor the window was reached, nobody in the conversation wanted the bound:
the model is told once, and asked to be short. A longer answer has been seen by then and passes.

Not for calls, which `truncation` refuses. In: stream events. Out: one retry, else nothing.
"""

from __future__ import annotations

import re

from seatrial.chat.endpoint import CallEvent, End, Event, Request, Text, UsageEvent
from seatrial.chat.growing import GrowingText
from seatrial.core.config import GuardSpec
from seatrial.core.generation import Finish
from seatrial.guard.protocol import PASS, Decision, Finding, Mode, PassingRule
from seatrial.guard.rules.base import last_words, tail

NUDGE = (
    "Your last answer was cut off by a length limit inside a code block, and nothing of it was "
    "used. Give it again, as short as it can be: only what was asked for, without explanations."
)
_LONGEST_CHARS = 8_000
_FENCE = re.compile(r"(?m)^[ \t]{0,3}(`{3,}|~{3,})(.*)$")


class CutBlockRule(PassingRule):
    """Asks again for an answer that ends inside a code block."""

    id = "cut_block"

    def __init__(self, spec: GuardSpec, mode: Mode = "enforce") -> None:
        super().__init__(spec, mode)
        self._watching = False
        self._max_tokens = 0
        self._completion = 0
        self._text = GrowingText()
        self._chars = 0

    def on_request(self, request: Request) -> Decision:
        self._watching = NUDGE not in last_words(request)
        self._max_tokens = request.max_tokens
        return PASS

    def on_event(self, event: Event) -> Decision:
        if not self._watching:
            return PASS
        if isinstance(event, Text):
            self._text.add(event.text)
            self._chars += len(event.text)
            self._watching = self._chars <= _LONGEST_CHARS
        elif isinstance(event, CallEvent):
            self._watching = False
        elif isinstance(event, UsageEvent):
            self._completion = event.usage.completion
        elif isinstance(event, End):
            return self._judge(event)
        return PASS

    def _judge(self, end: End) -> Decision:
        if end.finish is not Finish.LENGTH or not 0 < self._completion < self._max_tokens:
            return PASS
        text = self._text.whole()
        if not in_block(text):
            return PASS
        finding = Finding(
            detector=self.id,
            mode_id="config.max_tokens.text",
            channel="text",
            detail=f"the server cut a code block after {self._completion} tokens",
            quote=tail(text),
            start=max(0, len(text) - len(tail(text))),
        )
        return Decision("retry", finding, nudge=NUDGE, otherwise="pass")


def in_block(text: str) -> bool:
    """Whether `text` ends inside a fenced code block."""
    fence = ""
    for match in _FENCE.finditer(text):
        marks, rest = match.groups()
        if not fence:
            fence = marks
        elif marks.startswith(fence) and not rest.strip():
            fence = ""
    return bool(fence)
