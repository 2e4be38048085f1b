"""The processes that one command started: find them, and end every one of them.

`NamespaceTree` owns a pid namespace, so nothing can leave it and one signal ends it.
`CookieTree` recognises processes by a variable in their environment and by their session; a
process that clears both is lost, which is one reason why `process` is not isolation.

In: the child that was started. Out: process ids, and their death.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from collections.abc import Iterable
from typing import Protocol

from seatrial.sandbox.census import numeric_entries, parent, read

_SETUP_SECONDS = 2.0
_DEATH_SECONDS = 5.0
_CLEAR_COOKIE_ROUNDS = 50


class Tree(Protocol):
    procfs: int
    """Descriptor of the procfs in which `pids` are meant; -1 = none to look at yet."""
    status_fd: int
    """Worth a `pids()` when readable; -1 = never."""

    def pids(self) -> list[int]:
        """Who is alive, the shell and the init of a namespace included."""
        ...

    def kill(self) -> None:
        """End all of them; returns when they are gone."""
        ...

    def exit_status(self, returncode: int) -> int | None:
        """The command's own status; None = it never ran."""
        ...

    def close(self) -> None: ...


class NamespaceTree:
    """A pid namespace that bubblewrap made; `status_fd` is its --json-status-fd."""

    def __init__(self, monitor_pid: int, status_fd: int) -> None:
        self.procfs = -1
        self.status_fd = status_fd
        self._monitor_pid = monitor_pid
        self._status = b""
        self._init_pid = 0
        self._init_fd = -1
        os.set_blocking(status_fd, False)

    def pids(self) -> list[int]:
        self._learn_init()
        if self.procfs < 0:
            self._open_procfs()
        if self.procfs < 0:
            return []
        try:
            return numeric_entries(self.procfs)
        except OSError:
            return []

    def kill(self) -> None:
        deadline = time.monotonic() + _SETUP_SECONDS
        # Killed this early the namespace might outlive bubblewrap, which reports within
        # milliseconds or ends; its end closes the pipe.
        while not self._learn_init() and time.monotonic() < deadline:
            select.select([self.status_fd], [], [], 0.05)
        if self._init_fd < 0:
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._init_fd, signal.SIGKILL)
        # The kernel reports the init dead only after every other process of its namespace.
        select.select([self._init_fd], [], [], _DEATH_SECONDS)

    def exit_status(self, returncode: int) -> int | None:
        self._read_status()
        return returncode if b'"exit-code"' in self._status else None

    def close(self) -> None:
        for descriptor in (self.procfs, self._init_fd, self.status_fd):
            if descriptor >= 0:
                os.close(descriptor)

    def _read_status(self) -> bool:
        """Take what bubblewrap has said; True = it will say no more."""
        while True:
            try:
                chunk = os.read(self.status_fd, 4096)
            except BlockingIOError:
                return False
            if not chunk:
                return True
            self._status += chunk

    def _learn_init(self) -> bool:
        """True when the init is known, or will never be."""
        if self._init_pid:
            return True
        ended = self._read_status()
        first, newline, _ = self._status.partition(b"\n")
        if not newline:
            return ended
        self._init_pid = int(json.loads(first)["child-pid"])
        with contextlib.suppress(ProcessLookupError):
            self._init_fd = os.pidfd_open(self._init_pid)
        if self._init_fd >= 0 and not self._is_ours():
            os.close(self._init_fd)
            self._init_fd = -1
        return True

    def _is_ours(self) -> bool:
        """Not another process that was given the same id after ours had died."""
        host = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
        try:
            return parent(host, self._init_pid) == self._monitor_pid
        finally:
            os.close(host)

    def _open_procfs(self) -> None:
        if self._init_fd < 0:
            return
        try:
            found = os.open(f"/proc/{self._init_pid}/root/proc", os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            return
        # Until bubblewrap has pivoted, this is the host's: there we are a process, inside not.
        try:
            os.readlink("self", dir_fd=found)
        except FileNotFoundError:
            self.procfs = found
        else:
            os.close(found)


class CookieTree:
    """The session of `leader` and every process whose environment holds `cookie`."""

    def __init__(self, leader: int, cookie: str) -> None:
        self.status_fd = -1
        self.procfs = _host_procfs()
        self._leader = leader
        self._cookie = cookie.encode()
        self._known: set[int] = {leader}
        self._foreign: set[int] = set()

    def pids(self) -> list[int]:
        if self.procfs < 0:
            return []
        alive = set(numeric_entries(self.procfs))
        self._known &= alive
        self._foreign &= alive
        for pid in alive - self._known - self._foreign:
            (self._known if self._carries_cookie(pid) else self._foreign).add(pid)
        return list(self._known)

    def kill(self) -> None:
        self._signal_session()
        # A process whose exec was under way had no environment to read: look at all anew.
        self._foreign.clear()
        frozen: set[int] = set()
        for _ in range(_CLEAR_COOKIE_ROUNDS):
            # Stopped first, so that none forks while others are being killed.
            new = set(self.pids()) - frozen - {self._leader}
            if not new:
                break
            _signal(new, signal.SIGSTOP)
            frozen |= new
        _signal(frozen, signal.SIGKILL)
        self._await_death(frozen)

    def exit_status(self, returncode: int) -> int | None:
        return 128 - returncode if returncode < 0 else returncode

    def close(self) -> None:
        if self.procfs >= 0:
            os.close(self.procfs)

    def _carries_cookie(self, pid: int) -> bool:
        return self._cookie in read(self.procfs, f"{pid}/environ").split(b"\0")

    def _signal_session(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._leader, signal.SIGKILL)

    def _await_death(self, pids: set[int]) -> None:
        deadline = time.monotonic() + _DEATH_SECONDS
        while time.monotonic() < deadline:
            if not any(read(self.procfs, f"{pid}/environ") for pid in pids):
                return
            time.sleep(0.002)


def _host_procfs() -> int:
    try:
        return os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return -1


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
