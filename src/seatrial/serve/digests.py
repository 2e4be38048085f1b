"""Digests of files that are too large to read at every question, remembered between commands.

A digest counts as long as device, inode, size and both times of the file are the same. Not a
store of truth: a cache that is missing, damaged or locked is passed over and the file is read.
Small files are always read: that is as quick. In: a path. Out: its hex SHA-256.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from seatrial.core.errors import UserError
from seatrial.serve.gguf import file_digest
from seatrial.serve.seal import FileSeal, seal

REMEMBER_FROM_BYTES = 32 * 1024 * 1024
_SETTLED_NS = 2_000_000_000
"""A file that was written to this shortly ago may be written to again within one tick of the
file system's clock, and nobody would see it."""
_BUSY_SECONDS = 2.0
_LAYOUT = 1
_CREATE = """
    create table if not exists digests (
        device text, inode text, size_bytes integer, modified_ns text, changed_ns text,
        sha256 text not null,
        primary key (device, inode, size_bytes, modified_ns, changed_ns)
    )
"""
_WHERE = "device = ? and inode = ? and size_bytes = ? and modified_ns = ? and changed_ns = ?"


def cache_folder() -> Path:
    """The folder of what may be thrown away (`XDG_CACHE_HOME`)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
    return root / "seatrial"


def remembered(path: Path, *, from_bytes: int = REMEMBER_FROM_BYTES) -> str | None:
    """The digest of `path` if it is known without reading a large file; None = it is not.

    Raises:
        UserError: there is no such file, or it cannot be read.
    """
    now = seal(path)
    if now.size_bytes < from_bytes:
        return file_digest(now.path)
    return _look_up(now)


def digest_of(path: Path, *, from_bytes: int = REMEMBER_FROM_BYTES) -> str:
    """The digest of `path`, read at most once for each state of the file.

    Raises:
        UserError: there is no such file, it cannot be read, or it changes while it is read.
    """
    before = seal(path)
    large = before.size_bytes >= from_bytes
    known = _look_up(before) if large else None
    if known is not None:
        return known
    found = file_digest(before.path)
    if seal(before.path) != before:
        raise UserError(f"{path}: changes while it is read", hint="wait until it is written")
    if large and time.time_ns() - max(before.modified_ns, before.changed_ns) > _SETTLED_NS:
        _remember(before, found)
    return found


def _key(state: FileSeal) -> tuple[str, str, int, str, str]:
    # As text: inodes and devices may not fit SQLite's signed 64 bits.
    return (
        str(state.device),
        str(state.inode),
        state.size_bytes,
        str(state.modified_ns),
        str(state.changed_ns),
    )


def _look_up(state: FileSeal) -> str | None:
    with suppress(sqlite3.Error, OSError), _opened() as cache:
        row = cache.execute(f"select sha256 from digests where {_WHERE}", _key(state)).fetchone()
        if row is not None and isinstance(row[0], str) and len(row[0]) == 64:
            return row[0]
    return None


def _remember(state: FileSeal, sha256: str) -> None:
    row = (*_key(state), sha256)
    for _ in range(2):
        try:
            with _opened() as cache, cache:
                cache.execute("insert or replace into digests values (?, ?, ?, ?, ?, ?)", row)
            return
        except sqlite3.OperationalError:  # locked, read-only, a full disk
            return
        except sqlite3.DatabaseError:  # damaged: begin anew
            with suppress(OSError):
                _file().unlink(missing_ok=True)
        except OSError:
            return


@contextmanager
def _opened() -> Iterator[sqlite3.Connection]:
    file = _file()
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file, timeout=_BUSY_SECONDS)) as cache:
        cache.execute(_CREATE)
        yield cache


def _file() -> Path:
    return cache_folder() / f"digests-{_LAYOUT}.sqlite"
