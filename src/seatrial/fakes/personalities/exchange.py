"""One HTTP request to a personality, and the ways to answer it.

Faults of the connection act here: endless streams, slow first tokens, padding. In: a request
and a machine. Out: bytes on the socket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from aiohttp import web

from seatrial.fakes.personalities.machine import Machine
from seatrial.fakes.personalities.persona import Ask, RefusedError, Reply

SSE = "text/event-stream"
DONE = b"data: [DONE]\n\n"
_ENDLESS_PAUSE_SECONDS = 0.002
_PADDING_PIECE = 2**20


class Exchange:
    """A request that is being answered."""

    def __init__(
        self, request: web.Request, machine: Machine, body: dict[str, Any], path: str
    ) -> None:
        self.request = request
        self.machine = machine
        self.body = body
        self.path = path
        """As the handler shall see it: a proxy takes its own part away."""

    def behind(self, machine: Machine, path: str) -> Exchange:
        """The same request, passed on to another server."""
        return Exchange(self.request, machine, self.body, path)

    async def json(self, value: object, status: int = 200) -> web.StreamResponse:
        """Answer with JSON."""
        data = msgspec.json.encode(value)
        headers = self.machine.persona.headers
        if "big_body" in self.machine.faults and self.request.method == "GET":
            return await self._padded(data)
        return web.Response(
            body=data, status=status, content_type="application/json", headers=headers
        )

    async def text(self, value: str, status: int = 200, kind: str = "text/plain") -> web.Response:
        """Answer with text."""
        headers = self.machine.persona.headers
        return web.Response(text=value, status=status, content_type=kind, headers=headers)

    async def refuse(self, status: int, message: str) -> web.StreamResponse:
        """Answer with an error in the family's words."""
        return await self.json(self.machine.persona.error(status, message), status)

    async def generated(
        self,
        ask: Ask,
        whole: Callable[[Reply], object],
        frames: Callable[[Reply], Sequence[bytes]],
        kind: str = SSE,
    ) -> web.StreamResponse:
        """Generate, and send the answer in one piece or as a stream."""
        machine = self.machine
        try:
            reply = machine.generate(ask)
        except RefusedError as refusal:
            return await self.json(refusal.body, refusal.status)
        machine.generating += 1
        try:
            await asyncio.sleep(self._prefill_seconds(reply))
            if ask.stream:
                return await self._stream(frames(reply), kind)
            if "hangs_forever" in machine.faults:
                await asyncio.Event().wait()
            if machine.settings.paced:
                await asyncio.sleep(reply.completion_tokens / machine.speeds[1])
            return await self.json(whole(reply))
        finally:
            machine.generating -= 1

    async def _stream(self, frames: Sequence[bytes], kind: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={**self.machine.persona.headers})
        response.content_type = kind
        await response.prepare(self.request)
        pause = 1 / self.machine.speeds[1] if self.machine.settings.paced else 0.0
        if "hangs_forever" in self.machine.faults:
            await response.write(frames[0])
            while True:
                await response.write(frames[min(1, len(frames) - 1)])
                await asyncio.sleep(_ENDLESS_PAUSE_SECONDS)
        for frame in frames:
            await response.write(frame)
            if pause:
                await asyncio.sleep(pause)
        return response

    def _prefill_seconds(self, reply: Reply) -> float:
        machine = self.machine
        if "slow_prefill" in machine.faults:
            return machine.settings.prefill_seconds
        fresh = reply.prompt_tokens - reply.cached_tokens
        return fresh / machine.speeds[0] if machine.settings.paced else 0.0

    async def _padded(self, data: bytes) -> web.StreamResponse:
        """The JSON with white space before its end: valid, and far too much."""
        response = web.StreamResponse(headers=self.machine.persona.headers)
        response.content_type = "application/json"
        await response.prepare(self.request)
        await response.write(data[:-1])
        left = self.machine.settings.big_bytes
        while left > 0:
            await response.write(b" " * min(left, _PADDING_PIECE))
            left -= _PADDING_PIECE
        await response.write(data[-1:])
        return response


def frame(value: object) -> bytes:
    """One server-sent event."""
    return b"data: " + msgspec.json.encode(value) + b"\n\n"
