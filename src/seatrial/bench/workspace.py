"""A trial's workspace: a fresh copy of the task's files, and the diff of what became of it.

The workspace lives outside the run directory while the trial runs and goes when it ends; what
stays is `workspace.diff`. Symlinks that the agent made are never followed.
"""

from __future__ import annotations

import difflib
import filecmp
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path, PurePosixPath

from seatrial.agent.changes import Look, Seen, look_at, shown
from seatrial.core.errors import Boundary, TaskError, boundary
from seatrial.suites import Placement, Task

MAX_DIFF_BYTES = 1_000_000
"""Files larger than this are named in the diff, not shown."""

MAX_SHOWN_CHARS = 16_000_000
"""Of the whole diff: what would lead beyond is named, not shown."""

MAX_LINE_PAIRS = 25_000_000
"""Two texts of so many lines, multiplied, could take minutes to compare."""


@contextmanager
def fresh_workspace(task: Task) -> Iterator[Path]:
    """A writable copy of the task's workspace in a temporary folder of its own.

    What else a trial needs for a while may stand beside it, in the workspace's parent.

    Raises:
        TaskError, InfraError: the files cannot be copied.
    """
    with boundary(Boundary.INFRA, "making a workspace"):
        folder = Path(tempfile.mkdtemp(prefix="seatrial-"))
    try:
        workspace = folder / "workspace"
        with boundary(Boundary.TASK, f"{task.id}: copying the workspace"):
            workspace.mkdir()
            for placement in task.workspace:
                _place(placement, workspace, task)
        yield workspace
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    """Remove `folder`, whatever stands in it: deep trees, and folders closed even to us."""
    try:
        shutil.rmtree(folder)
    except (OSError, RecursionError):
        command = 'chmod -R u+rwx -- "$1"; rm -rf -- "$1"'
        subprocess.run(["sh", "-c", command, "sh", folder], capture_output=True, check=False)


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
    """Unified diff from the task's files to the workspace as it is now.

    Of what is too large to show, not text, or beyond the bounds, it says only that it differs.
    """
    before, after = _brought(task), look_at(workspace)
    paths = before.files.keys() | after.files.keys()
    lines: list[str] = []
    if not (before.whole and after.whole):
        # A file on one side only may just have been cut off on the other.
        lines.append("Very many files: those that were added or removed are not listed\n")
        paths = before.files.keys() & after.files.keys()
    left = MAX_SHOWN_CHARS
    for path in sorted(paths):
        old, new = before.files.get(path), after.files.get(path)
        if old is None or new is None or not _same(old, new):
            found = list(_file_diff(shown(path), _read(old, left), _read(new, left)))
            left = max(0, left - sum(map(len, found)))
            lines.extend(found)
    return "".join(lines)


def _brought(task: Task) -> Look:
    """The files as the task brings them, by their path in the workspace."""
    found: dict[str, Seen] = {}
    whole = True
    for placement in task.workspace:
        base = _inside(placement, task)
        if placement.source.is_dir():
            look = look_at(placement.source)
            found.update({str(base / path): seen for path, seen in look.files.items()})
            whole = whole and look.whole
        elif not placement.source.is_symlink():
            found[str(base)] = Seen.of(placement.source, placement.source.stat())
    return Look(found, whole)


class _Opaque(Enum):
    """Stands for a file that is too large to show, not text, or closed to us."""

    OPAQUE = "opaque"


_File = str | _Opaque


def _same(old: Seen, new: Seen) -> bool:
    try:
        return old.size == new.size and filecmp.cmp(old.path, new.path, shallow=False)
    except OSError:
        return False


def _file_diff(path: str, old: _File | None, new: _File | None) -> Iterator[str]:
    left = right = None
    if not (isinstance(old, _Opaque) or isinstance(new, _Opaque)):
        left, right = _lines(old), _lines(new)
    if left is None or right is None or len(left) * len(right) > MAX_LINE_PAIRS:
        yield f"Binary or large file {path} differs\n"
        return
    for line in difflib.unified_diff(
        left,
        right,
        "/dev/null" if old is None else f"a/{path}",
        "/dev/null" if new is None else f"b/{path}",
    ):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(text: str | None) -> list[str]:
    """Lines as a diff knows them; `splitlines` would break them at a form feed, too."""
    return re.findall(r"[^\n]*\n|[^\n]+", text or "")


def _read(seen: Seen | None, left: int) -> _File | None:
    if seen is None:
        return None
    if seen.size > min(MAX_DIFF_BYTES, left):
        return _Opaque.OPAQUE
    try:
        return Path(seen.path).read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return _Opaque.OPAQUE
