"""Our child processes that serve: started with a mark and a log, ended with all they started.

Each has its own session, so that Ctrl-C reaches us alone, and dies with us. Not readiness: that
is `ready`. In: a command line. Out: a `Child`; afterwards no process of it is left, neither
running nor as a zombie, also when the loop is cancelled twice.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import seatrial
from seatrial.core.errors import InfraError, UserError
from seatrial.serve.engines import processes
from seatrial.serve.engines.processes import MARK, Mark, new_mark

STOP_SECONDS = 5.0
_POLL_SECONDS = 0.01
_MORE_SECONDS = 1.0
"""For what the program started itself, once the program is gone."""


@dataclass(frozen=True)
class Child:
    """A process of ours."""

    process: subprocess.Popen[bytes]
    mark: Mark

    @property
    def pid(self) -> int:
        return self.process.pid

    def alive(self) -> bool:
        """Whether it runs; reaps it if it has ended."""
        return self.process.poll() is None

    def family(self) -> tuple[int, ...]:
        """It, and everything that it started and that still runs."""
        more = (found.pid for found in processes.of_launch(self.mark.launch))
        return tuple({self.pid: None} | dict.fromkeys(more))


def prepare_log(log: Path) -> int:
    """Where the lines of this start begin.

    Raises:
        UserError: no log can be written there.
    """
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return log.stat().st_size if log.exists() else 0
    except OSError as error:
        raise UserError(f"{log}: {error.strerror}", hint="give another log file") from None


def own_module(name: str, *words: str) -> tuple[str, ...]:
    """The command line of a module of this package."""
    # -P: a module in the folder that we happen to stand in must not take the place of ours.
    return (sys.executable, "-P", "-m", name, *words)


def spawn(
    argv: tuple[str, ...], log: Path, extra_environment: dict[str, str], *, pipes: bool
) -> Child:
    """Start `argv`. With `pipes` we hold its stdin and stdout; else all goes to the log.

    Raises:
        InfraError: this machine cannot start it.
    """
    mark = new_mark()
    try:
        with log.open("ab") as output:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipes else output,
                stderr=output,
                bufsize=0,
                env=_environment() | extra_environment | {MARK: str(mark)},
                # Ctrl-C is for us to handle: the engine stops after what is under way.
                start_new_session=True,
            )
    except OSError as error:
        raise InfraError(f"the engine cannot be started: {error}") from None
    return Child(process, mark)


async def stop(child: Child, seconds: float = STOP_SECONDS) -> None:
    """Ask, wait, kill; on a second cancellation kill at once. Always reaps."""
    process = child.process
    try:
        process.terminate()
        deadline = time.monotonic() + seconds
        while process.poll() is None and time.monotonic() < deadline:
            await asyncio.sleep(_POLL_SECONDS)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        # A wrapper that is gone may leave the server that it started.
        if left := processes.of_launch(child.mark.launch):
            processes.end(left, _MORE_SECONDS)


def _environment() -> dict[str, str]:
    """Ours, and the place of this package, however this process came to find it."""
    paths = [str(Path(seatrial.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
