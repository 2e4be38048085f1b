"""One response: frames in, events out, with every byte on exactly one event.

Joined, the `raw` of all events is the body of the response as it came, so a proxy can pass a
native stream on unchanged. Calls, usage and end are given only when the protocol's own mark of
the end has come: a call out of a stream that broke is never seen by anybody.

In: `SseEvent`s. Out: the five kinds of event.
"""

from __future__ import annotations

import time

from seatrial.chat.assembly import Shown, Turn
from seatrial.chat.endpoint import CallEvent, End, Event, Text, Think, UsageEvent
from seatrial.chat.frames import FrameReader, Rates
from seatrial.chat.overflow import finish_of
from seatrial.chat.sse import SseEvent
from seatrial.core.errors import FormatError
from seatrial.core.generation import Timings, Usage


class ResponseStream:
    """Builds the events of one response."""

    def __init__(
        self,
        reader: FrameReader,
        turn: Turn,
        *,
        max_tokens: int,
        window_tokens: int | None,
        keep_raw_text: bool,
    ) -> None:
        self._reader = reader
        self._turn = turn
        self._max_tokens = max_tokens
        self._window_tokens = window_tokens
        self._keep_raw_text = keep_raw_text
        self._started = time.monotonic()
        self._first_byte_seconds: float | None = None
        self._raw_finish: str | None = None
        self._usage: Usage | None = None
        self._rates: Rates | None = None
        self._before: list[bytes] = []
        self._usage_raw: list[bytes] = []
        self.done = False
        """The protocol's mark of the end has come."""

    def feed(self, frame: SseEvent) -> list[Event]:
        """The events that `frame` completes.

        Raises:
            ContextOverflowError, EngineError: the server reports an error.
            FormatError: not a frame of this protocol.
        """
        if self._first_byte_seconds is None:
            self._first_byte_seconds = time.monotonic() - self._started
        piece = self._reader.read(frame)
        self._raw_finish = piece.finish or self._raw_finish
        self._usage = piece.usage or self._usage
        self._rates = piece.rates or self._rates
        # From the frame with the usage on, nothing belongs to text or calls any more.
        late = self._usage_raw or (piece.usage and not (piece.text or piece.calls or piece.last))
        if not piece.last:
            (self._usage_raw if late else self._before).append(frame.raw)
        shown = self._turn.feed(piece)
        if not piece.last:
            return self._show(shown) if shown.think or shown.text else []
        self.done = True
        return [*self._show(shown), *self._close(frame.raw)]

    def finish(self) -> None:
        """Check that the stream came to its end.

        Raises:
            FormatError: it was closed before.
        """
        if not self.done:
            raise FormatError(
                "the stream was closed before its end",
                hint="a proxy in between may have cut it, or the server was stopped",
            )

    @property
    def usage(self) -> Usage | None:
        return self._usage

    def timings(self) -> Timings:
        rates = self._rates or Rates()
        return Timings(
            first_byte_seconds=self._first_byte_seconds or 0.0,
            total_seconds=time.monotonic() - self._started,
            prompt_tokens_per_second=rates.prompt_per_second,
            generated_tokens_per_second=rates.predicted_per_second,
        )

    def _show(self, shown: Shown) -> list[Event]:
        events: list[Event] = []
        if shown.think:
            events.append(Think(shown.think, self._take_before()))
        if shown.text:
            events.append(Text(shown.text, self._take_before()))
        return events

    def _close(self, last_raw: bytes) -> list[Event]:
        finish = finish_of(self._raw_finish, self._usage, self._max_tokens, self._window_tokens)
        shown, parsed = self._turn.finish(finish)
        events = self._show(shown)
        events += [CallEvent(call, self._take_before()) for call in parsed.calls]
        usage_raw = self._take_before() + b"".join(self._usage_raw)
        events.append(UsageEvent(self._usage or Usage(), self.timings(), usage_raw))
        keep = self._keep_raw_text or parsed.verdict == "reask"
        events.append(
            End(
                finish,
                self._raw_finish,
                text=self._turn.raw if keep else "",
                verdict=parsed.verdict,
                reason=parsed.reason,
                tool=parsed.tool,
                unfit=parsed.kind == "unfit",
                dialect=parsed.dialect,
                repairs=parsed.repairs,
                raw=last_raw,
            )
        )
        return events

    def _take_before(self) -> bytes:
        raw = b"".join(self._before)
        self._before.clear()
        return raw
