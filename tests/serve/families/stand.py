"""A stand-in for a server: literal answers by path, and a record of what was asked.

Independent of `seatrial.fakes` on purpose: the answers are written from the sources and the
documentation of each server.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from seatrial.chat.transport import Reply, Transport
from seatrial.core.errors import FormatError
from seatrial.serve.facts import Fact
from seatrial.serve.families.owner import Owner

Answers = dict[str, Any]
"""A value = JSON with status 200; text = as it stands; (status, value)."""


class Stand:
    """Serves `answers` on a free port of loopback."""

    def __init__(self, answers: Answers, *, missing: Any = (404, {"error": "not found"})):
        self.answers = answers
        self.missing = missing
        self.asked: list[str] = []
        self.posted: list[Any] = []
        self.url = ""

    async def __aenter__(self) -> Stand:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        if request.method == "POST":
            self.posted.append(await request.json())
        found = self.answers.get(request.path_qs, self.answers.get(request.path, self.missing))
        status, value = found if isinstance(found, tuple) else (200, found)
        if isinstance(value, str):
            return web.Response(status=status, text=value)
        return web.json_response(value, status=status)


class Canned(Transport):
    """The same without a socket, for tests that ask a thousand times."""

    def __init__(self, answers: Answers, url: str = "http://192.0.2.7:1"):
        self.answers = answers
        self.url = url

    def _find(self, path: str) -> tuple[int, Any]:
        path = unquote(path)
        found = self.answers.get(path, self.answers.get(path.partition("?")[0], (404, {})))
        return found if isinstance(found, tuple) else (200, found)

    async def get(self, path: str, *, timeout_seconds=None, max_bytes=None) -> Reply:
        status, value = self._find(path)
        text = value if isinstance(value, str) else json.dumps(value)
        return Reply(status, text.encode())

    async def post_json(self, path: str, body: object, type_: Any, *, timeout_seconds=None) -> Any:
        status, value = self._find(path)
        if status != 200:
            raise FormatError("refused")
        return value


def process(*words: str, pid: int = 4242) -> Owner:
    """The owner of a port, as if it had this command line."""
    return Owner(Fact(pid, "process"), Fact(words, "process"))
