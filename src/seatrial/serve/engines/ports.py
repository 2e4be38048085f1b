"""Choosing and guarding a port: free before the start, and held by nobody but ours after it.

Nothing is connected to. In: a host and a port. Out: a port, or an error that names who holds it.
"""

from __future__ import annotations

import contextlib
import socket

from seatrial.core.errors import UnattestedError, UserError
from seatrial.serve import sockets

_HINT = "give another port, or 0 for any free one"


def free_port(host: str) -> int:
    """A port that is free at `host` now; somebody may still take it.

    Raises:
        UserError: this machine has no such address.
    """
    with _bound(host, 0) as server:
        return int(server.getsockname()[1])


def refuse_taken(host: str, port: int) -> None:
    """Refuse a port at which somebody listens already, or that cannot be had.

    A server that allows its port to be shared would start all the same, and every other request
    would reach the other one.

    Raises:
        UserError: names the process.
    """
    inodes = sockets.in_the_way(host, port) if sockets.available() else frozenset()
    if inodes:
        who = ", ".join(str(holder) for holder in sockets.holders(inodes))
        raise UserError(f"the port is taken: {host}:{port} is held by {who}", hint=_HINT)
    _bound(host, port).close()


def held_by(host: str, port: int, family: tuple[int, ...]) -> int | None:
    """The process of `family` that listens at `port`; None = nobody does yet.

    Raises:
        UnattestedError: somebody else listens there too.
    """
    listening = sockets.listeners(host, port)
    ours = {pid: sockets.sockets_of(pid) for pid in family}
    foreign = listening.difference(*ours.values())
    if foreign:
        who = ", ".join(str(holder) for holder in sockets.holders(foreign))
        raise UnattestedError(
            f"port {port} was taken while the engine started: it is held by {who}",
            hint="start again with port 0, which takes a free one",
        )
    return next((pid for pid, held in ours.items() if held & listening), None)


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise UserError(f"{host}: no such address ({error.strerror})") from None
    server = socket.socket(family, kind)
    try:
        # As servers do: a port of connections that have just ended is free.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(address)
    except OSError as error:
        with contextlib.suppress(OSError):
            server.close()
        taken = "the port is taken: " if port else ""
        raise UserError(f"{taken}{host}:{port}: {error.strerror}", hint=_HINT) from None
    return server
