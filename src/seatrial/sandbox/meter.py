"""Says when a running command is over one of its limits.

Samples, kills nothing: `supervise` does. In: a `Tree`, `Limits`, the time. Out: the limit that
is exceeded, or None. The output limits are not seen here; they are where the bytes pass.
"""

from __future__ import annotations

from seatrial.sandbox.census import measure, proportional_bytes
from seatrial.sandbox.cgroup import TASKS_PER_PROCESS
from seatrial.sandbox.protocol import KilledBy, Limits
from seatrial.sandbox.tree import Tree

TICK_SECONDS = 0.025
"""How long a fork bomb can grow unseen."""

_TICKS_PER_FULL_SAMPLE = 4


class Meter:
    """The watch over one command; call `exceeded` at least every `TICK_SECONDS`."""

    def __init__(self, tree: Tree, limits: Limits, began: float) -> None:
        self._tree = tree
        self._limits = limits
        self._wall_end = began + limits.wall_seconds
        self._next_sample = began + TICK_SECONDS
        self._ticks = 0

    def exceeded(self, now: float) -> KilledBy | None:
        if now >= self._wall_end:
            return "wall"
        if now < self._next_sample:
            return None
        self._next_sample = now + TICK_SECONDS
        self._ticks += 1
        pids = self._tree.pids()
        if len(pids) > self._limits.processes:
            return "processes"
        if self._ticks % _TICKS_PER_FULL_SAMPLE:
            return None
        return self._full_sample(pids)

    def _full_sample(self, pids: list[int]) -> KilledBy | None:
        load = measure(self._tree.procfs, pids)
        if load.threads > self._limits.processes * TASKS_PER_PROCESS:
            return "processes"
        if load.cpu_seconds > self._limits.cpu_seconds:
            return "cpu"
        # Forked workers share most of their pages, so the cheap sum only raises the suspicion.
        if (
            load.resident_bytes > self._limits.memory_bytes
            and proportional_bytes(self._tree.procfs, pids) > self._limits.memory_bytes
        ):
            return "memory"
        return None
