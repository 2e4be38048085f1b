"""The server of a personality: a real socket, a record of what was asked, the faults at the door.

In: a persona, settings, faults. Out: an async context manager with a `url`.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

import msgspec
from aiohttp import web

from seatrial.fakes.personalities.exchange import Exchange
from seatrial.fakes.personalities.machine import Machine
from seatrial.fakes.personalities.persona import Handler, Persona
from seatrial.fakes.server import Received

_PAGE = (
    "<!DOCTYPE html>\n<html><head><title>Welcome to nginx!</title></head>"
    "<body><h1>Welcome to nginx!</h1></body></html>\n"
)


class PersonalityServer:
    """Use it as `async with personality("vllm") as server: server.url`."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.url = ""
        self.received: list[Received] = []
        self._answering: set[asyncio.Task[Any]] = set()
        self._runner: web.AppRunner | None = None

    @property
    def persona(self) -> Persona:
        return self.machine.persona

    @property
    def log(self) -> list[str]:
        """The lines that the real server would have logged."""
        return self.machine.log

    async def __aenter__(self) -> PersonalityServer:
        app = web.Application(client_max_size=2**30)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._answering:
            task.cancel()
        if self._runner is not None:
            await self._runner.cleanup()

    def bodies(self, path: str) -> list[Any]:
        """The bodies that came to `path`."""
        return [request.body for request in self.received if request.path == path]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        task = asyncio.current_task()
        if task is not None:
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        raw = await request.read()
        try:
            body = msgspec.json.decode(raw, type=dict[str, Any]) if raw else {}
        except msgspec.DecodeError:
            return await Exchange(request, self.machine, {}, request.path).refuse(
                400, "the body is no JSON object"
            )
        headers = dict(request.headers)
        self.received.append(Received(request.method, request.path, headers, body))
        exchange = Exchange(request, self.machine, body, request.path)
        if "not_an_llm" in self.machine.faults:
            status = 200 if request.method == "GET" else 405
            return await exchange.text(_PAGE, status, "text/html")
        if self._locked(request):
            return await exchange.refuse(401, "Invalid API Key")
        return await route(self.persona, exchange)(exchange)

    def _locked(self, request: web.Request) -> bool:
        if "needs_key" not in self.machine.faults or request.path in self.persona.public_paths:
            return False
        return request.headers.get("Authorization") != f"Bearer {self.machine.settings.key}"


def route(persona: Persona, exchange: Exchange) -> Handler:
    """The handler of the exchange's path."""
    method, path = exchange.request.method, exchange.path
    if handler := persona.handlers.get((method, path)):
        return handler
    for (one, pattern), handler in persona.handlers.items():
        if one == method and pattern.endswith("*") and path.startswith(pattern[:-1]):
            return handler
    return persona.missing
