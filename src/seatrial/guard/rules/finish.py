"""Words for the end of an answer that clients do not know.

Clients know four, and take any other for a broken provider, or for a final answer. A word whose
meaning is known (`eos`, `end_turn`, `max_tokens`) is told as the one that they know; one that
nobody knows is told as `length`, or `tool_calls` where there are calls: it may mean anything, and
`stop` would call the answer finished.

In: stream events. Out: an end that is written anew.
"""

from __future__ import annotations

import msgspec

from seatrial.chat.endpoint import End, Event
from seatrial.chat.finish_words import is_filtered
from seatrial.core.generation import Finish
from seatrial.guard.protocol import PASS, PROSE, Decision, Finding, PassingRule

_KNOWN = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})
_OURS = (Finish.GUARD, Finish.CANCELLED)


class FinishWordRule(PassingRule):
    """Tells an end in a word that clients know."""

    id = "finish_word"
    ignores = PROSE

    def on_event(self, event: Event) -> Decision:
        return self._judge(event) if isinstance(event, End) else PASS

    def _judge(self, end: End) -> Decision:
        word = end.raw_finish
        # What nobody could read would not be in an answer that is written anew.
        if word is None or word in _KNOWN or end.finish in _OURS or end.unread:
            return PASS
        if end.verdict == "reask":
            # Written anew, the answer would lose a call that goes on as the server gave it.
            return PASS
        if not end.raw:
            # It is written anew as it is, in the words that clients know.
            return PASS
        meant = "content_filter" if is_filtered(word) else end.finish.value
        finding = Finding(
            detector=self.id,
            mode_id="stack.finish_missing",
            channel="text",
            detail=f"the server ended with {word!r}, which clients do not know: {meant}",
            quote=word,
        )
        return Decision("edit", finding, event=msgspec.structs.replace(end, raw=b""), before=word)
