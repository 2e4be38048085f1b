"""A server that sends exactly the bytes it is told to, and gateways in front of servers."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence

import aiohttp
import msgspec
import pytest

from seatrial.core.config import GuardSpec
from seatrial.gateway import Bounds, Settings, UpstreamSpec, serving
from seatrial.guard.rules import RULES

ALL_OFF = GuardSpec(modes=dict.fromkeys(RULES, "off"))
BASH = {
    "type": "function",
    "function": {
        "name": "bash",
        "description": "run a command",
        "parameters": {"type": "object", "properties": {"command": {"type": "string"}}},
    },
}


class RawServer:
    """Answers every POST with the same bytes, cut as told; every GET with 404."""

    def __init__(
        self,
        pieces: Sequence[bytes],
        *,
        status: str = "200 OK",
        kind: str = "text/event-stream",
        then: str = "end",
        pause: float = 0.0,
    ) -> None:
        self.pieces = list(pieces)
        self.status = status
        self.kind = kind
        self.then = then
        self.pause = pause
        self.bodies: list[bytes] = []
        self.heads: list[bytes] = []
        self.left = asyncio.Event()
        self.url = ""

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._server.close()

    async def _serve(self, reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET"):
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}")
                return
            length = next(
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            )
            self.heads.append(head)
            self.bodies.append(await reader.readexactly(length))
            writer.write(
                f"HTTP/1.1 {self.status}\r\nContent-Type: {self.kind}\r\nX-Own: yes\r\n"
                "Transfer-Encoding: chunked\r\n\r\n".encode()
            )
            for piece in self.pieces:
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                await writer.drain()
                await asyncio.sleep(self.pause)
            if self.then == "hang":
                await reader.read()
                self.left.set()
            elif self.then == "end":
                writer.write(b"0\r\n\r\n")
        except (ConnectionError, asyncio.IncompleteReadError):
            self.left.set()
        finally:
            with contextlib.suppress(ConnectionError):
                await writer.drain()
            writer.transport.abort() if self.then == "cut" else writer.close()


def sse(*values) -> bytes:
    """Frames, each of a value, or `"[DONE]"`."""
    return b"".join(
        b"data: " + (v.encode() if isinstance(v, str) else json.dumps(v).encode()) + b"\n\n"
        for v in values
    )


def delta(finish=None, **fields):
    choice = {"index": 0, "delta": fields, "finish_reason": finish}
    return {"id": "x1", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}


def text_stream(*texts, finish="stop") -> bytes:
    frames = [delta(role="assistant", content=None), *(delta(content=t) for t in texts)]
    usage = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    return sse(*frames, delta(finish), usage, "[DONE]")


def body(*messages, **fields) -> bytes:
    """A streaming chat request."""
    said = [
        {"role": "user", "content": m} if isinstance(m, str) else m for m in messages or ("hi",)
    ]
    return json.dumps({"model": "m", "stream": True, "messages": said, **fields}).encode()


@pytest.fixture
async def http():
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=20)
    ) as session:
        yield session


@pytest.fixture
def ask(http):
    """`await ask(url, body)`: status and body of a chat request."""

    async def post(url, data, path="/v1/chat/completions", **headers):
        async with http.post(url + path, data=data, headers=headers) as answer:
            return answer.status, await answer.read()

    return post


def settings(*urls, **fields) -> Settings:
    specs = tuple(UpstreamSpec(f"u{number}", url) for number, url in enumerate(urls))
    fields.setdefault("bounds", Bounds(keep_alive_seconds=5.0))
    return Settings(upstreams=specs, **fields)


@contextlib.asynccontextmanager
async def front(*urls, **fields):
    """A gateway in front of `urls`: its URL and itself."""
    async with serving(settings(*urls, **fields)) as running:
        yield running


def decoded(data: bytes):
    """The JSON of every frame of a stream."""
    lines = [line[6:] for line in data.split(b"\n") if line.startswith(b"data: ")]
    return [msgspec.json.decode(line) if line != b"[DONE]" else "[DONE]" for line in lines]


async def until(holds) -> None:
    """Wait until `holds()`, for a bounded time."""
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)
