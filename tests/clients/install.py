"""Installing the real clients, each into a folder of its own, from npm or PyPI.

In: a client, a folder. Out: the client's folder, or the reason why it is skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.clients.programs.client import Client

DEFAULT_FOLDER = Path(
    os.environ.get("SEATRIAL_CLIENTS", Path.home() / ".cache" / "seatrial" / "clients")
)
_LIMIT_SECONDS = 600


class NotInstalledError(Exception):
    """The client cannot be had here; the message says why."""


def install(client: Client, folder: Path) -> Path:
    """The folder of the client's packages, filled if it is not yet there.

    Raises:
        NotInstalledError: the package manager is missing, or it failed.
    """
    target = (folder / client.id).resolve()
    stamp = target / "installed.txt"
    wanted = "\n".join(client.packages)
    if (
        stamp.is_file()
        and stamp.read_text("utf-8") == wanted
        and (target / client.program).exists()
    ):
        return target
    if client.installer == "npm" and not (shutil.which("npm") and shutil.which("node")):
        raise NotInstalledError("node and npm are not on the PATH")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for words in _commands(client, target):
        _run(words)
    if not (target / client.program).exists():
        raise NotInstalledError(f"{client.program} is not in the package")
    stamp.write_text(wanted, "utf-8")
    return target


def _commands(client: Client, target: Path) -> list[list[str]]:
    if client.installer == "npm":
        quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
        return [["npm", "install", "--prefix", str(target), *quiet, *client.packages]]
    pip = [str(target / "bin" / "python"), "-m", "pip", "install", "-q"]
    return [
        [sys.executable, "-m", "venv", str(target)],
        [*pip, "--disable-pip-version-check", "--no-input", *client.packages],
    ]


def _run(words: list[str]) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    try:
        done = subprocess.run(
            words,
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIMIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalledError(f"{words[0]}: {error}") from error
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().split("\n")[-1]
        raise NotInstalledError(f"{Path(words[0]).name} failed: {last[:200]}")
