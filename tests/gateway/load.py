"""Load for a gateway: a server that streams at a fixed pace, a plain proxy to compare with, and
clients that check every byte. Servers are processes of their own, so that their CPU time is.

`python -m tests.gateway.load upstream|plain [URL]` prints the URL and serves until it is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import uvloop
from aiohttp import web

ROOT = Path(__file__).parent.parent.parent
DONE = b"data: [DONE]\n\n"


def word(number: int) -> str:
    """A word of seven letters that no other number has: a text of counters would be a loop."""
    letters, left = "", number * 2654435761 % 26**7
    for _ in range(7):
        left, letter = divmod(left, 26)
        letters += chr(97 + letter)
    return letters


def frame(stream: str, number: int, text: str | None = None, finish: str | None = None) -> bytes:
    """A frame of about 270 bytes that says whose it is."""
    delta = {} if finish else {"content": text or f"{stream} {word(number)} "}
    body = {
        "id": f"chatcmpl-{stream}",
        "object": "chat.completion.chunk",
        "created": 1760000000,
        "model": "some-org/some-model-instruct-Q4_K_M.gguf",
        "system_fingerprint": "b11549-fedcba98",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
    }
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def conversation(size: int) -> list[dict[str, object]]:
    """The messages of an agent at work, about `size` bytes: calls, and what they gave."""
    messages: list[dict[str, object]] = [
        {"role": "system", "content": "You are a coding agent. " * 200},
        {"role": "user", "content": "Make the tests pass."},
    ]
    lines = "".join(f"src/module_{i}.py:{i}: value = compute({i})\n" for i in range(150))
    count = max(1, size // (len(lines) + 250))
    for number in range(count):
        arguments = json.dumps({"command": f"grep -n compute src/module_{number}.py"})
        function = {"name": "bash", "arguments": arguments}
        call = {"id": f"call_{number}", "type": "function", "function": function}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        answer = f"{number}\n{lines}"
        messages.append({"role": "tool", "tool_call_id": f"call_{number}", "content": answer})
    return messages


def grown(messages: list[dict[str, object]]) -> list[dict[str, object]]:
    """`messages` and one more turn of the agent: a call, and what it gave."""
    number = len(messages)
    arguments = json.dumps({"path": f"src/{word(number)}.py"})
    call = {"id": f"c{number}", "type": "function"}
    call["function"] = {"name": "read", "arguments": arguments}  # type: ignore[assignment]
    said = {"role": "assistant", "content": f"Now {word(number)}.", "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": f"c{number}", "content": f"{word(number + 1)}\n" * 12}
    return [*messages, said, result]


def expected(stream: str, chunks: int) -> bytes:
    """The whole stream, as the server sends it."""
    frames = [frame(stream, number) for number in range(chunks)]
    return b"".join([*frames, frame(stream, chunks, finish="stop"), DONE])


class _Upstream(asyncio.Protocol):
    """Speaks just enough HTTP to stream: the request says how many pieces at what pace."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._seen = bytearray()
        self._task: asyncio.Task[None] | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        self._seen += data
        head, found, body = bytes(self._seen).partition(b"\r\n\r\n")
        if not found:
            return
        fields = dict(
            line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line
        )
        if len(body) < int(fields.get(b"content-length", b"0")):
            return
        self._seen.clear()
        self._task = asyncio.ensure_future(self._answer(head, body))

    async def _answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET"):
            self._transport.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}")
            return
        asked = json.loads(body)
        stream, chunks, pause = asked["user"], asked["chunks"], asked["pause"]
        if not asked.get("stream"):
            message = {"role": "assistant", "content": f"{stream} {len(body)}"}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            answer = json.dumps({"id": stream, "choices": [choice]}).encode()
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n" % len(answer) + answer
            )
            return
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        start = time.monotonic()
        for number in range(chunks):
            await asyncio.sleep(max(0.0, start + number * pause - time.monotonic()))
            self._piece(frame(stream, number))
        self._piece(frame(stream, chunks, finish="stop"))
        self._piece(DONE)
        self._transport.write(b"0\r\n\r\n")

    def _piece(self, data: bytes) -> None:
        self._transport.write(b"%x\r\n%b\r\n" % (len(data), data))


async def _serve_upstream() -> None:
    server = await asyncio.get_running_loop().create_server(_Upstream, "127.0.0.1", 0, backlog=512)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


async def _serve_plain(upstream: str) -> None:
    """The plainest proxy that aiohttp makes: no look at anything that passes."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=True), auto_decompress=False
    ) as session:

        async def relay(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            async with session.post(upstream + request.path, data=body) as answer:
                response = web.StreamResponse(status=answer.status)
                response.content_type = answer.content_type
                await response.prepare(request)
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
                return response

        app = web.Application(client_max_size=2**28)
        app.router.add_route("*", "/{path:.*}", relay)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=512).start()
        host, port = runner.addresses[0][:2]
        print(f"http://{host}:{port}", flush=True)
        await asyncio.Event().wait()


@contextlib.contextmanager
def process(*words: str) -> Iterator[tuple[str, int]]:
    """A server as a process: its URL, and its process id."""
    child = subprocess.Popen(
        [sys.executable, "-m", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        line = child.stdout.readline()
        url = json.loads(line)["url"] if line.startswith("{") else line.strip()
        yield url, child.pid
    finally:
        child.terminate()
        child.wait(timeout=60)
        child.stdout.close()


@contextlib.contextmanager
def gateway(upstream: str, *options: str) -> Iterator[tuple[str, int]]:
    with process(
        "seatrial", "gateway", "--upstream", upstream, "--port", "0", "--json", *options
    ) as started:
        yield started


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, all its threads, to the microsecond."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def resident_mb(pid: int) -> float:
    fields = Path(f"/proc/{pid}/status").read_text().split()
    return int(fields[fields.index("VmRSS:") + 1]) / 1024


async def stream_all(url: str, streams: int, chunks: int, pause: float) -> int:
    """Read `streams` at once; the number of streams whose bytes are not what was sent."""

    async def one(session: aiohttp.ClientSession, name: str) -> bool:
        body = {
            "model": "m",
            "user": name,
            "chunks": chunks,
            "pause": pause,
            "stream": True,
            "messages": [{"role": "user", "content": f"say {name}"}],
        }
        async with session.post(f"{url}/v1/chat/completions", json=body) as answer:
            return await answer.read() == expected(name, chunks)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        results = await asyncio.gather(
            *(one(session, f"s{number:04}") for number in range(streams)), return_exceptions=True
        )
    return sum(result is not True for result in results)


if __name__ == "__main__":
    role = sys.argv[1]
    uvloop.run(_serve_upstream() if role == "upstream" else _serve_plain(sys.argv[2]))
