"""What a set of processes uses, read from a procfs.

Only reads; whom to count is decided in `tree`, what is too much in `meter`. In: the descriptor
of a mounted procfs and process ids as that procfs names them. Out: `Load`. A process that ends
while it is being read counts as absent.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

# Positions in /proc/PID/stat after the command name (proc(5), field number minus 3).
_PARENT, _CPU, _THREADS, _RESIDENT = 1, slice(11, 15), 17, 21


class Load(NamedTuple):
    """A sample of some processes together."""

    threads: int
    cpu_seconds: float
    """With the children that were waited for."""
    resident_bytes: int
    """Shared pages count once a process: an upper bound."""


def measure(procfs: int, pids: Iterable[int]) -> Load:
    """Sum threads, CPU time and resident memory over `pids`."""
    threads = ticks = pages = 0
    for pid in pids:
        fields = stat(procfs, pid)
        if fields:
            threads += int(fields[_THREADS])
            ticks += sum(map(int, fields[_CPU]))
            pages += int(fields[_RESIDENT])
    return Load(threads, ticks / _TICKS_PER_SECOND, pages * _PAGE_BYTES)


def proportional_bytes(procfs: int, pids: Iterable[int]) -> int:
    """Resident memory with each shared page split between its users; slower than `measure`."""
    total_kib = 0
    for pid in pids:
        for line in read(procfs, f"{pid}/smaps_rollup").splitlines():
            if line.startswith(b"Pss:"):
                total_kib += int(line.split()[1])
                break
    return total_kib * 1024


def parent(procfs: int, pid: int) -> int | None:
    """The parent of `pid`; None = no such process."""
    fields = stat(procfs, pid)
    return int(fields[_PARENT]) if fields else None


def stat(procfs: int, pid: int) -> list[bytes]:
    """The fields of /proc/PID/stat after the command name; empty = no such process."""
    # The name may hold spaces and parentheses: the last one closes it.
    return read(procfs, f"{pid}/stat").rpartition(b")")[2].split()


def read(procfs: int, path: str) -> bytes:
    """A whole file of the procfs; empty when it, or its process, is gone or not ours to read."""
    try:
        descriptor = os.open(path, os.O_RDONLY, dir_fd=procfs)
    except OSError:
        return b""
    try:
        with os.fdopen(descriptor, "rb") as file:
            return file.read()
    except OSError:
        return b""


def numeric_entries(procfs: int) -> list[int]:
    """Every process id that the procfs lists."""
    return [int(name) for name in os.listdir(procfs) if name.isdigit()]
