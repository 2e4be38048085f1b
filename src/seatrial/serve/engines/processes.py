"""Processes of this machine, read from /proc (Linux): which of them we started, and ending them.

Every server that we start carries a mark in its environment: who started it, and a number for
the launch; whatever it starts itself inherits the mark. Elsewhere than on Linux nothing is found
and only our direct children can be ended. In: process ids and marks. Out: processes.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

MARK = "SEATRIAL_SERVED_BY"
_PROC = Path("/proc")
_POLL_SECONDS = 0.02
_START_TICKS = 19
"""Place of `starttime` in /proc/PID/stat, counted behind the name."""


class Mark(msgspec.Struct, frozen=True):
    """Who started a server: a process, told apart from a later one of the same number."""

    owner: int
    owner_started: int
    """Clock ticks after the boot of the machine; 0 = not known."""
    launch: str

    def __str__(self) -> str:
        return f"{self.owner} {self.owner_started} {self.launch}"

    @property
    def orphaned(self) -> bool:
        """Whether the process that started it is gone."""
        return started(self.owner) != self.owner_started


class Process(msgspec.Struct, frozen=True):
    """One process at one instant."""

    pid: int
    started: int
    mark: Mark


def new_mark() -> Mark:
    """The mark of a launch of ours."""
    return Mark(os.getpid(), started(os.getpid()) or 0, uuid.uuid4().hex[:16])


def started(pid: int) -> int | None:
    """When `pid` started, in clock ticks after the boot; None = it is gone, or a zombie."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[_START_TICKS])


def marked() -> Iterator[Process]:
    """Every process of ours that carries a mark."""
    if not _PROC.is_dir():
        return
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            pid = int(entry.name)
            mark, since = _mark(pid), started(pid)
            if mark is not None and since is not None:
                yield Process(pid, since, mark)


def of_launch(launch: str) -> tuple[Process, ...]:
    """The processes of one launch, children of children included."""
    return tuple(found for found in marked() if found.mark.launch == launch)


def end(processes: Iterable[Process], seconds: float) -> tuple[Process, ...]:
    """Ask each process to end, kill what has not after `seconds`; those that live on even so."""
    left = [found for found in processes if send(found, signal.SIGTERM)]
    deadline = time.monotonic() + seconds
    while (left := _alive(left)) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    for found in left:
        send(found, signal.SIGKILL)
    deadline = time.monotonic() + 1.0
    while (left := _alive(left)) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return tuple(left)


def send(process: Process, what: signal.Signals) -> bool:
    """Send a signal to exactly this process, never to a later one of the same number."""
    with contextlib.suppress(OSError):
        handle = os.pidfd_open(process.pid)
        try:
            if started(process.pid) == process.started:
                signal.pidfd_send_signal(handle, what)
                return True
        finally:
            os.close(handle)
    return False


def _alive(processes: list[Process]) -> list[Process]:
    return [found for found in processes if started(found.pid) == found.started]


def _mark(pid: int) -> Mark | None:
    place = _PROC / str(pid)
    try:
        # In a container the same number is another process, so nobody there is an orphan of ours.
        if place.stat().st_uid != os.geteuid() or _namespace(place) != _namespace(_PROC / "self"):
            return None
        environment = (place / "environ").read_bytes()
    except OSError:  # gone, or closed to us
        return None
    prefix = f"{MARK}=".encode()
    for line in environment.split(b"\0"):
        if line.startswith(prefix):
            return _read(line[len(prefix) :].decode("utf-8", "replace"))
    return None


def _namespace(place: Path) -> Path:
    return (place / "ns" / "pid").readlink()


def _read(text: str) -> Mark | None:
    words = text.split()
    if len(words) != 3 or not (words[0].isdigit() and words[1].isdigit()):
        return None
    return Mark(int(words[0]), int(words[1]), words[2])
