"""Waiting for a server that was just started: ready is who it is, not that a port is open.

Ready means: our process lives, it or what it started alone holds the port, it answers, and what
it says of model, window and slots is what was asked. In: a child and its program. Out: who
serves and in which version, or an error that says what happened, with the words of its log.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from seatrial.chat.transport import Limits, Transport
from seatrial.core.errors import EngineError, FormatError, UnattestedError
from seatrial.serve import sockets
from seatrial.serve.engines.child import Child
from seatrial.serve.engines.ports import held_by
from seatrial.serve.engines.program import LOADING, Condition, Program
from seatrial.serve.engines.spec import LaunchSpec
from seatrial.serve.failure import complaint, last_line, start_failure, start_timeout

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 0.5
_TICK_SECONDS = 0.05
_TELL_SECONDS = 1.0
_LIMITS = Limits(connect_seconds=2.0, json_seconds=10.0)


class Waiting(msgspec.Struct, frozen=True):
    """A start that takes its time."""

    seconds: float
    said: str
    """The last line of its log; empty when there is none."""


OnWaiting = Callable[[Waiting], None]


class Ready(msgspec.Struct, frozen=True):
    """Who serves."""

    pid: int
    version: str


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """One start under way."""

    child: Child
    program: Program
    spec: LaunchSpec
    port: int
    log_offset: int
    """Where the lines of this start begin."""
    on_waiting: OnWaiting | None = None

    @property
    def url(self) -> str:
        return f"http://{url_host(self.spec.host)}:{self.port}"

    @property
    def log(self) -> Path:
        return self.spec.log


def url_host(host: str) -> str:
    """`host` as it stands in a URL that we can call: a wildcard is called on this machine."""
    host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host else host


class _Clock:
    """How long a start takes, and telling about it once a second."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._began = time.monotonic()
        self._told = 0.0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def tell(self) -> None:
        tell, now = self._start.on_waiting, self.seconds
        if tell is not None and now - self._told >= _TELL_SECONDS:
            self._told = now
            tell(Waiting(now, last_line(self._start.log, self._start.log_offset)))


async def until_ready(start: Start) -> Ready:
    """Wait until the engine serves what was asked.

    Raises:
        UnattestedError: it serves something else, or somebody else took the port.
        SeatrialError: it ended, with what its log says.
        EngineError: it was not ready in time.
    """
    clock = _Clock(start)
    pause = _FIRST_PAUSE_SECONDS
    async with Transport(start.url, api_key=start.spec.api_key, limits=_LIMITS) as server:
        while True:
            _check_alive(start, clock)
            pid = _listener(start)
            if pid is not None:
                condition = await _condition(start, server, clock)
                if condition.state == "failed":
                    raise _failed(start, condition)
                # Whoever answered in between was ours if it held the port before and after.
                if condition.state == "serving" and _listener(start) == pid:
                    _check_alive(start, clock)
                    return Ready(pid, condition.words)
            clock.tell()
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)


def _check_alive(start: Start, clock: _Clock) -> None:
    spec = start.spec
    if not start.child.alive():
        code = start.child.process.returncode
        left = [pid for pid in start.child.family() if pid != start.child.pid]
        if code == 0 and left:
            raise EngineError(
                f"{start.program.id} put itself into the background (pid {left[0]})",
                hint="it must stay in the foreground: leave out its daemon option",
            )
        raise start_failure(spec.log, start.log_offset, code, start.program.id)
    if clock.seconds > spec.start_timeout_seconds:
        raise start_timeout(spec.log, start.log_offset, spec.start_timeout_seconds)


def _listener(start: Start) -> int | None:
    if not sockets.available():
        return start.child.pid
    mine = (start.child.pid,)
    with suppress(UnattestedError):  # a wrapper's child is ours too, and costs a longer look
        return held_by(start.spec.host, start.port, mine)
    return held_by(start.spec.host, start.port, start.child.family())


async def _condition(start: Start, server: Transport, clock: _Clock) -> Condition:
    """What it says of itself; its death ends the question."""
    asked = asyncio.create_task(start.program.condition(server, start.spec))
    try:
        while not (await asyncio.wait({asked}, timeout=_TICK_SECONDS))[0]:
            _check_alive(start, clock)
            clock.tell()
        return asked.result()
    except FormatError as error:
        return Condition(
            "failed", f"it does not answer as {start.program.id} does: {error.message}"
        )
    except EngineError:
        _check_alive(start, clock)
        return LOADING
    finally:
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)


def _failed(start: Start, condition: Condition) -> EngineError:
    said = complaint(start.log, start.log_offset)
    words = f"{start.program.id} does not serve what was asked: {condition.words}"
    return UnattestedError(
        words + (f"; it last said: {said}" if said else ""), hint=f"its log is {start.log}"
    )
