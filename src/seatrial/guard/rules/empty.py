"""Empty completions: a turn that ends with neither words nor a call.

Reasoning in tags and tokens that end a turn, left in the text, are no words.

Clients take it for a final answer. In: stream events. Out: a retry, else a stop with an error.
"""

from __future__ import annotations

import re

from seatrial.chat.endpoint import CallEvent, End, Event, Request, Text, Think
from seatrial.core.config import GuardSpec
from seatrial.core.generation import Finish
from seatrial.guard.protocol import PASS, Decision, Finding, Mode, PassingRule
from seatrial.guard.rules.base import tail
from seatrial.toolcalls.turn_ends import SILENT_ENDS

SMALL_REQUEST_TOKENS = 16
"""Who allows so few tokens warms a cache or asks for one word."""

_MOST_CHARS = 65_536
"""Reasoning in tags that is longer counts as text; it bounds what is kept."""
_TAG = r"think(?:ing)?"
_BLOCK = re.compile(rf"<({_TAG})>.*?</\1>", re.DOTALL)
_MARKS = re.compile(rf"</?{_TAG}>|" + "|".join(map(re.escape, SILENT_ENDS)))
_MARKS_BEGIN = ("", "<", "[")
_OURS = (Finish.GUARD, Finish.CANCELLED)


class EmptyCompletionRule(PassingRule):
    """Asks again where nothing came."""

    id = "empty_completion"

    def __init__(self, spec: GuardSpec, mode: Mode = "enforce") -> None:
        super().__init__(spec, mode)
        self._max_tokens = 0
        self._empty = True
        self._pieces: list[str] = []
        """All text, as long as it may still be nothing but tags."""
        self._chars = 0
        self._start = ""
        self._think = ""

    def on_request(self, request: Request) -> Decision:
        self._max_tokens = request.max_tokens
        return PASS

    def on_event(self, event: Event) -> Decision:
        if isinstance(event, CallEvent):
            self._empty = False
        elif isinstance(event, Text):
            if self._empty:
                self._pieces.append(event.text)
                self._chars += len(event.text)
                self._start = self._start or event.text.lstrip()[:1]
                # Words begin otherwise than marks do.
                self._empty = self._start in _MARKS_BEGIN and self._chars <= _MOST_CHARS
        elif isinstance(event, Think):
            self._think = tail(self._think + event.text)
        elif isinstance(event, End):
            return self._judge(event)
        return PASS

    def _judge(self, end: End) -> Decision:
        small = 0 < self._max_tokens <= SMALL_REQUEST_TOKENS
        text = "".join(self._pieces)
        said = not self._empty or _words(text)
        if said or end.finish in _OURS or end.verdict == "reask" or small:
            return PASS
        if end.unread:
            # Something came, and nobody here can say what.
            return PASS
        think = self._think if self._think.strip() else tail(text.strip())
        thought = bool(think)
        finding = Finding(
            detector=self.id,
            mode_id="stack.think_truncated" if thought else "format.no_tool_call",
            channel="think" if thought else "text",
            detail=f"{'reasoning and nothing else' if thought else 'nothing'}, "
            f"finish {end.raw_finish or end.finish.value!r}",
            quote=think,
        )
        words = "Your last answer was empty. Call a tool, or answer in words."
        return Decision("retry", finding, nudge=words)


def _words(text: str) -> str:
    """`text` without reasoning and marks."""
    return _MARKS.sub("", _BLOCK.sub("", text)).strip()
