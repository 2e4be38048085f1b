"""The upstream as the endpoint that the rules stand around, for one exchange.

Each `generate` asks the server with the client's own body, changed only where the `Request` was. A
busy server is asked again, and one that finds the conversation too long with a shorter one. It
remembers which events it gave, so that whoever gets them behind the rules can tell what was passed
on untouched. Opened to `tee`, it sends every byte to the client as it comes, whatever happens to
the events.

In: `Request`s. Out: events; the server's refusal as it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

from seatrial.chat.endpoint import Event, Facts, Request, Text, Think
from seatrial.chat.failures import refused
from seatrial.chat.overflow import ContextOverflowError, read_overflow
from seatrial.chat.sse import SseDecoder, SseEvent
from seatrial.core.errors import EngineError, FormatError, HarnessError, SeatrialError
from seatrial.core.generation import Usage
from seatrial.gateway.asking import Refusal
from seatrial.gateway.output import STREAM_HEADERS, Headers, Output
from seatrial.gateway.reframing import Reframing, as_frames
from seatrial.gateway.requests import Inbound, changed_body, read_object
from seatrial.gateway.shortening import Shortener
from seatrial.gateway.turns import Turn
from seatrial.gateway.upstream import Answer, Upstream

_TRAILING_SECONDS = 1.0
"""After the mark of the end, for bytes that still follow it."""

_BUSY = 429
_MOST_WAITS = 3
_LONGEST_WAIT_SECONDS = 20.0
"""What a client takes without a word where it asked for no stream."""

CHAT_PATH = "/v1/chat/completions"

_FRAME_STARTS = (b"data:", b"event:", b":")

_Reading = Callable[[bytes], tuple[list[Event], SeatrialError | None]]


class Attempt:
    """An `Endpoint` for one exchange; may be asked several times, one after the other."""

    def __init__(
        self,
        upstream: Upstream,
        inbound: Inbound,
        headers: Headers,
        output: Output,
        *,
        keep_credentials: bool,
        tee: bool,
        shortener: Shortener | None = None,
    ) -> None:
        """`shortener`: asks again for a conversation that the server finds too long."""
        self._upstream = upstream
        self._inbound = inbound
        self._headers = headers
        self._output = output
        self._keep_credentials = keep_credentials
        self._tee = tee
        self._shortener = shortener
        self._given: dict[int, Event] = {}
        self._answer: Answer | None = None
        self._reframed = False
        """The last answer was no stream, and was made one."""
        self.turn: Turn | None = None
        self.tail: list[Event] = []
        """What the last attempt gave from the first call on, and text in the same frames."""
        self.refusal: Refusal | None = None
        self.error_frames = b""
        """The bytes in which the server reported an error inside a stream."""
        self.error_data = b""
        """What the frame says that reported it."""
        self.body = inbound.raw
        """What the last attempt sent."""
        self.discarded = Usage()
        """Tokens of the attempts before the last one, as far as the server counted them."""
        self.streams = False
        """The last answer is a stream, whatever it is labelled as."""

    @property
    def facts(self) -> Facts:
        model = self._inbound.model
        upstream = self._upstream
        return Facts(
            wire="native",
            family=upstream.family,
            model=model,
            window=upstream.window_of(model),
            slots=upstream.slots,
        )

    async def count(self, request: Request) -> int:
        raise HarnessError("a gateway counts no tokens of a request in flight")

    def sent(self, request: Request) -> dict[str, Any]:
        return read_object(self._body_of(request))

    def took(self, event: Event) -> bool:
        """Whether `event` is one that was given, untouched; each counts once."""
        return self._given.pop(id(event), None) is event

    async def generate(self, request: Request | None) -> AsyncGenerator[Event, None]:
        """Ask the server; see `Endpoint.generate`. None = with the client's own body."""
        answer = await self._accepted(request)
        try:
            self.turn = Turn(request, self._upstream.window_of(self._inbound.model))
            self.streams = await self._is_stream(answer)
            events = self._stream if self.streams else self._whole
            async for event in events(answer, self.turn):
                if not self._tee:
                    self._given[id(event)] = event
                    flows = event.raw or self.turn.partner(event)
                    if not (flows and isinstance(event, Text | Think)):
                        self.tail.append(event)
                yield event
        finally:
            if not self._tee:
                answer.close()

    async def relay(self) -> None:
        """Send the client what the server still has to say, unread."""
        answer = self._answer or await self._open()
        if self._output.padded and answer.status >= 300:
            await self._output.whole(answer.status, await answer.whole(), answer.headers())
            return
        await self._output.start(answer.status, answer.headers())
        self._output.frames_may_be_cut()
        while chunk := await answer.read():
            await self._output.write(chunk)

    def close(self) -> None:
        """Leave the server."""
        if self._answer is not None:
            self._answer.close()

    def answer_headers(self) -> Headers:
        """The headers of the last answer."""
        if self._reframed:
            return STREAM_HEADERS
        return self._answer.headers() if self._answer else []

    def _begin(self, request: Request | None) -> None:
        self._given.clear()
        self.tail = []
        self.refusal = None
        self.streams = False
        self.error_frames = self.error_data = b""
        if self.turn is not None and self.turn.usage is not None:
            self.discarded += self.turn.usage
        self.turn = None
        self._reframed = False
        if self._answer is not None:
            self._answer.close()
            self._answer = None
        self.body = self._inbound.raw if request is None else self._body_of(request)

    def _body_of(self, request: Request) -> bytes:
        if self._shortener is not None:
            request = self._shortener.sent(request)
        return changed_body(self._inbound.raw, self._inbound.request, request)

    async def _open(self) -> Answer:
        self._answer = await self._upstream.open(
            "POST",
            CHAT_PATH,
            self.body,
            self._headers,
            keep_credentials=self._keep_credentials,
        )
        return self._answer

    async def _accepted(self, request: Request | None) -> Answer:
        """The answer of a server that takes the request, perhaps after it was shortened.

        Raises:
            EngineError: it does not.
        """
        waits = 0
        while True:
            self._begin(request)
            answer = await self._open()
            if 200 <= answer.status < 300:
                return answer
            wait = None if self._tee or waits == _MOST_WAITS else _wait_seconds(answer)
            if wait is not None:
                answer.close()
                waits += 1
                await asyncio.sleep(wait)
                continue
            try:
                await self._refuse(answer)
            except ContextOverflowError as error:
                if request is None or self._shortener is None:
                    raise
                if not self._shortener.refused(request, error):
                    raise
            finally:
                answer.close()

    async def _refuse(self, answer: Answer) -> None:
        body = await answer.whole()
        self.refusal = Refusal(answer.status, answer.headers(), body)
        overflow = read_overflow(body, answer.status)
        raise overflow or refused(self._upstream.url + CHAT_PATH, answer.status, body)

    async def _is_stream(self, answer: Answer) -> bool:
        """Whether frames come; a whole answer is made some where the client waits for frames."""
        if answer.is_stream and (self._tee or not self._inbound.stream):
            return True
        first = await answer.read()
        if answer.is_stream and not first.lstrip().startswith(b"{"):
            answer.put_back(first)
            return True
        if first.lstrip().startswith(_FRAME_STARTS):
            answer.put_back(first)
            return True
        body = first + await answer.whole()
        awaited = self._inbound.stream and (self._output.takes_frames or not self._tee)
        frames = as_frames(body) if awaited else None
        answer.put_back(frames or body)
        self._reframed = frames is not None
        return frames is not None

    async def _whole(self, answer: Answer, turn: Turn) -> AsyncGenerator[Event, None]:
        body = await answer.whole()
        if self._tee:
            await self._output.whole(answer.status, body, answer.headers())
        for event in turn.whole(body):
            yield event

    async def _stream(self, answer: Answer, turn: Turn) -> AsyncGenerator[Event, None]:
        if self._tee:
            await self._output.start(answer.status, answer.headers())
            self._output.frames_may_be_cut()
        decoder = SseDecoder()
        reading = _reader(decoder, turn, self, Reframing(self._inbound.request))
        while True:
            chunk = b"" if turn.done else await self._next(answer, turn)
            if chunk is None:
                break
            events, error = reading(chunk)
            for event in events:
                yield event
            if error is not None:
                if self._tee:
                    # The client gets what the server says, whether we can read it or not.
                    await self.relay()
                raise error
            if not chunk:
                break
        if turn.done:
            await self._trail(answer, turn)
        for event in turn.close():
            yield event

    async def _next(self, answer: Answer, turn: Turn) -> bytes | None:
        """The next bytes; None = cut off behind the end, where at most the usage is missing."""
        # Behind the rules, everything that they let go has been added by now.
        if self._output.pending:
            await self._output.flush()
        try:
            chunk = await answer.read()
        except EngineError:
            if self._tee or not turn.ended:
                raise
            return None
        if chunk and self._tee:
            await self._output.write(chunk)
        return chunk

    async def _trail(self, answer: Answer, turn: Turn) -> None:
        try:
            async with asyncio.timeout(_TRAILING_SECONDS):
                while chunk := await answer.read():
                    turn.trailing(chunk)
                    if self._tee:
                        await self._output.write(chunk)
        except (TimeoutError, EngineError):
            # The answer was complete before.
            return
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._tee or task is None:
                raise
            # Many clients leave at the mark of the end, with the whole answer: that is no answer
            # that was cancelled, and on record it is whole.
            task.uncancel()


