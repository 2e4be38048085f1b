"""The witness: a read-only service that tells what is seen of a serving process on this machine.

`GET /v1/witness?port=N` answers the `Testimony` of the process that listens at port N, and of no
other; anything else is refused. It runs no command for a caller and reads no path that a caller
names. Bound to more than loopback it wants a bearer token; on loopback without one it answers
only requests that name a loopback host, so that no web page can ask. In: an address, a token.
Out: a running service, until it is cancelled.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from seatrial.core.errors import UserError
from seatrial.serve.testimony import Testimony, examine
from seatrial.serve.witness_client import PATH

DEFAULT_PORT = 9940
SHORTEST_TOKEN = 16
PATIENCE_SECONDS = 20.0
"""How long one answer waits for a digest; it goes on, and the caller asks again."""
REST_SECONDS = 1.0
"""Between two looks at a port: nobody can keep this machine busy by asking."""
_LARGEST_REQUEST_BYTES = 1024
_MOST_PORTS = 4
_ANY_ADDRESS = "0.0.0.0"

Look = Callable[[str, int], Testimony | None]


def _look(host: str, port: int) -> Testimony | None:
    return examine(host, port)


class WitnessService:
    """Answers one kind of question."""

    def __init__(self, token: str | None, *, look: Look = _look) -> None:
        self._token = token
        self._look = look
        self._running: dict[int, asyncio.Task[Testimony | None]] = {}
        self._one_at_a_time = asyncio.Lock()

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._guarded], client_max_size=_LARGEST_REQUEST_BYTES)
        app.router.add_get(PATH, self._testify, allow_head=False)
        app.on_cleanup.append(self._stop)
        return app

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method != "GET":
            return _refusal(405, "only GET: a witness changes nothing")
        if self._token is None and not is_loopback(_host_of(request)):
            return _refusal(403, "ask by a loopback address, or start the witness with a token")
        if self._token is not None and not _shows(request, self._token):
            return _refusal(401, "the token of this witness is wanted", bearer=True)
        try:
            return await handler(request)
        except web.HTTPException as error:
            return _refusal(error.status, f"a witness answers GET {PATH}?port=N")

    async def _testify(self, request: web.Request) -> web.Response:
        asked = request.query.get("port", "")
        port = int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= 5 else 0
        if not 1 <= port <= 65535:
            return _refusal(400, "port=N is wanted, a number from 1 to 65535")
        task = self._running.get(port)
        if task is None:
            if len(self._running) >= _MOST_PORTS:
                return _refusal(429, "too many ports are being looked at; ask again")
            task = asyncio.create_task(self._look_at(port))
            self._running[port] = task
            task.add_done_callback(lambda _: self._forget(port))
        try:
            found = await asyncio.wait_for(asyncio.shield(task), PATIENCE_SECONDS)
        except TimeoutError:
            return _refusal(503, "the model file is still being read; ask again")
        if found is None:
            return _refusal(404, f"no process is seen that listens at port {port}")
        return web.Response(body=msgspec.json.encode(found), content_type="application/json")

    async def _look_at(self, port: int) -> Testimony | None:
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._look, _ANY_ADDRESS, port)

    def _forget(self, port: int) -> None:
        """After a rest: until then the same answer serves everybody who asks."""
        loop = asyncio.get_running_loop()
        loop.call_later(REST_SECONDS, self._running.pop, port, None)

    async def _stop(self, _app: web.Application) -> None:
        for task in self._running.values():
            task.cancel()


@asynccontextmanager
async def witness_service(
    host: str, port: int, token: str | None, *, look: Look = _look
) -> AsyncIterator[str]:
    """Run the service; yields its URL.

    Raises:
        UserError: an open address without a good token, or the address cannot be had.
    """
    check_door(host, token)
    runner = web.AppRunner(WitnessService(token, look=look).app(), access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise UserError(
                f"{host}:{port}: {error.strerror}", hint="give another --host or --port"
            ) from None
        bound = runner.addresses[0]
        shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        yield f"http://{shown}:{bound[1]}"
    finally:
        await runner.cleanup()


def check_door(host: str, token: str | None) -> None:
    """Refuse what would tell strangers what runs here."""
    if token is None and not is_loopback(host):
        raise UserError(f"an open address ({host}) wants a token", hint="give --token-env NAME")
    if token is not None and len(token) < SHORTEST_TOKEN:
        raise UserError(
            f"the token is too short to be a secret: {SHORTEST_TOKEN} characters are wanted",
            hint="leave it out, and one is made",
        )


def make_token() -> str:
    """A token nobody can guess."""
    return secrets.token_urlsafe(32)


def is_loopback(host: str) -> bool:
    """Whether `host` can only be this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _host_of(request: web.Request) -> str:
    host = request.host
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _shows(request: web.Request, token: str) -> bool:
    shown = request.headers.get("Authorization", "")
    return hmac.compare_digest(shown.encode("utf-8", "surrogateescape"), f"Bearer {token}".encode())


def _refusal(status: int, message: str, *, bearer: bool = False) -> web.Response:
    headers = {"WWW-Authenticate": "Bearer"} if bearer else {}
    if status in (429, 503):
        headers["Retry-After"] = "2"
    body = msgspec.json.encode({"error": {"code": status, "message": message}})
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)
