"""The process behind a URL of this machine: its pid and its command line.

A process that only forwards the port (of a container, of a tunnel) is not the server and is not
given for it. In: a URL. Out: an `Owner`, or the reason why there is none.
"""

from __future__ import annotations

import asyncio
import ipaddress
from itertools import pairwise
from pathlib import PurePath
from urllib.parse import urlsplit

import msgspec

from seatrial.serve import sockets
from seatrial.serve.facts import Fact
from seatrial.serve.redact import without_secrets

_GATEWAY = "seatrial gateway"
_FORWARDERS = frozenset(
    """
    docker-proxy rootlessport slirp4netns pasta pasta.avx2 gvproxy conmon ssh sshd socat kubectl
    wslrelay haproxy nginx caddy traefik
    """.split()
) | {_GATEWAY}


class Owner(msgspec.Struct, frozen=True):
    """Who holds a port; `pid` None = it could not be learned, `note` says why."""

    pid: Fact[int] | None = None
    command: Fact[tuple[str, ...]] | None = None
    note: str | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The command line, empty when it is not known."""
        return self.command.value if self.command else ()

    @property
    def notes(self) -> tuple[str, ...]:
        return (self.note,) if self.note else ()


async def owner_of(url: str) -> Owner:
    """The process that listens at `url`, if that is on this machine and may be seen."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:  # a server may say anything of where the one behind it is
        return Owner(note=f"{url} is no address: the process behind it cannot be named")
    if not is_loopback(parts.hostname or ""):
        return Owner(note="the server is on another machine: its process cannot be seen from here")
    if not sockets.available():
        return Owner(note="this system does not tell which process holds a port")
    if parts.path.strip("/"):
        return Owner(note="the process of the server behind the proxy cannot be seen from here")
    return await asyncio.to_thread(_owner, parts.hostname or "", port)


def is_loopback(host: str) -> bool:
    """Whether `host` can only be this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def program(words: tuple[str, ...]) -> str:
    """The name of the program that a command line starts."""
    if _is_gateway(words):
        return _GATEWAY
    return PurePath(words[0]).name if words else ""


def forwards(words: tuple[str, ...]) -> bool:
    """Whether that program hands connections on to another one."""
    return program(words).partition(":")[0] in _FORWARDERS


def _is_gateway(words: tuple[str, ...]) -> bool:
    """`python -m seatrial gateway`, or the installed command."""
    return any(
        PurePath(one).name == "seatrial" and other == "gateway"
        for one, other in pairwise(words[:8])
    )


def _owner(host: str, port: int) -> Owner:
    try:
        inodes = sockets.listeners(host, port)
    except OSError:  # a name that this machine cannot resolve
        return Owner(note=f"{host} is no address of this machine")
    if not inodes:
        return Owner(
            note=f"no process of this machine listens at port {port}: "
            "the server is in a container, or behind something that forwards to it"
        )
    pids = set(sockets.owners(inodes))
    # Workers inherit the socket; the process that was started with the arguments is above them.
    top = [pid for pid in pids if sockets.parent(pid) not in pids]
    if not top:
        return Owner(
            note="the process behind the port belongs to another user: "
            "run this as that user, or as root, to see what it serves"
        )
    if len(top) > 1:
        found = ", ".join(str(pid) for pid in sorted(top))
        return Owner(note=f"several processes hold port {port} (pids {found}): any may answer")
    words = sockets.arguments(top[0])
    if forwards(words):
        return Owner(
            note=f"port {port} belongs to {program(words)}, which only forwards it: "
            "the process of the server cannot be seen from here"
        )
    shown = without_secrets(words)
    return Owner(Fact(top[0], "process"), Fact(shown, "process") if shown else None)
