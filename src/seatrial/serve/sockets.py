"""Who listens on a port of this machine, read from /proc (Linux).

Not a port scanner: nothing is connected to. In: a host and port, or a process. Out: inodes of
listening sockets and the processes that hold them. Elsewhere than on Linux `available()` is
false and nothing can be proven this way.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from pathlib import Path

import msgspec

from seatrial.serve.redact import without_secrets

_PROC = Path("/proc")
_LISTEN = "0A"
_COMMAND_CHARS = 200
_TABLES = (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6))
_WILDCARDS = ("0.0.0.0", "::", "")


class Holder(msgspec.Struct, frozen=True):
    """Who holds a port; both None = a process of another user, which we may not look into."""

    pid: int | None
    command: str | None

    def __str__(self) -> str:
        if self.pid is None:
            return "a process of another user"
        return f"pid {self.pid}" + (f" ({self.command})" if self.command else "")


class Listener(msgspec.Struct, frozen=True):
    """One port of this machine that accepts connections."""

    host: str
    """An address that reaches it from this machine: `127.0.0.1` for a wildcard."""
    port: int
    pids: tuple[int, ...]
    """The processes that hold it, as far as we may look."""


def available() -> bool:
    """Whether this machine tells who holds a socket."""
    return (_PROC / "net" / "tcp").exists()


def listeners(host: str, port: int) -> frozenset[int]:
    """Inodes of every socket that may accept a connection to `host`:`port`."""
    wanted = _addresses(host)
    return frozenset(
        inode for address, number, inode in _listening() if number == port and address in wanted
    )


def in_the_way(host: str, port: int) -> frozenset[int]:
    """Inodes of every listening socket that would share `port` with a server at `host`."""
    if host not in _WILDCARDS:
        return listeners(host, port)
    return frozenset(inode for _, number, inode in _listening() if number == port)


def holders(inodes: frozenset[int]) -> tuple[Holder, ...]:
    """Who holds `inodes`, in words for a person; never empty when `inodes` is not."""
    pids = owners(inodes)
    if not pids:
        return (Holder(None, None),) if inodes else ()
    return tuple(Holder(pid, command_line(pid)[:_COMMAND_CHARS] or None) for pid in pids)


def ports_of(pid: int) -> tuple[int, ...]:
    """The TCP ports at which process `pid` listens."""
    held = sockets_of(pid)
    return tuple(sorted({port for _, port, inode in _listening() if inode in held}))


def listening() -> tuple[Listener, ...]:
    """Every TCP port of this machine that accepts connections, by port; each once."""
    found: dict[tuple[str, int], set[int]] = {}
    for address, port, inode in _listening():
        found.setdefault((_reachable(address), port), set()).add(inode)
    held = _holders(frozenset().union(*found.values()))
    rows = (
        Listener(host, port, tuple(sorted({pid for i in inodes for pid in held.get(i, ())})))
        for (host, port), inodes in found.items()
    )
    return tuple(sorted(rows, key=lambda row: (row.port, row.host)))


def sockets_of(pid: int) -> frozenset[int]:
    """Inodes of the sockets that process `pid` holds; empty when it is gone or not ours."""
    found = set()
    try:
        for entry in (_PROC / str(pid) / "fd").iterdir():
            target = _link(entry)
            if target.startswith("socket:["):
                found.add(int(target[len("socket:[") : -1]))
    except OSError:
        return frozenset()
    return frozenset(found)


def owners(inodes: frozenset[int]) -> tuple[int, ...]:
    """The processes that hold one of `inodes`, as far as we may look."""
    pids = (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())
    return tuple(pid for pid in pids if sockets_of(pid) & inodes)


def arguments(pid: int) -> tuple[str, ...]:
    """The command line of `pid`, word by word; empty when it cannot be read."""
    try:
        raw = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return ()
    words = raw.removesuffix(b"\0").split(b"\0") if raw else []
    return tuple(word.decode("utf-8", "replace") for word in words)


def parent(pid: int) -> int | None:
    """The process that started `pid`; None when it is gone."""
    try:
        rows = (_PROC / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = (row.split()[1] for row in rows.splitlines() if row.startswith("PPid:"))
    return next((int(one) for one in found), None)


def command_line(pid: int) -> str:
    """The command line of `pid` as it may be shown, secrets replaced; empty when unreadable."""
    return " ".join(without_secrets(arguments(pid))).strip()


def _holders(inodes: frozenset[int]) -> dict[int, list[int]]:
    """Who holds each of `inodes`, in one walk over all processes."""
    found: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            for inode in sockets_of(int(entry.name)) & inodes:
                found.setdefault(inode, []).append(int(entry.name))
    return found


def _reachable(spelled: str) -> str:
    """An address of the kernel's tables as this machine would connect to it."""
    words = (spelled[start : start + 8] for start in range(0, len(spelled), 8))
    packed = b"".join(int(word, 16).to_bytes(4, sys.byteorder) for word in words)
    address = ipaddress.ip_address(packed)
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        address = mapped
    # A wildcard of IPv6 accepts IPv4 too, unless somebody asked it not to.
    return "127.0.0.1" if address.is_unspecified else str(address)


def _link(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:  # closed between the listing and here
        return ""


def _listening() -> list[tuple[str, int, int]]:
    """Address as the kernel spells it, port and inode of every listening TCP socket."""
    found = []
    for table, _ in _TABLES:
        for local, state, inode in _rows(_PROC / "net" / table):
            if state == _LISTEN:
                address, _, number = local.partition(":")
                found.append((address, int(number, 16), inode))
    return found


def _rows(table: Path) -> list[tuple[str, str, int]]:
    try:
        lines = table.read_text(encoding="ascii").splitlines()[1:]
    except OSError:  # a machine without IPv6 has no such table
        return []
    rows = (line.split() for line in lines)
    return [(row[1], row[3], int(row[9])) for row in rows if len(row) > 9]


def _addresses(host: str) -> frozenset[str]:
    """`host` as the kernel's tables spell it, and the wildcards that accept for it too."""
    found = {_spelled(socket.AF_INET, "0.0.0.0"), _spelled(socket.AF_INET6, "::")}
    for family, _, _, _, address in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM):
        found.add(_spelled(family, str(address[0])))
        if family == socket.AF_INET:
            found.add(_spelled(socket.AF_INET6, f"::ffff:{address[0]}"))
    return frozenset(found)


def _spelled(family: int, address: str) -> str:
    packed = socket.inet_pton(family, address)
    words = (packed[start : start + 4] for start in range(0, len(packed), 4))
    # Each 32-bit word is printed in the byte order of the machine.
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)
