"""A seal on a file: enough of its state to see later that nobody touched or replaced it.

A seal without a digest costs one `stat`; it is taken before the engine opens the file. With
the digest taken once the engine runs, and the seal unbroken in between, the digest is that of
the bytes which the engine read. In: a path. Out: a `FileSeal`; comparisons in words.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from seatrial.core.errors import UserError


class FileSeal(msgspec.Struct, frozen=True):
    """State of one file at one instant; times in nanoseconds."""

    path: Path
    """Resolved: a link that is switched later does not matter to who opened the file."""
    device: int
    inode: int
    size_bytes: int
    modified_ns: int
    changed_ns: int


def seal(path: Path) -> FileSeal:
    """The seal of `path` now.

    Raises:
        UserError: there is no such file.
    """
    try:
        real = path.resolve(strict=True)
        status = real.stat()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", hint="give the path of a file") from None
    return FileSeal(
        real,
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def broken(before: FileSeal, *, strict: bool) -> str | None:
    """What happened to the file since `before` was taken; None = nothing.

    Not `strict` lets pass what only touches the directory entry, such as a backup that links
    the file: enough once the content is known by digest, not while it is being opened.
    """
    try:
        now = seal(before.path)
    except UserError:
        return "is gone"
    if (now.device, now.inode) != (before.device, before.inode):
        return "was replaced"
    if (now.size_bytes, now.modified_ns) != (before.size_bytes, before.modified_ns):
        return "was written to"
    # A file can be moved away and back, and its time be set back; this time tells.
    if strict and now.changed_ns != before.changed_ns:
        return "was touched"
    return None
