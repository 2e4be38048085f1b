"""Who is behind a port of this machine: process, command line, and the model it has in memory.

Read from /proc (Linux), nothing is asked of the server. A server may hand the work to a child
(llama-swap, Ollama, a router): then the child that has a model in memory is named, if it is the
only one. Not a judge: `grades` says what it proves. In: a host and a port. Out: `Behind`.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

from seatrial.serve import sockets
from seatrial.serve.redact import without_secrets

_PROC = Path("/proc")
_MOST_FILES = 4096
_SMALLEST_MODEL_BYTES = 1024
_START_FIELD = 19
"""Of /proc/PID/stat, counted from the one behind the name, which may hold blanks."""


class Behind(msgspec.Struct, frozen=True, kw_only=True):
    """The process that holds a port, and the one that has the model."""

    pid: int
    """Of the process that holds the port."""
    argv: tuple[str, ...]
    """Its command line, secrets replaced."""
    worker: int
    """Of the process that has the model in memory; the same where nobody else has one."""
    worker_argv: tuple[str, ...]
    started_ns: int | None
    """When the worker began, in nanoseconds of the wall clock."""
    mapped: tuple[str, ...]
    """Model files that the worker has in memory or open, with their paths as it sees them."""
    several: bool = False
    """Several processes behind the port have a model each: which one answers is not seen."""


def behind(host: str, port: int) -> Behind | None:
    """The one process that listens at `host`:`port`; None when that cannot be seen.

    `0.0.0.0` stands for every address of this machine.
    """
    if not sockets.available():
        return None
    inodes = sockets.in_the_way(host, port)
    if not inodes:
        return None
    pids = _heads(sockets.owners(inodes))
    if len(pids) != 1 or not inodes <= _held_below(pids[0]):
        return None
    return describe(pids[0])


def describe(pid: int) -> Behind | None:
    """What is seen of process `pid` and its children; None when it is gone."""
    family = [pid, *_descendants(pid)]
    with_model = {one: files for one in family if (files := model_files(one))}
    worker = pid if pid in with_model or not with_model else next(iter(with_model))
    argv = _argv(pid)
    if not argv:
        return None
    return Behind(
        pid=pid,
        argv=argv,
        worker=worker,
        worker_argv=_argv(worker),
        started_ns=started_ns(worker),
        mapped=with_model.get(worker, ()),
        several=len(with_model) > 1,
    )


def model_files(pid: int) -> tuple[str, ...]:
    """GGUF and safetensors files that `pid` has in memory or open."""
    found = {path for path in _mapped(pid) | _open(pid) if _is_model(pid, path)}
    return tuple(sorted(found))


def started_ns(pid: int) -> int | None:
    """When `pid` began, by the wall clock; None when that cannot be read.

    The kernel counts in ticks and rounds down: this is the end of the tick.
    """
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        ticks = int(text.rpartition(")")[2].split()[_START_FIELD])
        began = (ticks + 1) * 10**9 // os.sysconf("SC_CLK_TCK")
        age = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - began
    except (OSError, ValueError, IndexError, AttributeError):
        return None
    return time.time_ns() - age


def seen_path(pid: int, path: str) -> Path:
    """A path of process `pid` as we reach it: it may live in a container or another folder."""
    if not path.startswith("/"):
        try:
            path = str((_PROC / str(pid) / "cwd").readlink() / path)
        except OSError:
            return Path(path)
    inside = Path(f"{_PROC}/{pid}/root{path}")
    try:
        same_root = (_PROC / str(pid) / "root").samefile("/")
    except OSError:
        same_root = True
    return Path(path) if same_root else inside


def _heads(pids: tuple[int, ...]) -> tuple[int, ...]:
    """`pids` without those whose parent is among them: workers that share one socket."""
    return tuple(pid for pid in pids if _parents().get(pid) not in pids)


def _held_below(pid: int) -> frozenset[int]:
    held = [sockets.sockets_of(one) for one in (pid, *_descendants(pid))]
    return frozenset().union(*held)


def _parents() -> dict[int, int]:
    """Parent of every process."""
    found = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text(encoding="utf-8", errors="replace")
                found[int(entry.name)] = int(text.rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
    return found


def _descendants(pid: int) -> tuple[int, ...]:
    parents = _parents()
    found: list[int] = []
    level = {pid}
    while level:
        level = {child for child, parent in parents.items() if parent in level}
        level -= {*found, pid}
        found += sorted(level)
    return tuple(found)


def _argv(pid: int) -> tuple[str, ...]:
    try:
        raw = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return ()
    words = raw.rstrip(b"\0").split(b"\0") if raw else []
    return without_secrets(tuple(word.decode("utf-8", "replace") for word in words))


def _mapped(pid: int) -> set[str]:
    try:
        rows = (_PROC / str(pid) / "maps").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return set()
    fields = (row.split(maxsplit=5) for row in rows)
    return {f[5] for f in fields if len(f) == 6 and f[5].startswith("/") and "x" not in f[1]}


def _open(pid: int) -> set[str]:
    try:
        entries = list((_PROC / str(pid) / "fd").iterdir())[:_MOST_FILES]
    except OSError:
        return set()
    links = set()
    for entry in entries:
        try:
            links.add(str(entry.readlink()))
        except OSError:  # closed between the listing and here
            continue
    return {link for link in links if link.startswith("/")}


def _is_model(pid: int, path: str) -> bool:
    """By content: Ollama's files have no suffix."""
    if path.endswith((".so", " (deleted)")) or ".so." in path or path.startswith("/dev/"):
        return False
    file = seen_path(pid, path)
    try:
        if not file.is_file() or file.stat().st_size < _SMALLEST_MODEL_BYTES:
            return False
        if path.endswith(".safetensors"):
            return True
        with file.open("rb") as handle:
            return handle.read(4) == b"GGUF"
    except OSError:
        return False
