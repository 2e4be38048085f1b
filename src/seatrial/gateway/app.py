"""The gateway as an ASGI application: who may ask, what is asked, and where it goes.

Pure ASGI: a framework's middleware costs more per streamed piece than everything else here. It
holds the upstreams, the counters and the recorder; one request is a `Passage`.

In: ASGI calls. Out: ASGI messages.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from seatrial.core.errors import (
    Boundary,
    EngineError,
    FormatError,
    SeatrialError,
    UserError,
    attribute,
)
from seatrial.gateway.clients import Clients
from seatrial.gateway.counting import COUNT_PATH, count_tokens
from seatrial.gateway.desk import Desk, refuse, tell
from seatrial.gateway.door import is_foreign, shows
from seatrial.gateway.endings import Told, refused_request, stopping
from seatrial.gateway.identity import Identities
from seatrial.gateway.metrics import Metrics
from seatrial.gateway.output import Headers, Output, Send
from seatrial.gateway.recorder import Recorder
from seatrial.gateway.relay import POST_PATHS, relay
from seatrial.gateway.routing import listing
from seatrial.gateway.settings import Settings
from seatrial.gateway.unpacking import unpack
from seatrial.gateway.upstream import Upstream
from seatrial.gateway.wires import CLIENTS, MESSAGES

Receive = Callable[[], Awaitable[dict[str, Any]]]
Scope = dict[str, Any]

CHAT_PATHS = frozenset({"/v1/chat/completions", "/chat/completions"})
MODEL_PATHS = frozenset({"/v1/models", "/models"})
_HINT = (
    "POST /v1/chat/completions, /v1/responses, /v1/messages, /v1/completions, /v1/embeddings; "
    "GET /v1/models, /health, /metrics, /props"
)
_HEALTH_SECONDS = 3.0


class Gateway:
    """The application."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.upstreams = [Upstream(spec, settings.bounds) for spec in settings.upstreams]
        self._clients = Clients()
        self._desk = Desk(settings, self.metrics, self.upstreams, self._clients, self._learn)
        self._told: set[str] = set()
        self._in_flight = 0
        self._learning: set[asyncio.Task[None]] = set()
        self.recorder: Recorder | None = None
        self._identities: Identities | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self.open()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    def open(self) -> None:
        """Begin to record, and ask the upstreams what they are."""
        settings = self.settings
        if settings.runs is not None:
            self.recorder = Recorder(
                settings.runs,
                settings.secrets,
                on_recorded=lambda: self.metrics.add("recorded_total"),
                on_lost=self._lost,
            )
            specs = {upstream.url: upstream.spec for upstream in self.upstreams}
            self._identities = Identities(specs, self.recorder.put)
            self._desk.on_exchange = self._identities.put
            self._desk.on_unread = self._unrecorded
        for upstream in self.upstreams:
            self._learn(upstream)

    async def aclose(self) -> None:
        """Leave the upstreams and finish what is recorded."""
        for task in self._learning:
            task.cancel()
        await asyncio.gather(*self._learning, return_exceptions=True)
        for upstream in self.upstreams:
            await upstream.aclose()
        if self._identities is not None:
            await self._identities.aclose()
        if self.recorder is not None:
            await asyncio.to_thread(self.recorder.close)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; when its client leaves, everything that was done for it stops."""
        output = Output(send)
        task = asyncio.current_task()
        watcher: asyncio.Task[None] | None = None
        started = time.monotonic()
        client, left = "", False
        self._in_flight += 1
        try:
            headers = dict(scope["headers"])
            client = self._clients.name(headers)
            body = await self._admit(scope, headers, receive, output)
            if body is None:
                return

            def leave() -> None:
                nonlocal left
                left = True
                if task is not None:
                    task.cancel()

            watcher = asyncio.create_task(_watch(receive, leave))
            await self._dispatch(_unpacked(scope), headers, client, body, output)
        except asyncio.CancelledError:
            if not left or task is None or task.uncancel():
                # The time to drain is over: whoever has no word of its answer yet is told to retry.
                if output.unsaid:
                    await _tell(scope["path"], output, stopping())
                raise
            self.metrics.add("cancelled_total", client=client)
        except Exception as error:
            await self._apologise(error, output)
        finally:
            self._in_flight -= 1
            output.close()
            if watcher is not None:
                watcher.cancel()
            status = str(output.status or "none")
            self.metrics.add("requests_total", client=client, status=status)
            self.metrics.add("exchange_seconds_total", time.monotonic() - started)
            self.metrics.add("answer_bytes_total", output.written_bytes)

    async def _apologise(self, error: Exception, output: Output) -> None:
        """A fault of ours is told as one, and ends nothing but this request."""
        self.metrics.add("internal_errors_total")
        sys.stderr.write(f"error: {attribute(error, Boundary.HARNESS, 'gateway').message}\n")
        if output.unsaid:
            body = {"error": {"message": "the gateway failed", "type": "server_error"}}
            await output.whole(500, msgspec.json.encode(body))

    async def _admit(
        self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, output: Output
    ) -> bytes | None:
        """The body of a request that may be answered; the others are answered here."""
        path = scope["path"]
        if (told := self._turned_away(scope["method"], path, headers)) is not None:
            await _tell(path, output, told)
            return None
        limit = self.settings.bounds.request_bytes
        body = await _body(receive, limit)
        if body is None:
            message = f"the request is larger than {limit:,} bytes"
            await _tell(path, output, refused_request(413, message, "request_too_large"))
            return None
        try:
            return unpack(body, headers.get(b"content-encoding", b""), limit)
        except UserError as error:
            told = refused_request(415, error.message, "bad_encoding", error.hint or "")
            await _tell(path, output, told)
            return None

    def _turned_away(self, method: str, path: str, headers: dict[bytes, bytes]) -> Told | None:
        token = self.settings.token
        if token is None:
            if not is_foreign(headers):
                return None
            hint = "ask for 127.0.0.1, or start the gateway with --token-env"
            message = "without a token only this machine may ask, and no page from elsewhere"
            return refused_request(403, message, "forbidden", hint)
        if path == "/health" or (method, path) == ("HEAD", "/") or shows(token, headers):
            return None
        hint = "send the gateway's token as `Authorization: Bearer ...`"
        return refused_request(401, "a token is needed", "unauthorized", hint)

    async def _dispatch(
        self, scope: Scope, headers: dict[bytes, bytes], client: str, body: bytes, output: Output
    ) -> None:
        method, path = scope["method"], scope["path"]
        wire = CLIENTS.get(path)
        if (method, path) == ("HEAD", "/"):
            # Claude Code and Ollama's clients look in this way whether there is somebody.
            await output.whole(200, b"")
            return
        # A `HEAD` is answered like a `GET`; the server underneath leaves the body out.
        reads = method in ("GET", "HEAD")
        if method == "POST" and (path in CHAT_PATHS or wire is not None):
            await self._desk.take(scope["headers"], client, body, output, wire)
        elif method == "POST" and path == COUNT_PATH:
            await self._count(scope["headers"], body, output)
        elif reads and path in MODEL_PATHS:
            await self._models(scope, output)
        elif reads and path == "/health":
            await self._health(output)
        elif reads and path == "/metrics":
            await self._metrics(output)
        elif reads:
            await self._relay(scope, output)
        elif method == "POST" and path in POST_PATHS:
            self.metrics.add("unguarded_total")
            if self.recorder is not None and path.endswith("/completions"):
                self._unrecorded(f"{path} is no chat")
            await self._relay(scope, output, body)
        else:
            message = f"{method} {path} is nothing that this gateway answers"
            await tell(output, refused_request(404, message, "not_found", _HINT))

    async def _count(self, headers: Headers, body: bytes, output: Output) -> None:
        try:
            upstream, body = await self._desk.forwarded(body)
        except SeatrialError as error:
            await refuse(output, MESSAGES, error)
            return
        keep = self.settings.token is None
        status, answer = await count_tokens(upstream, body, headers, keep_credentials=keep)
        await output.whole(status, answer)

    async def _models(self, scope: Scope, output: Output) -> None:
        """The one upstream's own list, or that of all."""
        if len(self.upstreams) == 1:
            await self._relay(scope, output)
        else:
            await output.whole(200, await listing(self.upstreams))

    async def _health(self, output: Output) -> None:
        states = await asyncio.gather(*map(_state, self.upstreams))
        up = any(state == "ok" for state in states)
        body = {
            "status": "ok" if up else "error",
            "upstreams": dict(zip((u.name for u in self.upstreams), states, strict=True)),
        }
        await output.whole(200 if up else 503, msgspec.json.encode(body))

    async def _metrics(self, output: Output) -> None:
        text = self.metrics.text(in_flight=self._in_flight - 1, queued=self._desk.waiting)
        headers = [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")]
        await output.whole(200, text.encode(), headers)

    async def _relay(self, scope: Scope, output: Output, body: bytes | None = None) -> None:
        upstream = self.upstreams[0]
        if body is not None:
            try:
                upstream, body = await self._desk.forwarded(body)
            except SeatrialError as error:
                await refuse(output, None, error)
                return
        target = scope["raw_path"].decode("latin-1")
        if query := scope["query_string"]:
            target += "?" + query.decode("latin-1")
        keep = self.settings.token is None
        headers = scope["headers"]
        await relay(upstream, scope["method"], target, body, headers, output, keep_credentials=keep)

    def _learn(self, upstream: Upstream) -> None:
        if upstream.knows_enough:
            return
        task = asyncio.create_task(self._learned(upstream))
        self._learning.add(task)
        task.add_done_callback(self._learning.discard)

    async def _learned(self, upstream: Upstream) -> None:
        await upstream.learn()
        self._desk.resize(upstream)
        if self._identities is not None and upstream.family and not upstream.loads_on_request:
            self._identities.begin(upstream.url)

    def _lost(self, reason: str) -> None:
        self._warn("record_lost_total", reason)

    def _unrecorded(self, reason: str) -> None:
        self._warn("unrecorded_total", f"a request that cannot be read: {reason[:200]}")

    def _warn(self, counter: str, reason: str) -> None:
        """Count what is missing on record, and tell of the first one."""
        self.metrics.add(counter)
        if counter not in self._told:
            self._told.add(counter)
            sys.stderr.write(
                f"warning: not everything is recorded: {reason}; the traffic goes on, "
                f"/metrics counts it as {counter}\n"
            )


def _unpacked(scope: Scope) -> Scope:
    """`scope` with the headers of the body as it is passed on: packed no more."""
    packed = any(name == b"content-encoding" for name, _ in scope["headers"])
    if not packed:
        return scope
    return {**scope, "headers": [h for h in scope["headers"] if h[0] != b"content-encoding"]}


async def _tell(path: str, output: Output, told: Told) -> None:
    """Answer with an error in the form of the protocol that `path` belongs to."""
    wire = MESSAGES if path == COUNT_PATH else CLIENTS.get(path)
    if wire is None:
        await tell(output, told)
    else:
        await output.whole(*wire.refusal(told.status, told.body))


async def _state(upstream: Upstream) -> str:
    try:
        status, _ = await upstream.ask("/health", _HEALTH_SECONDS)
    except (EngineError, FormatError) as error:
        return error.message
    # Most servers have no such path; that they answer says enough.
    return "ok" if status < 500 else f"it answered {status}"


async def _body(receive: Receive, limit: int) -> bytes | None:
    """The whole body; None = longer than `limit`, or the client left."""
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise asyncio.CancelledError
        piece = message.get("body", b"")
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            return None
        if not message.get("more_body", False):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def _watch(receive: Receive, leave: Callable[[], None]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    leave()
