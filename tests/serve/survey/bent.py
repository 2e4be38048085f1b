"""A proxy in front of an honest personality that bends what passes: one class of fault each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

from seatrial.fakes.personalities import personality

Body = dict[str, Any]


class Bend:
    """What to do to requests and answers; the defaults do nothing."""

    def __init__(
        self,
        *,
        body: Callable[[Body], None] = lambda _: None,
        frame: Callable[[Body], None] = lambda _: None,
        frames: int | None = None,
        pings: bool = False,
        fails_every: int | None = None,
        hangs: bool = False,
    ) -> None:
        self.body, self.frame, self.frames, self.pings = body, frame, frames, pings
        self.fails_every, self.hangs, self.generations = fails_every, hangs, 0


@asynccontextmanager
async def bent(bend: Bend, family: str = "llama.cpp", **settings: Any) -> AsyncIterator[str]:
    """The URL of the proxy."""
    async with personality(family, **settings) as server:

        async def handle(request: web.Request) -> web.StreamResponse:
            return await _pass_on(request, server.url, bend)

        application = web.Application()
        application.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


async def _pass_on(request: web.Request, url: str, bend: Bend) -> web.StreamResponse:
    asked = await request.read()
    generates = "completion" in request.path
    bend.generations += generates
    if generates and bend.hangs:
        await asyncio.sleep(60)
    if generates and bend.fails_every and bend.generations % bend.fails_every == 0:
        failure = {"error": {"message": "CUDA error: out of memory", "code": 500}}
        return web.json_response(failure, status=500)
    async with (
        aiohttp.ClientSession() as session,
        session.request(request.method, url + request.path_qs, data=asked or None) as answer,
    ):
        if "event-stream" in answer.headers.get("Content-Type", ""):
            return await _streamed(request, answer, bend)
        raw = await answer.read()
        try:
            value = json.loads(raw)
        except ValueError:
            return web.Response(body=raw, status=answer.status)
        if generates and isinstance(value, dict):
            bend.body(value)
        return web.json_response(value, status=answer.status)


async def _streamed(
    request: web.Request, answer: aiohttp.ClientResponse, bend: Bend
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    while bend.pings:
        await response.write(b": ping\n\n")
        await asyncio.sleep(0.02)
    count = 0
    async for line in answer.content:
        if line.startswith(b"data: {"):
            count += 1
            if bend.frames is not None and count > bend.frames:
                assert request.transport is not None
                request.transport.abort()
                return response
            value = json.loads(line[6:])
            bend.frame(value)
            line = b"data: " + json.dumps(value).encode() + b"\n"
        await response.write(line)
    return response
