"""A native answer, streamed or whole, as events that know the bytes they came from.

Text and reasoning are given at once, each with the bytes of its frame. From the first fragment
of a call on everything is the tail: calls, usage and end are given when the stream has come to
its end, so that a call out of a stream that broke is never seen by anybody. The tail's bytes
stand on its `End`; an event of the tail has none of its own.

A frame with reasoning and text is two events: its bytes stand on the text, and each of the two
knows the other, so that one can be passed on without the other.

Joined, the bytes of all events are the stream as it came. That is what lets a gateway pass on
what no rule changed, byte for byte.

In: server-sent events, JSON bodies. Out: the five kinds of event.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec

from seatrial.chat.assembly import NativeTurn
from seatrial.chat.endpoint import CallEvent, End, Event, Request, Text, Think, UsageEvent
from seatrial.chat.frames import ChatFrames, Piece, Rates, read_whole
from seatrial.chat.overflow import finish_of
from seatrial.chat.sse import SseEvent
from seatrial.chat.wires import call_id_prefix
from seatrial.core.errors import FormatError
from seatrial.core.generation import Finish, Timings, Usage
from seatrial.core.message import Call

BROKEN_HINT = "a proxy in between may have cut it, or the server was stopped"


class Turn:
    """One answer under way."""

    def __init__(self, request: Request | None, window_tokens: int | None) -> None:
        self._request = request
        self._window_tokens = window_tokens
        tools = request.tools if request else ()
        prefix = call_id_prefix(request.messages) if request else "call"
        self._turn = NativeTurn(tools, prefix)
        self._frames = ChatFrames(lenient=True)
        self._before: list[bytes] = []
        self._in_tail = False
        self._pairs: dict[int, tuple[Event, Event]] = {}
        self._raw_finish: str | None = None
        self._usage: Usage | None = None
        self._rates = Rates()
        self._unread = False
        self._started = time.monotonic()
        self._first_byte_seconds = 0.0
        self.head = b""
        """Data of the first frame: id, time and model of the answer."""
        self.done = False
        """The mark of the end has come."""
        self.closing: dict[str, Any] = {}
        """Nothing: what stands in frames of the server is not told twice."""

    def feed(self, frame: SseEvent) -> list[Event]:
        """The events that `frame` completes.

        Raises:
            ContextOverflowError, EngineError: the server reports an error.
            FormatError: not a frame of this protocol.
        """
        if not self.head:
            self._first_byte_seconds = time.monotonic() - self._started
            self.head = frame.data
        piece = self._frames.read(frame)
        self._before.append(frame.raw)
        if piece.last:
            self.done = True
            return []
        return self._take(piece)

    def trailing(self, raw: bytes) -> None:
        """Bytes that belong to no frame."""
        self._before.append(raw)

    def close(self) -> list[Event]:
        """The tail.

        Raises:
            FormatError: the stream ended without saying that it was complete.
        """
        if self._raw_finish is None and not self.done:
            raise FormatError("the stream was closed before its end", hint=BROKEN_HINT)
        return self._close(b"".join(self._before))

    def whole(self, body: bytes) -> list[Event]:
        """The events of an answer that is not streamed; what cannot be read is only an end.

        Raises:
            ContextOverflowError, EngineError: it is the report of an error.
        """
        self.head = body
        self._first_byte_seconds = time.monotonic() - self._started
        piece = read_whole(body)
        if piece.unread and not piece.finish:
            return [End(Finish.OTHER, raw=body, unread=True)]
        self._in_tail = True
        # Without a word it is whole nevertheless: a body that was cut is no JSON.
        return [*self._take(piece), *self._close(body, wordless=Finish.OTHER)]

    @property
    def ended(self) -> bool:
        """The server has said why the answer ends; only usage may follow."""
        return self._raw_finish is not None

    def partner(self, event: Event) -> Event | None:
        """The event that came in the same frame as `event`, before the tail."""
        pair = self._pairs.get(id(event)) if self._pairs else None
        return pair[1] if pair is not None and pair[0] is event else None

    @property
    def held(self) -> bytes:
        """Bytes that came and stand on no event so far."""
        return b"".join(self._before)

    @property
    def usage(self) -> Usage | None:
        """What the server counted; llama.cpp counts the completion also where no usage is asked."""
        predicted = self._rates.predicted_n
        if predicted and not (self._usage and self._usage.completion):
            return msgspec.structs.replace(self._usage or Usage(), completion=predicted)
        return self._usage

    @property
    def given(self) -> tuple[Call, ...]:
        """The calls as the server wrote them: what a client gets where nothing was changed."""
        return self._turn.given

    def timings(self) -> Timings:
        return Timings(
            first_byte_seconds=self._first_byte_seconds,
            total_seconds=time.monotonic() - self._started,
            prompt_tokens_per_second=self._rates.prompt_per_second,
            generated_tokens_per_second=self._rates.predicted_per_second,
        )

    def _take(self, piece: Piece) -> list[Event]:
        self._raw_finish = piece.finish or self._raw_finish
        self._usage = piece.usage or self._usage
        self._rates = piece.rates or self._rates
        self._unread = self._unread or piece.unread
        if piece.calls or piece.finish:
            self._in_tail = True
        self._turn.feed(piece)
        if piece.think and piece.text:
            return self._paired(Think(piece.think), Text(piece.text, self._take_before()))
        if piece.think:
            return [Think(piece.think, self._take_before())]
        return [Text(piece.text, self._take_before())] if piece.text else []

    def _paired(self, think: Think, text: Text) -> list[Event]:
        if not self._in_tail:
            self._pairs[id(think)] = (think, text)
            self._pairs[id(text)] = (text, think)
        return [think, text]

    def _take_before(self) -> bytes:
        if self._in_tail:
            return b""
        raw = self._before[0] if len(self._before) == 1 else b"".join(self._before)
        self._before.clear()
        return raw

    def _close(self, tail: bytes, wordless: Finish = Finish.MISSING) -> list[Event]:
        max_tokens = self._request.max_tokens if self._request else 0
        finish = finish_of(self._raw_finish, self.usage, max_tokens, self._window_tokens)
        finish = wordless if finish is Finish.MISSING else finish
        _, parsed = self._turn.finish(finish)
        end = End(
            finish,
            self._raw_finish,
            text=self._turn.raw if parsed.verdict == "reask" else "",
            verdict=parsed.verdict,
            reason=parsed.reason,
            tool=parsed.tool,
            unfit=parsed.kind == "unfit",
            repairs=parsed.repairs,
            raw=tail,
            unread=self._unread,
        )
        usage = UsageEvent(self.usage or Usage(), self.timings())
        return [*(CallEvent(call) for call in parsed.calls), usage, end]