def _wait_seconds(answer: Answer) -> float | None:
    """How long a busy server wants to be left alone; None = it does not say, or too long."""
    if answer.status != _BUSY:
        return None
    said = next((value for name, value in answer.headers() if name == b"retry-after"), b"")
    try:
        seconds = float(said)
    except ValueError:
        return None
    return seconds if 0 <= seconds <= _LONGEST_WAIT_SECONDS else None


def _reader(decoder: SseDecoder, turn: Turn, attempt: Attempt, reframed: Reframing) -> _Reading:
    """Bytes to events, and the error on which they end; no bytes = the end of the stream."""

    def read(chunk: bytes) -> tuple[list[Event], SeatrialError | None]:
        events: list[Event] = []
        frames: list[SseEvent] = []
        try:
            frames = decoder.feed(chunk) if chunk else decoder.finish()
            while frames:
                if turn.done:
                    turn.trailing(frames[0].raw)
                else:
                    events += turn.feed(reframed(frames[0]))
                frames.pop(0)
        except (EngineError, FormatError) as error:
            if isinstance(error, EngineError):
                attempt.error_frames = b"".join(frame.raw for frame in frames)
                attempt.error_data = frames[0].data if frames else b""
            return events, error
        if not chunk:
            turn.trailing(decoder.rest)
        return events, None

    return read
