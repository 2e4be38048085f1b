"""Servers that we once started and whose starter is gone: found by their mark, and stopped.

A server dies with whoever started it, but a process that it started itself may not, and
elsewhere than on Linux nothing dies with its parent. Only processes of this user that carry our
mark are ever listed or stopped. In: the processes of this machine. Out: `Leaked`.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from seatrial.serve import sockets
from seatrial.serve.engines import processes
from seatrial.serve.engines.processes import Process

_STOP_SECONDS = 5.0


class Leaked(msgspec.Struct, frozen=True):
    """A process that serves for nobody."""

    process: Process
    command: str
    ports: tuple[int, ...]
    """Where it listens; none for a worker of such a server."""

    @property
    def pid(self) -> int:
        return self.process.pid


def leaked() -> tuple[Leaked, ...]:
    """Every process of a launch of ours that its starter did not take along."""
    return tuple(
        Leaked(found, sockets.command_line(found.pid), sockets.ports_of(found.pid))
        for found in processes.marked()
        if found.mark.orphaned
    )


def stop_leaked(found: Iterable[Leaked]) -> tuple[Leaked, ...]:
    """Stop them: ask first, then kill. Those that live on even so."""
    wanted = {one.process: one for one in found}
    return tuple(wanted[left] for left in processes.end(wanted, _STOP_SECONDS))
