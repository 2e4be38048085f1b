"""Serving the gateway: a socket, uvicorn with the fast parts, and an orderly end.

At the first signal no new connection is taken and what is under way may finish, for a bounded
time. In: a `Gateway`, an address. Out: a running server, and its URL when it listens.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import uvicorn

from seatrial.core.errors import UserError
from seatrial.gateway.app import Gateway
from seatrial.gateway.settings import Settings

DRAIN_SECONDS = 30


class _Server(uvicorn.Server):
    """Ends at a signal without raising it again: to be stopped is no failure."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections from now on.

    Raises:
        UserError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's algorithm off only where it is: a head and
    # a body that are written apart would wait 40 ms for each other.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host.strip("[]"), port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise UserError(f"{host}:{port}: {reason}", hint="--port 0 takes any free port") from None
    listener.setblocking(False)
    return listener


def url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"


def address_of_this_machine() -> str | None:
    """The address by which others probably reach this machine; None = it has no way out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: this only asks which way a packet would take.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return str(probe.getsockname()[0])


async def serve(
    gateway: Gateway,
    listener: socket.socket,
    *,
    drain_seconds: int = DRAIN_SECONDS,
    on_ready: Callable[[], Awaitable[None]],
) -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    server = _server(gateway, drain_seconds)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        # A second signal does not wait any longer.
        server.force_exit = server.should_exit
        server.should_exit = True

    for what in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(what, stop)
    ready = asyncio.create_task(_when_ready(server, on_ready))
    try:
        await server.serve(sockets=[listener])
    finally:
        ready.cancel()
        for what in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(what)


@contextlib.asynccontextmanager
async def serving(
    settings: Settings, *, host: str = "127.0.0.1", port: int = 0, drain_seconds: int = 1
) -> AsyncIterator[tuple[str, Gateway]]:
    """A gateway inside a running event loop: its URL, and itself."""
    gateway = Gateway(settings)
    listener = listen(host, port)
    server = _server(gateway, drain_seconds)
    url = url_of(listener)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started and not task.done():
            await asyncio.sleep(0.005)
        yield url, gateway
    finally:
        server.should_exit = True
        await task


def check_address(settings: Settings, host: str) -> None:
    """Refuse to serve the world without a token.

    Raises:
        UserError: an address that others reach, and no token.
    """
    if settings.token is None and not is_loopback(host):
        raise UserError(
            f"{host} can be reached by others, and the gateway has no token",
            hint="put one into the environment and name the variable with --token-env",
        )


def _server(gateway: Gateway, drain_seconds: int) -> _Server:
    config = uvicorn.Config(
        gateway,
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=drain_seconds,
    )
    return _Server(config)


async def _when_ready(server: _Server, on_ready: Callable[[], Awaitable[None]]) -> None:
    while not server.started:
        await asyncio.sleep(0.005)
    await on_ready()
