"""CPU seconds of a block or a command, children included; the best of several runs."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable


def cpu_seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """The least CPU time, own and children's, that `work` took: noise only ever adds."""
    return min(_once(work) for _ in range(repeats))


def command_cpu_seconds(words: list[str], repeats: int = 7) -> float:
    """The least CPU time of a whole process."""

    def run() -> None:
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env=dict(os.environ))

    return cpu_seconds(run, repeats)


def _once(work: Callable[[], object]) -> float:
    before = _spent()
    work()
    return _spent() - before


def _spent() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
