"""Who listens on a port of this machine, read from /proc (Linux).

Not a port scanner: nothing is connected to. In: a host and port, or a process. Out: inodes of
listening sockets and the processes that hold them. Elsewhere than on Linux `available()` is
false and nothing can be proven this way.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

_PROC = Path("/proc")
_LISTEN = "0A"
_TABLES = (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6))


def available() -> bool:
    """Whether this machine tells who holds a socket."""
    return (_PROC / "net" / "tcp").exists()


def listeners(host: str, port: int) -> frozenset[int]:
    """Inodes of every socket that may accept a connection to `host`:`port`."""
    wanted = _addresses(host)
    found = set()
    for table, _ in _TABLES:
        for local, state, inode in _rows(_PROC / "net" / table):
            address, _, number = local.partition(":")
            if state == _LISTEN and int(number, 16) == port and address in wanted:
                found.add(inode)
    return frozenset(found)


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


def command_line(pid: int) -> str:
    """The command line of `pid`, empty when it cannot be read."""
    try:
        raw = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return ""
    return raw.replace(b"\0", b" ").decode("utf-8", "replace").strip()


def maps_file(pid: int, path: Path) -> bool:
    """Whether `pid` has the file that lies at `path` now in its memory."""
    try:
        inode = path.stat().st_ino
        rows = (_PROC / str(pid) / "maps").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    fields = (row.split(maxsplit=5) for row in rows)
    return any(len(f) == 6 and f[5] == str(path) and int(f[4]) == inode for f in fields)


def _link(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:  # closed between the listing and here
        return ""


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
