"""Graphics cards of this machine, and how much of them a process uses.

From `/proc/driver/nvidia`, else `nvidia-smi`, else nothing: cards of other makers are not seen,
which is not the same as none. In: process ids. Out: names and sizes, or None = not seen.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec

_DRIVER = Path("/proc/driver/nvidia/gpus")
_PROGRAM = "nvidia-smi"
_TIMEOUT_SECONDS = 5.0
_NO_HEADER = "--format=csv,noheader,nounits"


class Gpu(msgspec.Struct, frozen=True):
    """One card."""

    name: str
    uuid: str | None = None
    memory_mib: int | None = None


def cards() -> tuple[Gpu, ...] | None:
    """The cards; None = none are seen."""
    rows = _ask("--query-gpu=name,uuid,memory.total")
    found = [Gpu(row[0], row[1], _number(row[2])) for row in rows if len(row) == 3]
    return tuple(found or _by_driver()) or None


def memory_mib(pids: tuple[int, ...]) -> int | None:
    """What `pids` hold on all cards together; None = not seen."""
    rows = _ask("--query-compute-apps=pid,used_memory")
    used = [_number(row[1]) for row in rows if len(row) == 2 and _number(row[0]) in pids]
    return sum(one for one in used if one is not None) if used else None


def _by_driver() -> list[Gpu]:
    found = []
    try:
        for file in sorted(_DRIVER.glob("*/information")):
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
            pairs = (line.partition(":") for line in lines)
            facts = {key.strip(): value.strip() for key, _, value in pairs}
            if name := facts.get("Model"):
                found.append(Gpu(name, facts.get("GPU UUID")))
    except OSError:
        return found
    return found


def _ask(query: str) -> list[list[str]]:
    try:
        done = subprocess.run(
            [_PROGRAM, query, _NO_HEADER],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    if done.returncode:
        return []
    return [[cell.strip() for cell in line.split(",")] for line in done.stdout.splitlines()]


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None
