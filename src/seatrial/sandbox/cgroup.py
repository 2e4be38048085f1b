"""A hard bound on the number of tasks of a command, where we may make a control group.

The kernel exempts root from RLIMIT_NPROC, so for root nothing else stops a fork bomb between
two samples of `meter`. Best effort: without a writable `pids` controller (most containers,
every ordinary user) there is no group, and the samples, or RLIMIT_NPROC, are the bound.
In: a number of tasks. Out: an argv prefix that joins the group.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

TASKS_PER_PROCESS = 8
"""A task is a process or a thread; the limit on processes leaves room for so many threads."""

_REMOVE_TRIES = 100
_JOIN = 'echo $$ 2>/dev/null >"$1"; shift; exec "$@"'


@contextlib.contextmanager
def bounded_tasks(bash: str, tasks: int) -> Iterator[list[str]]:
    """What to put before an argv; empty where no group can be made.

    The program joins by itself, before it starts anything.
    """
    group = _make(tasks)
    if group is None:
        yield []
        return
    try:
        yield [bash, "-c", _JOIN, "bash", str(group / "cgroup.procs")]
    finally:
        _remove(group)


def _make(tasks: int) -> Path | None:
    parent = _pids_folder()
    if parent is None or not os.access(parent, os.W_OK):
        return None
    group = parent / f"seatrial-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        group.mkdir()
    except OSError:
        return None
    try:
        # In version 2 the file is absent unless the parent hands the controller down.
        (group / "pids.max").write_text(str(tasks))
    except OSError:
        _remove(group)
        return None
    return group


def _pids_folder() -> Path | None:
    """Our own group in the hierarchy of the `pids` controller, version 1 or 2."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if "pids" in controllers.split(","):
            return Path("/sys/fs/cgroup/pids") / path.lstrip("/")
    for line in lines:
        if line.startswith("0::"):
            return Path("/sys/fs/cgroup") / line[3:].lstrip("/")
    return None


def _remove(group: Path) -> None:
    for _ in range(_REMOVE_TRIES):
        try:
            group.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.002)
        else:
            return
