"""One response to a client: begun once, written in whole pieces, kept alive while it is silent.

While nothing is to be said (the request waits in a queue, the prompt is read, a rule holds text
back) a stream gets a comment now and then, so that no client takes the silence for a dead server.
A comment is only ever sent between two frames. An answer that is one JSON value gets blanks before
it, where that is asked for: its status is then 200 before anything is known, and what went wrong is
said in the body alone.

In: bytes. Out: ASGI messages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec

Headers = list[tuple[bytes, bytes]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

KEEP_ALIVE = b": keep-alive\n\n"
STREAM_HEADERS: Headers = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache"),
]
JSON_HEADERS: Headers = [(b"content-type", b"application/json")]
_BLANK = b" "


class Output:
    """The response to one request."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self._pieces: list[bytes] = []
        self._interval_seconds = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._ping: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._whole_frames = True
        self.status: int | None = None
        """The status that was sent; None = nothing was sent so far."""
        self.finished = False
        self.written_bytes = 0
        self._blanks = False
        self._begun = False
        self.padded = False
        """Blanks were sent, and with them the status 200; a whole answer still fits behind them."""

    @property
    def unsaid(self) -> bool:
        """Nothing of the answer was said: it may still be any."""
        return self.status is None or (self.padded and not self._begun)

    def keep_alive(self, interval_seconds: float, *, blanks: bool = False) -> None:
        """Send comments from now on, whenever nothing was sent for so long.

        `blanks`: the answer will be JSON and no stream.
        """
        self._interval_seconds = interval_seconds
        self._blanks = blanks
        self._arm()

    def comment(self) -> bytes:
        """What is sent while there is nothing to say."""
        return KEEP_ALIVE

    def frames_may_be_cut(self) -> None:
        """From here on pieces are no whole frames: a comment could break one."""
        self._whole_frames = False

    @property
    def takes_frames(self) -> bool:
        """Nothing but frames can be sent any more."""
        return self.status is not None

    async def start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Send the head; does nothing when it is sent."""
        await self._head(status, headers)

    async def _head(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self._begun = True
        if self._ping is not None:
            # It may be about to send the head itself.
            await self._ping
        if self.status is None:
            self.status = status
            await self._send_message(
                {"type": "http.response.start", "status": status, "headers": list(headers)}
            )

    def add(self, piece: bytes) -> None:
        """Have `piece` sent with the next flush."""
        if piece:
            self._pieces.append(piece)

    @property
    def pending(self) -> bool:
        return bool(self._pieces)

    async def flush(self) -> None:
        """Send what was added."""
        pieces = self._pieces
        if pieces:
            body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            self._pieces = []
            await self.write(body)

    async def write(self, body: bytes) -> None:
        """Send `body` now."""
        self.written_bytes += len(body)
        if self._ping is not None:
            await self._ping
        self._last = self._loop.time()
        await self.send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self) -> None:
        """The response is complete."""
        if self.finished:
            return
        await self.flush()
        self.close()
        await self._send_message({"type": "http.response.body", "body": b"", "more_body": False})

    async def whole(
        self, status: int, body: bytes, headers: Iterable[tuple[bytes, bytes]] = JSON_HEADERS
    ) -> None:
        """A complete response of known length."""
        length = (b"content-length", str(len(body)).encode())
        await self._head(status, [*headers, length])
        if self.padded and status >= 300:
            body = _error_body(status, body)
        self.written_bytes += len(body)
        self.close()
        await self._send_message({"type": "http.response.body", "body": body, "more_body": False})

    def stands_for(self, other: Output) -> None:
        """`other` answered in place of this one."""
        if other is not self:
            other.close()
            self.status, self.written_bytes = other.status, other.written_bytes

    def close(self) -> None:
        """No more comments. A response that was not ended is cut off by the server."""
        self.finished = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _send_message(self, message: dict[str, Any]) -> None:
        if self._ping is not None:
            await self._ping
        await self.send(message)

    def _arm(self) -> None:
        due = self._last + self._interval_seconds
        self._timer = self._loop.call_at(due, self._ring)

    def _ring(self) -> None:
        silent = self._loop.time() - self._last
        if self.finished or not (self._whole_frames or self.status is None):
            return
        if self._blanks and self._begun:
            # A blank inside of the answer could change it.
            return
        if silent >= self._interval_seconds and self._ping is None:
            self._last = self._loop.time()
            self._ping = self._loop.create_task(self._comment())
        self._arm()

    async def _comment(self) -> None:
        try:
            if self.status is None:
                self.status, self.padded = 200, self._blanks
                headers = JSON_HEADERS if self._blanks else STREAM_HEADERS
                await self.send({"type": "http.response.start", "status": 200, "headers": headers})
            comment = _BLANK if self._blanks else self.comment()
            await self.send({"type": "http.response.body", "body": comment, "more_body": True})
        finally:
            self._ping = None


def _error_body(status: int, body: bytes) -> bytes:
    """An error whose status can no longer be sent, in the form that libraries look for.

    The status stands in `code`, where LiteLLM takes it from.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        value = body.decode("utf-8", "replace")
    error = value.get("error", value) if isinstance(value, dict) else value
    fields = error if isinstance(error, dict) else {"message": str(error)}
    message = fields.get("message") or f"the server answered {status}"
    return msgspec.json.encode({"error": {**fields, "message": message, "code": status}})
