"""A trial's workspace: a fresh copy of the task's files, and the diff of what became of it.

The workspace lives outside the run directory while the trial runs and goes when it ends; what
stays is `workspace.diff`. Symlinks that the agent made are never followed.
"""

from __future__ import annotations

import difflib
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import msgspec

from seatrial.core.errors import Boundary, TaskError, boundary
from seatrial.suites import Placement, Task

MAX_DIFF_BYTES = 1_000_000
"""Files larger than this are named in the diff, not shown."""


@contextmanager
def fresh_workspace(task: Task) -> Iterator[Path]:
    """A writable copy of the task's workspace in a temporary folder of its own.

    What else a trial needs for a while may stand beside it, in the workspace's parent.

    Raises:
        TaskError, InfraError: the files cannot be copied.
    """
    with tempfile.TemporaryDirectory(prefix="seatrial-", ignore_cleanup_errors=True) as name:
        workspace = Path(name) / "workspace"
        workspace.mkdir()
        with boundary(Boundary.TASK, f"{task.id}: copying the workspace"):
            for placement in task.workspace:
                _place(placement, workspace, task)
        yield workspace


def _inside(placement: Placement, task: Task) -> PurePosixPath:
    """Where `placement` goes, relative to the workspace."""
    target = PurePosixPath(placement.target)
    if not target.is_relative_to(task.workdir):
        raise TaskError(
            f"{task.id}: puts files into {target}, outside its workdir {task.workdir}",
            hint="such a task needs its own container image",
        )
    return target.relative_to(task.workdir)


def _place(placement: Placement, workspace: Path, task: Task) -> None:
    inside = workspace / _inside(placement, task)
    inside.parent.mkdir(parents=True, exist_ok=True)
    if placement.source.is_dir():
        shutil.copytree(placement.source, inside, symlinks=True, dirs_exist_ok=True)
    else:
        shutil.copy2(placement.source, inside, follow_symlinks=False)


def diff_text(task: Task, workspace: Path) -> str:
    """Unified diff from the task's files to the workspace as it is now."""
    before, after = _pristine(task), _files(workspace)
    lines: list[str] = []
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old != new:
            lines.extend(_file_diff(path, old, new))
    return "".join(lines)


class _Opaque(msgspec.Struct, frozen=True):
    """A file that is too large or not text: compared by digest, not shown."""

    sha256: str


_File = str | _Opaque


def _file_diff(path: str, old: _File | None, new: _File | None) -> Iterator[str]:
    if isinstance(old, _Opaque) or isinstance(new, _Opaque):
        yield f"Binary or large file {path} differs\n"
        return
    for line in difflib.unified_diff(
        (old or "").splitlines(keepends=True),
        (new or "").splitlines(keepends=True),
        "/dev/null" if old is None else f"a/{path}",
        "/dev/null" if new is None else f"b/{path}",
    ):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _pristine(task: Task) -> dict[str, _File]:
    """The files as the task brings them, by their path in the workspace."""
    found: dict[str, _File] = {}
    for placement in task.workspace:
        base = _inside(placement, task)
        if placement.source.is_dir():
            files = _files(placement.source)
            found.update({str(base / path): file for path, file in files.items()})
        else:
            found[str(base)] = _read(placement.source)
    return found


def _files(folder: Path) -> dict[str, _File]:
    found: dict[str, _File] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            found[str(path.relative_to(folder))] = _read(path)
    return found


def _read(path: Path) -> _File:
    try:
        if path.stat().st_size <= MAX_DIFF_BYTES:
            data = path.read_bytes()
            return data.decode()
        with path.open("rb") as file:
            return _Opaque(hashlib.file_digest(file, "sha256").hexdigest())
    except UnicodeDecodeError:
        return _Opaque(hashlib.sha256(data).hexdigest())
    except OSError as error:
        return _Opaque(f"unreadable: {error.strerror}")
