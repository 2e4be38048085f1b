"""A response in the client's own protocol: chat completions go in, the client's frames come out.

Everything in front of this speaks chat completions and knows nothing of other protocols.

In: bytes of a chat answer, whole or streamed, and errors in its form. Out: ASGI messages.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable

from seatrial.chat.sse import SseDecoder
from seatrial.core.errors import SeatrialError
from seatrial.gateway.output import JSON_HEADERS, STREAM_HEADERS, Output, Send
from seatrial.gateway.wires import Asked, ClientWire, Head, bridge, read_answer


class TranslatedOutput(Output):
    """An `Output` for a client of another protocol."""

    def __init__(self, send: Send, wire: ClientWire, asked: Asked) -> None:
        super().__init__(send)
        self._wire = wire
        self._asked = asked
        self._decoder = SseDecoder()
        head = Head(secrets.token_hex(12), asked.model, int(time.time()))
        self._bridge = bridge(wire, asked, head)
        self._whole_status: int | None = None
        self._body: list[bytes] = []
        self._failed = False

    def comment(self) -> bytes:
        return self._bridge.alive()

    @property
    def takes_frames(self) -> bool:
        return self._asked.stream

    async def start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        if self.status is not None or self._whole_status is not None:
            return
        if self._asked.stream and status < 300:
            await super().start(status, STREAM_HEADERS)
        else:
            self._whole_status = status

    async def write(self, body: bytes) -> None:
        if self._whole_status is not None:
            self._body.append(body)
            return
        if self._failed:
            return
        out: list[bytes] = []
        try:
            # One by one: what was translated before a frame that fails must not be lost.
            out.extend(map(self._bridge.feed, self._decoder.feed(body)))
        except SeatrialError as error:
            out.append(self._fail(error))
        if joined := b"".join(out):
            await super().write(joined)

    async def end(self) -> None:
        if self.finished:
            return
        await self.flush()
        if self._whole_status is not None:
            status, self._whole_status = self._whole_status, None
            await self.whole(status, b"".join(self._body))
            return
        if not self._failed and (out := self._ending()):
            await super().write(out)
        await super().end()

    async def whole(
        self, status: int, body: bytes, headers: Iterable[tuple[bytes, bytes]] = JSON_HEADERS
    ) -> None:
        if status >= 300:
            status, body = self._wire.refusal(status, body)
        else:
            try:
                body = self._wire.answer(read_answer(body), self._asked)
            except SeatrialError as error:
                status, body = 502, self._wire.error(error)
        await super().whole(status, body, JSON_HEADERS)

    def _ending(self) -> bytes:
        out: list[bytes] = []
        try:
            out.extend(map(self._bridge.feed, self._decoder.finish()))
            out.append(self._bridge.finish())
        except SeatrialError as error:
            out.append(self._fail(error))
        return b"".join(out)

    def _fail(self, error: SeatrialError) -> bytes:
        self._failed = True
        return self._bridge.fail(error)
