"""What is seen of a serving process on the machine where it runs: the ground of every proof.

The same whether it is looked at here or told by `seatrial witness` on another host. Only files
count that the process has in memory or names on its command line. Not a verdict: `grades` draws
it. In: a host and a port of this machine. Out: a `Testimony`.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from seatrial.core.errors import UserError
from seatrial.serve import gpu
from seatrial.serve.behind import Behind, behind, seen_path
from seatrial.serve.gpu import Gpu
from seatrial.serve.weights import Weights, read_weights

TESTIMONY_VERSION = 1
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_MOST_MODELS = 8
_LONGEST_WORD = 65536


class SeenModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model or adapter of the process."""

    weights: Weights
    names: tuple[str, ...]
    """Paths by which the process knows it."""
    in_memory: bool
    """It is mapped or open; otherwise only the command line names it."""
    untouched: bool
    """No file of it was written to, moved or replaced since the process began."""


class Testimony(msgspec.Struct, frozen=True, kw_only=True):
    """One serving process at one instant."""

    schema_version: int = TESTIMONY_VERSION
    made_at: str
    hostname: str
    boot_id: str | None
    """Differs after every start of the machine."""
    port: int
    pid: int
    argv: tuple[str, ...]
    worker: int
    """The process that has the model: `pid`, or a child of it."""
    worker_argv: tuple[str, ...]
    started_at: str | None
    several: bool
    """Several processes behind the port have a model each."""
    models: tuple[SeenModel, ...]
    unread: tuple[str, ...] = ()
    """Files that could not be digested, and why."""
    gpus: tuple[Gpu, ...] | None = None
    gpu_memory_mib: int | None = None
    """What the process holds on the cards; None = not seen."""


def examine(
    host: str, port: int, *, read: Callable[[Path], Weights] = read_weights
) -> Testimony | None:
    """What is seen of the process behind `host`:`port`; None = it cannot be seen.

    It may read large files; a caller with an event loop runs it in a thread.
    """
    seen = behind(host, port)
    if seen is None:
        return None
    models, unread = _models(seen, read)
    return Testimony(
        made_at=_iso(None),
        hostname=platform.node(),
        boot_id=boot_id(),
        port=port,
        pid=seen.pid,
        argv=seen.argv,
        worker=seen.worker,
        worker_argv=seen.worker_argv,
        started_at=None if seen.started_ns is None else _iso(seen.started_ns),
        several=seen.several,
        models=models,
        unread=unread,
        gpus=gpu.cards(),
        gpu_memory_mib=gpu.memory_mib((seen.pid, seen.worker)),
    )


def candidates(seen: Behind) -> dict[Path, list[str]]:
    """Model files of the process as we reach them, each with the names the process has for it."""
    found: dict[Path, list[str]] = {}
    for name in (*seen.mapped, *_named(seen.worker_argv)):
        path = seen_path(seen.worker, name)
        try:
            # A path inside of another root would be resolved to the file of that name here.
            real = path if path.is_relative_to("/proc") else path.resolve()
            if not (real.is_dir() and any(real.glob("*.safetensors"))) and not _is_gguf(real):
                continue
        except (OSError, RuntimeError, ValueError):
            continue
        names = found.setdefault(real, [])
        if name not in names:
            names.append(name)
    return dict(list(found.items())[:_MOST_MODELS])


def _models(
    seen: Behind, read: Callable[[Path], Weights]
) -> tuple[tuple[SeenModel, ...], tuple[str, ...]]:
    models, unread = [], []
    for path, names in candidates(seen).items():
        try:
            weights = read(path)
            held = any(name in seen.mapped for name in names)
            # What is in memory is named by the kernel, after all links.
            ways = [] if held else [seen_path(seen.worker, name) for name in names]
            models.append(
                SeenModel(
                    weights=weights,
                    names=tuple(names),
                    in_memory=held,
                    untouched=_untouched(weights, ways, seen.started_ns),
                )
            )
        except UserError as error:
            unread.append(error.message)
    return tuple(models), tuple(unread)


def _untouched(weights: Weights, ways: list[Path], since_ns: int | None) -> bool:
    """Its inode did not change: not written to, not moved here; nor did a link on `ways` to it."""
    if since_ns is None:
        return False
    try:
        links = (link for way in ways for link in _links(way))
        return all(Path(file).stat().st_ctime_ns <= since_ns for file in weights.files) and all(
            link.lstat().st_ctime_ns <= since_ns for link in links
        )
    except OSError:
        return False


def _links(path: Path) -> Iterator[Path]:
    """Every link on the way to `path`, and on the ways that they lead to."""
    todo, met = [path], set[Path]()
    while todo:
        one = todo.pop()
        for place in (*one.parents, one):
            # Of /proc/PID/root itself nothing is to be learned: the kernel makes it up.
            if place in met or (place.parts[1:2] == ("proc",) and len(place.parts) <= 4):
                continue
            met.add(place)
            if place.is_symlink():
                yield place
                todo.append(place.parent / place.readlink())


def _named(argv: tuple[str, ...]) -> Iterator[str]:
    """Words of a command line that may be paths, those inside of JSON included."""
    for word in argv[1:]:
        if len(word) > _LONGEST_WORD:
            continue
        if word.startswith("{"):
            yield from _strings(word)
        else:
            yield word.partition("=")[2] if word.startswith("-") and "=" in word else word


def _strings(word: str) -> Iterator[str]:
    try:
        level = [msgspec.json.decode(word)]
    except (msgspec.DecodeError, RecursionError):
        return
    while level:
        value = level.pop()
        if isinstance(value, dict):
            level += value.values()
        elif isinstance(value, list):
            level += value
        elif isinstance(value, str):
            yield value


def _is_gguf(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"GGUF"


def boot_id() -> str | None:
    """What this start of this machine is called; no other machine has it."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def _iso(nanoseconds: int | None) -> str:
    moment = (
        datetime.now(UTC) if nanoseconds is None else datetime.fromtimestamp(nanoseconds / 1e9, UTC)
    )
    return moment.isoformat(timespec="seconds")
