"""The words of a sandbox: limits, binds, what a finished command reports, and the protocol.

Types only; `bubblewrap` and `process` implement the protocol. In: a shell command that nobody
vouches for. Out: `Completed`, always; a command that misbehaves is data, never an exception.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal, Protocol

import msgspec

SandboxKind = Literal["bwrap", "process"]

KilledBy = Literal["wall", "output", "memory", "cpu", "processes"]
"""Which limit made us kill the command and everything it had started."""

NO_ENV: Mapping[str, str] = MappingProxyType({})

_KIB = 1024
_MIB = 1024 * _KIB


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one command may use: what is exact and what is sampled stands with each field."""

    wall_seconds: float = 60.0
    """Exact to some 30 ms."""
    cpu_seconds: float = 60.0
    """User + system of all processes, sampled ten times a second; RLIMIT_CPU (this + 1 s,
    rounded up) stops a single process even if nobody samples."""
    memory_bytes: int = 2048 * _MIB
    """Twice: the private writable memory of each process (RLIMIT_DATA: an allocation fails,
    nothing is killed), and the proportional resident memory of all together, sampled ten times
    a second (everything is killed). Files in the private /tmp and /dev/shm are bounded by
    `file_bytes` each and not counted here."""
    processes: int = 128
    """Alive at once, the shell and the sandbox's own init included, sampled forty times a
    second; threads may be eight times as many. Eight times this number is also the hard bound of
    processes and threads: RLIMIT_NPROC for an ordinary user in bubblewrap, a control group for
    root where one can be made."""
    output_bytes: int = 64 * _KIB
    """What is kept of stdout and stderr together: the head and the tail."""
    flood_bytes: int = 64 * _MIB
    """A command that writes more than this in all is killed."""
    file_bytes: int = 256 * _MIB
    """The largest file that a process can write (RLIMIT_FSIZE), and the size of /tmp."""


class Bind(msgspec.Struct, frozen=True):
    """A folder or file of the host that the command sees at `inside`."""

    host: Path
    inside: str
    writable: bool = False


class Completed(msgspec.Struct, frozen=True):
    """How a command ended."""

    exit: int | None
    """Exit status, 128 + n for signal n as a shell says it; None = we killed it."""
    output: str
    """stdout and stderr as they interleaved, UTF-8 with replacement; a line stands where
    bytes were cut."""
    cut_bytes: int
    seconds: float
    """Wall clock, start-up of the sandbox included."""
    killed_by: KilledBy | None = None


class Probe(msgspec.Struct, frozen=True):
    """Whether a kind of sandbox works here; `reason` and `hint` when not."""

    works: bool
    reason: str = ""
    hint: str = ""
    cause: Literal["", "not_linux", "not_installed", "too_old", "forbidden", "broken"] = ""


class Sandbox(Protocol):
    """Runs shell commands in one workspace; each `run` starts from nothing but its files."""

    @property
    def kind(self) -> SandboxKind: ...

    @property
    def workspace(self) -> Path:
        """The folder on the host."""
        ...

    @property
    def workdir(self) -> str:
        """The same folder as a command sees it."""
        ...

    async def run(
        self, command: str, *, limits: Limits, env: Mapping[str, str] = NO_ENV
    ) -> Completed:
        """`bash -c command` in the workdir; nothing that it started is alive afterwards.

        Cancelling the task kills everything first and raises then.

        Raises:
            InfraError: the sandbox itself could not be set up.
        """
        ...
