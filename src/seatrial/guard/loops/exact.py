"""Text loops, exact: a text or a reasoning that ends in one piece, repeated.

Not here: near-repeats (`near`) and what stands in tool arguments (`arguments`). In: stream
events, or a whole text. Out: one finding a channel, the same online and offline.
"""

from __future__ import annotations

from typing import Literal

from seatrial.chat.endpoint import Event, Text, Think
from seatrial.guard.loops.tail import PeriodicTail, Run
from seatrial.guard.protocol import Finding

Channel = Literal["text", "think"]

MODES: dict[Channel, str] = {"text": "gen.text_loop.exact", "think": "gen.think_runaway"}


class TextLoop:
    """A text loop in one stream; text and reasoning are watched apart, each found once.

    A loop is a piece of at most `MAX_PERIOD` characters that comes at least `repeats` times in
    a row, exactly, over at least `chars` characters; thin pieces, data rows and what is inside
    of a code fence must cover more.
    """

    def __init__(self, chars: int, repeats: int) -> None:
        self._text = PeriodicTail(chars, repeats, fences=True)
        self._think = PeriodicTail(chars, repeats, fences=True)

    def feed(self, event: Event) -> Finding | None:
        if isinstance(event, Text):
            return _finding("text", self._text.feed(event.text))
        if isinstance(event, Think):
            return _finding("think", self._think.feed(event.text))
        return None

    def suspects(self, event: Event) -> bool:
        """Whether `event` goes on with what may be a loop in a code fence, or a quoted log."""
        if isinstance(event, Text):
            return self._text.suspects
        return isinstance(event, Think) and self._think.suspects

    def end(self) -> Finding | None:
        return _finding("text", self._text.end()) or _finding("think", self._think.end())


def find_text_loop(
    text: str,
    chars: int = 1040,
    repeats: int = 4,
    channel: Channel = "text",
    *,
    fences: bool = True,
) -> Finding | None:
    """The first loop of a whole text; the same finding as online, whatever the pieces were.

    Of a text without its beginning it is not known what is inside of a fence: `fences` off.
    """
    tail = PeriodicTail(chars, repeats, fences=fences)
    return _finding(channel, tail.feed(text) or tail.end())


def _finding(channel: Channel, run: Run | None) -> Finding | None:
    if run is None:
        return None
    return Finding(
        detector="text_loop",
        mode_id=MODES[channel],
        channel=channel,
        detail=f"{run.period} characters repeated {run.count} times, {run.chars} in all",
        quote=run.quote,
        start=run.start,
        count=run.count,
    )
