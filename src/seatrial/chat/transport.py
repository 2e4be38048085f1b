"""HTTP to one server: JSON calls, and streams that stop the server when they are left.

A stream is left by closing the generator; the connection is closed at once, and a server that
generates stops then. Every call has an end: connecting, silence and the whole call are bounded.
Each call uses its own connection: a pooled one that the server has just dropped would look like
a server that died.

Not a wire: it knows nothing of models or messages. In: paths and bodies. Out: JSON values,
server-sent events, `Exchange`s, and errors of `core` with one line and a hint.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from types import TracebackType
from typing import TypeVar
from urllib.parse import parse_qsl

import aiohttp
import msgspec
from yarl import URL

from seatrial.chat.address import basic, server_root
from seatrial.chat.capture import MAX_CAPTURE_BYTES, OnExchange, Recording, Redactor
from seatrial.chat.failures import (
    RefusedError,
    TimedOutError,
    connection_failure,
    refused,
)
from seatrial.chat.sse import SseDecoder, SseEvent
from seatrial.chat.watchdog import Watchdog
from seatrial.core.errors import EngineError, FormatError

JsonT = TypeVar("JsonT")

_READ_BYTES = 2**16
_LONGEST_ERROR_BYTES = 2**20


class Limits(msgspec.Struct, frozen=True):
    """Bounds of one call that do not depend on its size."""

    connect_seconds: float = 10.0
    idle_seconds: float = 120.0
    """Silence between two pieces of a stream; until the first, only the whole call is bounded."""
    json_seconds: float = 30.0
    """A whole call that does not generate."""
    json_bytes: int = 64 * 1024 * 1024


class Reply(msgspec.Struct, frozen=True):
    """An answer as it came, whatever its status."""

    status: int
    body: bytes


class Transport:
    """The connection to one server. Use it inside one event loop, and close it."""

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        secrets: Iterable[str] = (),
        limits: Limits | None = None,
        on_exchange: OnExchange | None = None,
        max_capture_bytes: int = MAX_CAPTURE_BYTES,
    ) -> None:
        self._root, auth = server_root(url)
        self.url = str(self._root).rstrip("/")
        self._limits = limits or Limits()
        self._headers = dict(headers or {})
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        elif auth is not None:
            self._headers["Authorization"] = basic(*auth)
        self._redactor = Redactor([*secrets, api_key or "", *(auth or ())])
        self._on_exchange = on_exchange
        self._max_capture_bytes = max_capture_bytes
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Transport:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def get(
        self, path: str, *, timeout_seconds: float | None = None, max_bytes: int | None = None
    ) -> Reply:
        """Whatever `path` answers, an error or not: for asking who is there.

        Raises:
            EngineError: unreachable, gone, too slow.
            FormatError: more than `max_bytes`.
        """
        try:
            status, body = await self._body("GET", path, b"", timeout_seconds, max_bytes)
        except RefusedError as error:
            return Reply(error.status, error.body)
        return Reply(status, body)

    async def get_json(
        self, path: str, type_: type[JsonT], *, timeout_seconds: float | None = None
    ) -> JsonT:
        """What `path` answers, as `type_`: `dict[str, Any]`, or a struct.

        Raises:
            RefusedError: the status is no success.
            EngineError: unreachable, gone, too slow.
            FormatError: the answer is not JSON, or not of this shape.
        """
        return await self._json("GET", path, b"", type_, timeout_seconds)

    async def post_json(
        self,
        path: str,
        body: object,
        type_: type[JsonT],
        *,
        timeout_seconds: float | None = None,
    ) -> JsonT:
        """What `path` answers to `body`; as `get_json`."""
        payload = msgspec.json.encode(body)
        return await self._json("POST", path, payload, type_, timeout_seconds)

    async def post_stream(
        self, path: str, body: object, *, timeout_seconds: float
    ) -> AsyncGenerator[SseEvent, None]:
        """The events that `path` answers to `body`, as they come.

        Raises:
            RefusedError: the status is no success.
            EngineError: unreachable, gone, silent or slower than allowed.
            FormatError: the answer is no stream, or an event is too large.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_seconds
        payload = msgspec.json.encode(body)
        headers = {**self._headers, "Accept": "text/event-stream"}
        recording = self._record("POST", path, payload, headers)
        response: aiohttp.ClientResponse | None = None
        try:
            response = await self._open("POST", path, payload, headers, recording, deadline)
            _check_is_stream(response, self.url)
            decoder = SseDecoder()
            try:
                with Watchdog(response.content, deadline, self._limits.idle_seconds) as watchdog:
                    while chunk := await watchdog.read():
                        recording.received(chunk)
                        for event in decoder.feed(chunk):
                            yield event
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                raise self._failure(error, "silence from", deadline) from error
            for event in decoder.finish():
                yield event
        finally:
            # Not `release`: only a closed connection tells the server to stop generating.
            if response is not None:
                response.close()
            recording.close()

    async def _json(
        self, method: str, path: str, payload: bytes, type_: type[JsonT], seconds: float | None
    ) -> JsonT:
        _, body = await self._body(method, path, payload, seconds, None)
        try:
            return msgspec.json.decode(body, type=type_)
        except (msgspec.DecodeError, RecursionError) as error:
            start = self._redactor.text(body[:80].decode("utf-8", "replace"))
            message = f"{self.url}{path} answered what cannot be read: {start!r} ({error})"
            raise FormatError(message) from None

    async def _body(
        self,
        method: str,
        path: str,
        payload: bytes,
        seconds: float | None,
        max_bytes: int | None,
    ) -> tuple[int, bytes]:
        """Status and whole body of a success."""
        limits = self._limits
        deadline = asyncio.get_running_loop().time() + (seconds or limits.json_seconds)
        recording = self._record(method, path, payload, self._headers)
        response: aiohttp.ClientResponse | None = None
        try:
            response = await self._open(method, path, payload, self._headers, recording, deadline)
            most = limits.json_bytes if max_bytes is None else max_bytes
            body = await self._rest(response, recording, deadline, most)
            return response.status, body
        finally:
            if response is not None:
                response.close()
            recording.close()

    async def _open(
        self,
        method: str,
        path: str,
        payload: bytes,
        headers: Mapping[str, str],
        recording: Recording,
        deadline: float,
    ) -> aiohttp.ClientResponse:
        """The response to a request, its status checked."""
        request = self._connected().request(
            method,
            _below(self._root, path),
            data=payload if method == "POST" else None,
            headers={**headers, "Content-Type": "application/json"},
            # A redirect would carry the key to another host.
            allow_redirects=False,
        )
        try:
            async with asyncio.timeout_at(deadline):
                response = await request
        except Exception as error:
            raise self._failure(error, "no answer from", deadline) from error
        recording.status = response.status
        if 200 <= response.status < 300:
            return response
        try:
            body = await self._rest(response, recording, deadline, _LONGEST_ERROR_BYTES)
        finally:
            response.close()
        raise refused(self.url + path, response.status, self._redactor.body(body))

    async def _rest(
        self,
        response: aiohttp.ClientResponse,
        recording: Recording,
        deadline: float,
        max_bytes: int,
    ) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while piece := await self._read(response, deadline, self._limits.idle_seconds):
            recording.received(piece)
            pieces.append(piece)
            size += len(piece)
            if size > max_bytes:
                raise FormatError(f"{self.url} answered more than {max_bytes:,} bytes")
        return b"".join(pieces)

    async def _read(self, response: aiohttp.ClientResponse, deadline: float, idle: float) -> bytes:
        """The next bytes; empty at the end."""
        until = min(deadline, asyncio.get_running_loop().time() + idle)
        try:
            async with asyncio.timeout_at(until):
                return await response.content.readany()
        except Exception as error:
            raise self._failure(error, "silence from", deadline) from error

    def _failure(self, error: Exception, what: str, deadline: float) -> EngineError:
        if not isinstance(error, TimeoutError) or isinstance(error, aiohttp.ServerTimeoutError):
            return connection_failure(error, self.url)
        if asyncio.get_running_loop().time() >= deadline - 0.001:
            hint = "the machine is slower than expected, or the server hangs"
            return TimedOutError(f"the time for one call ran out: {self.url}", hint=hint)
        idle = f"{self._limits.idle_seconds:g} s"
        return TimedOutError(f"{what} {self.url} for {idle}", hint="the server seems to hang")

    def _record(
        self, method: str, path: str, payload: bytes, headers: Mapping[str, str]
    ) -> Recording:
        return Recording(
            self._on_exchange,
            self._redactor,
            self._max_capture_bytes,
            method,
            path,
            headers,
            payload,
        )

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, force_close=True),
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=self._limits.connect_seconds
                ),
                read_bufsize=_READ_BYTES,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def _below(root: URL, path: str) -> URL:
    """`path` under `root`; what follows a `?` is its query, percent-encoded."""
    place, _, query = path.partition("?")
    found = root / place.lstrip("/")
    return found.with_query(parse_qsl(query)) if query else found


def _check_is_stream(response: aiohttp.ClientResponse, url: str) -> None:
    if response.content_type != "text/event-stream":
        raise FormatError(
            f"{url} answered {response.content_type or 'nothing'} instead of a stream",
            hint="does the server support streaming?",
        )
