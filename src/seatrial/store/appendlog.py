"""A file that only grows, a line at a time: the ground under traces and journals.

One `write` a line on a descriptor in append mode, so a kill at any instant loses at most the
line being written. It knows nothing of what the lines mean, is not for several writers, and
never rewrites a byte that it has reported as written. In: whole lines. Out: a file of them.
"""

from __future__ import annotations

import os
from pathlib import Path

from seatrial.core.errors import Boundary, HarnessError, InfraError, attribute


class AppendLog:
    """An open file to append lines to."""

    def __init__(self, path: Path, *, exclusive: bool = False) -> None:
        """Open `path`; `exclusive`: it must not be there yet.

        A line that an earlier process left torn stays as it is, on a line of its own.

        Raises:
            HarnessError: `exclusive`, and the file exists.
            InfraError: it cannot be opened.
        """
        self.path = path
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | (os.O_EXCL if exclusive else 0)
        try:
            self._fd = os.open(path, flags, 0o644)
            self._bytes = os.fstat(self._fd).st_size
        except FileExistsError:
            raise HarnessError(f"{path} is there already") from None
        except OSError as error:
            raise attribute(error, Boundary.INFRA, f"open {path}") from error
        self._broken = False
        if self._bytes and os.pread(self._fd, 1, self._bytes - 1) != b"\n":
            try:
                self._write(b"\n")
            except InfraError:
                self.close()
                raise

    def append(self, line: bytes) -> None:
        """Add `line`, which has no newline in it, and its newline.

        Raises:
            InfraError: the disk is full or broken. The file ends after its last whole line, and
                a later call may succeed.
        """
        if self._fd < 0:
            raise HarnessError(f"{self.path} is closed")
        if self._broken:
            raise InfraError(f"write {self.path}: an earlier write left it torn")
        self._write(line + b"\n")

    def sync(self) -> None:
        """Make what is written last through a power cut.

        Raises:
            InfraError: the disk could not take it.
        """
        try:
            os.fsync(self._fd)
        except OSError as error:
            raise attribute(error, Boundary.INFRA, f"write {self.path}") from error

    def close(self) -> None:
        """Close the file; again is harmless."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            # One call in practice. A full disk takes a part first and names its error on the
            # next call, so the second round is there to learn the reason.
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError as error:
            self._retreat()
            raise attribute(error, Boundary.INFRA, f"write {self.path}") from error
        self._bytes += len(data)

    def _retreat(self) -> None:
        """Cut the torn line off: its bytes were never reported as written."""
        try:
            os.ftruncate(self._fd, self._bytes)
        except OSError:
            self._broken = True
