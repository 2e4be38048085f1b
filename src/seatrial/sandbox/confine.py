"""Maps a path that a model gave to a host path inside the workspace, or refuses.

For what our own process reads and writes there; a command in the sandbox needs no such thing.
The answer holds while nothing else writes the workspace: no command outlives its `run`, so
look up and open between two of them.
"""

from __future__ import annotations

import stat
from pathlib import Path, PurePosixPath


class ConfinementError(ValueError):
    """The path does not lead to a plain file or folder of the workspace."""


def confined(workspace: Path, relative: str, *, workdir: str = "/app") -> Path:
    """The resolved host path of `relative`, which need not exist.

    An absolute path is taken when it starts with `workdir` or with the workspace itself.

    Raises:
        ConfinementError: `..`, an absolute path or a symbolic link that leads out, something
            that is neither a file nor a folder, or text that cannot be a path.
    """
    root = workspace.resolve()
    inner = _inner(root, workspace, relative, workdir)
    try:
        found = (root / inner).resolve()
        mode = found.lstat().st_mode if found.exists() else None
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfinementError(f"{relative!r}: not a usable path") from error
    if not found.is_relative_to(root):
        raise ConfinementError(f"{relative}: leads out of the workspace")
    # Reading a pipe that a command left behind would never return.
    if mode is not None and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise ConfinementError(f"{relative}: neither a file nor a folder")
    return found


def _inner(root: Path, workspace: Path, given: str, workdir: str) -> PurePosixPath:
    """`given` as a path below the workspace, not resolved."""
    if not given or "\0" in given:
        raise ConfinementError(f"{given!r}: not a path")
    path = PurePosixPath(given)
    if ".." in path.parts:
        raise ConfinementError(f"{given}: `..` is not allowed")
    if not path.is_absolute():
        return path
    for base in (workdir, str(workspace), str(root)):
        if path.is_relative_to(base):
            return path.relative_to(base)
    raise ConfinementError(f"{given}: outside the workspace")
