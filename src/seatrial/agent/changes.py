"""Which files of a workspace a step changed.

Compares two cheap looks at the tree (size, time of change, inode) and takes a digest only of
what differs. Not a diff: `bench` writes that once, at the end. The workspace is hostile:
symlinks are not followed, and very large trees are looked at up to a bound.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec

from seatrial.core.trace import FileChange

MAX_FILES = 20_000
"""Files beyond this count are not watched."""


class _Seen(msgspec.Struct, frozen=True):
    size: int
    mtime_ns: int
    inode: int


Snapshot = dict[str, _Seen]


class ChangeWatch:
    """Remembers the tree as it was; each `changes()` reports against the last look."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace
        self._last = _look(workspace)
        self._digests = {path: _digest(workspace / path) for path in self._last}

    def changes(self) -> tuple[FileChange, ...]:
        """Files created, changed or removed since the last call, sorted by path."""
        now = _look(self._workspace)
        changed = []
        for path in sorted(now.keys() | self._last.keys()):
            if now.get(path) == self._last.get(path):
                continue
            before = self._digests.pop(path, None)
            after = _digest(self._workspace / path) if path in now else None
            if after is not None:
                self._digests[path] = after
            if before != after:
                changed.append(FileChange(path, before, after))
        self._last = now
        return tuple(changed)


def _look(workspace: Path) -> Snapshot:
    seen: Snapshot = {}
    folders = [str(workspace)]
    prefix = len(str(workspace)) + 1
    while folders and len(seen) < MAX_FILES:
        try:
            # Sorted, so that the bound cuts the same files off every time.
            entries = sorted(os.scandir(folders.pop()), key=lambda entry: entry.name)
        except OSError:  # removed, or made unreadable, while we look
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif entry.is_file(follow_symlinks=False):
                found = _stat(entry)
                if found is not None:
                    seen[entry.path[prefix:]] = found
    return seen


def _stat(entry: os.DirEntry[str]) -> _Seen | None:
    try:
        stat = entry.stat(follow_symlinks=False)
    except OSError:  # gone since it was listed
        return None
    return _Seen(stat.st_size, stat.st_mtime_ns, stat.st_ino)


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError:
        return None
