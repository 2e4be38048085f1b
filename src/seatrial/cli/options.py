"""Options that several commands share: where runs are, `--json`, how a run is chosen."""

from __future__ import annotations

import argparse
import os
import select
import sys
from pathlib import Path

from seatrial.core.errors import UserError

_STAMP_CHARS = len("20261121-1210")


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="write JSON on stdout")


def add_runs_root(parser: argparse._ActionsContainer) -> None:
    default = os.environ.get("SEATRIAL_RUNS", "runs")
    parser.add_argument(
        "--runs",
        type=Path,
        default=Path(default),
        metavar="DIR",
        help=f"folder of the runs (SEATRIAL_RUNS; default {default})",
    )


def add_run_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run", nargs="?", help="a run: its id, the start of it, or its folder (the newest)"
    )
    add_runs_root(parser)


def find_run(root: Path, name: str | None) -> Path:
    """The folder of the run that `name` means; None = the newest.

    Raises:
        UserError: there is none, or several begin like that.
    """
    if name is not None and _is_run(Path(name)):
        return Path(name)
    folders = sorted(path.parent for path in root.glob("*/manifest.json"))
    if name is not None:
        folders = [folder for folder in folders if folder.name.startswith(name)]
    exact = [folder for folder in folders if folder.name == name]
    if exact:
        return exact[0]
    if not folders:
        wanted = f"no run {name}" if name else "no runs yet"
        hint = "`seatrial runs` lists them, `seatrial demo` makes one"
        raise UserError(f"{wanted} in {root}", hint=hint)
    if name is not None and len(folders) > 1:
        raise UserError(f"{name} could be {len(folders)} runs", hint="give more of its id")
    return max(folders, key=_made)


def reader_left() -> bool:
    """Whether nobody reads stdout any more (`| head`); then what is still written goes nowhere.

    Asked of the pipe itself: the same exception also comes from a write to a dead engine.
    """
    try:
        stdout = sys.stdout.fileno()
    except OSError:  # replaced by something that is no file
        return False
    pipe = select.poll()
    pipe.register(stdout, 0)
    if not any(state & (select.POLLERR | select.POLLHUP) for _, state in pipe.poll(0)):
        return False
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stdout)
    os.close(nowhere)
    return True


def _is_run(path: Path) -> bool:
    try:
        return (path / "manifest.json").is_file()
    except OSError:  # a name that is too long for a file
        return False


def _made(folder: Path) -> tuple[str, int]:
    """Names begin with the minute; within one the manifest's own time decides."""
    return folder.name[:_STAMP_CHARS], (folder / "manifest.json").stat().st_mtime_ns
