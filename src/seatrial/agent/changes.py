"""Which files of a workspace a step changed.

Compares two cheap looks at the tree (size, time of change, inode) and takes a digest only of
what differs. Not a diff: `bench` writes that once, at the end. The workspace is hostile:
symlinks are not followed, and large trees and files are looked at up to a bound.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import NamedTuple

import msgspec

from seatrial.core.trace import FileChange

MAX_FILES = 20_000
"""Entries beyond this count are not watched."""

MAX_CHANGES = 1_000
"""Changes of one step beyond this count are not named."""

MAX_DIGEST_BYTES = 64 * 1024 * 1024
"""What is read of all files together at one look; a sparse file costs nothing to make."""

_TICK_NS = 20_000_000
"""Two changes within one tick of the kernel's clock bear the same time."""


class Seen(msgspec.Struct, frozen=True):
    """A file as a look at its entry shows it; two are equal unless it changed."""

    path: str
    """Where it lies on the host."""
    size: int
    changed_ns: int
    """Of the inode: unlike the time of modification nobody can set it."""
    inode: int

    @classmethod
    def of(cls, path: str | Path, stat: os.stat_result) -> Seen:
        return cls(str(path), stat.st_size, stat.st_ctime_ns, stat.st_ino)


class Look(NamedTuple):
    """The plain files of a tree by relative path, as the file system names them."""

    files: dict[str, Seen]
    whole: bool
    """Whether the bound cut nothing off."""


class ChangeWatch:
    """Remembers the tree as it was; each `changes()` reports against the last look."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace
        self._digests: dict[str, str] = {}
        self._last: dict[str, Seen] = {}
        self._looked_ns = 0
        self.changes()

    def changes(self) -> tuple[FileChange, ...]:
        """Files created, changed or removed since the last call, sorted by path.

        A file that is too large to be read has its size and time of change in place of a digest.
        """
        looked_ns = time.time_ns()
        now = look_at(self._workspace).files
        left = MAX_DIGEST_BYTES
        changed = []
        for path in sorted(now.keys() | self._last.keys()):
            seen = now.get(path)
            if seen == self._last.get(path) and not self._racy(seen):
                continue
            before = self._digests.pop(path, None)
            after = _digest(seen, left) if seen else None
            if seen is not None and after is not None:
                left -= seen.size if seen.size <= left else 0
                self._digests[path] = after
            if before != after:
                changed.append(FileChange(shown(path), before, after))
        self._last = now
        self._looked_ns = looked_ns
        return tuple(changed[:MAX_CHANGES])

    def _racy(self, seen: Seen | None) -> bool:
        """Whether it was changed so shortly before the last look that a change after it, too,
        may bear that time."""
        return seen is not None and seen.changed_ns > self._looked_ns - _TICK_NS


def look_at(folder: Path) -> Look:
    """The first `MAX_FILES` entries below `folder`. Names may be no text; `shown` makes them so."""
    seen: dict[str, Seen] = {}
    folders = [str(folder)]
    prefix = len(str(folder)) + 1
    left = MAX_FILES
    while folders and left > 0:
        try:
            # Sorted, so that the bound cuts the same files off every time.
            entries = sorted(os.scandir(folders.pop()), key=lambda entry: entry.name)[:left]
        except OSError:  # removed, closed to us, or too deep for a path
            continue
        left -= len(entries)
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif entry.is_file(follow_symlinks=False):
                found = _stat(entry)
                if found is not None:
                    seen[entry.path[prefix:]] = found
    return Look(seen, left > 0)


def shown(path: str) -> str:
    """`path` as text: a file name may hold any bytes, a trace may not."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _stat(entry: os.DirEntry[str]) -> Seen | None:
    try:
        stat = entry.stat(follow_symlinks=False)
    except OSError:  # gone since it was listed
        return None
    return Seen.of(entry.path, stat)


def _digest(seen: Seen, left: int) -> str | None:
    if seen.size > left:
        return f"unread: {seen.size} bytes, {seen.changed_ns}"
    try:
        with Path(seen.path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError:
        return None
