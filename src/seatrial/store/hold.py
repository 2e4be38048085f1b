"""One process at a time works on a run.

A lock of the kernel on a file, not the presence of a file: it ends with the process, however that
ends, so there is nothing stale to clean up. A child made by `fork` without `exec` would share it.
In: a path. Out: a hold, or who has it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from seatrial.core.errors import Boundary, BusyError, attribute


class Hold:
    """An exclusive hold on a file, from construction to `release`."""

    def __init__(self, path: Path) -> None:
        """Take the hold.

        Raises:
            BusyError: another process has it (or another part of this one).
            InfraError: this file system cannot lock, or the file cannot be made.
        """
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise attribute(error, Boundary.INFRA, f"hold {path.parent}") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            pid = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip()
            os.close(self._fd)
            if isinstance(error, BlockingIOError):
                who = f" (pid {pid})" if pid else ""
                raise BusyError(
                    f"another process{who} holds this run", hint="wait for it, or stop it"
                ) from None
            raise attribute(error, Boundary.INFRA, f"hold {path.parent}") from error
        os.ftruncate(self._fd, 0)
        # The pid only helps the message of the other process; a full disk must not cost the hold.
        with contextlib.suppress(OSError):
            os.pwrite(self._fd, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let go; again is harmless."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
