"""What an answer said that is thrown away, as the record of a decision keeps it.

Nothing that a model wrote is lost without a trace: a retry and a stop are on record with the
bytes that they cost. Bounded. In: what was said, the calls, the last event. Out: text.
"""

from __future__ import annotations

from collections.abc import Sequence

from seatrial.chat.endpoint import CallEvent, End, Event

MAX_DROPPED_CHARS = 65_536
"""Of a longer answer, the beginning and the end are kept."""


def dropped_text(words: str, think: str, calls: Sequence[CallEvent], last: Event | None) -> str:
    """The whole of an answer: `words` is its reasoning and text, of which `think` is a part."""
    if isinstance(last, End) and last.text:
        # Text and calls as they came, where a call could not be read.
        return _bounded(think + last.text)
    written = (f"{event.call.name} {event.call.arguments}" for event in calls)
    return _bounded("\n".join([words, *written]) if calls else words)


def _bounded(text: str) -> str:
    over = len(text) - MAX_DROPPED_CHARS
    if over <= 0:
        return text
    half = MAX_DROPPED_CHARS // 2
    return f"{text[:half]}\n[{over} characters left out]\n{text[-half:]}"
