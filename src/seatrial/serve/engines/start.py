"""Starting a program that is not ours, and proving at once that it serves what was asked.

In: a `LaunchSpec`. Out: a `Started` for the length of an `async with`; afterwards nothing of it
is left.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from seatrial.core.errors import SeatrialError
from seatrial.serve.engines.child import own_module, prepare_log, spawn, stop
from seatrial.serve.engines.ports import free_port, refuse_taken
from seatrial.serve.engines.program import Program
from seatrial.serve.engines.ready import OnWaiting, Ready, Start, until_ready
from seatrial.serve.engines.registry import find_executable, find_program
from seatrial.serve.engines.spec import LaunchSpec, refuse_open_door
from seatrial.serve.seal import FileSeal, seal

_PORT_TRIES = 3
"""Between choosing a free port and the server's taking it, another process may."""
_STOP_SECONDS = 10.0
"""vLLM takes its workers down first."""


class Plan(msgspec.Struct, frozen=True):
    """What would be run."""

    program: Program
    argv: tuple[str, ...]
    environment: dict[str, str]
    """Set besides ours."""
    port: int


class Started(msgspec.Struct, frozen=True):
    """A program that serves what was asked."""

    start: Start
    ready: Ready
    argv: tuple[str, ...]
    seals: tuple[FileSeal, ...]


def plan(spec: LaunchSpec) -> Plan:
    """The exact command line for `spec`; a port that is left open is chosen here.

    Raises:
        UserError: the program is not installed, or cannot serve this as asked.
    """
    refuse_open_door(spec)
    program = find_program(spec.program)
    executable = find_executable(program, spec.executable)
    program.check(spec)
    port = spec.port or free_port(spec.host)
    argv = (str(executable), *program.arguments(spec, port))
    return Plan(program, argv, program.environment(spec), port)


@asynccontextmanager
async def launched(spec: LaunchSpec, on_waiting: OnWaiting | None) -> AsyncIterator[Started]:
    """Start it, yield it once it is ready, stop it at the end.

    Raises:
        SeatrialError: as `engine.launch`.
    """
    if spec.port:
        await asyncio.to_thread(refuse_taken, spec.host, spec.port)
    for tries_left in reversed(range(_PORT_TRIES)):
        planned = await asyncio.to_thread(plan, spec)
        seals = tuple(seal(path) for path in planned.program.files(spec))
        offset = prepare_log(spec.log)
        planned.program.prepare(spec)
        start = Start(
            # The system kills a child when the *thread* that started it ends: not in a thread.
            child=spawn(_dying_with_us(planned.argv), spec.log, planned.environment, pipes=False),
            program=planned.program,
            spec=spec,
            port=planned.port,
            log_offset=offset,
            on_waiting=on_waiting,
        )
        try:
            try:
                ready = await until_ready(start)
            except SeatrialError as error:
                stolen = "port" in error.message and "taken" in error.message
                if spec.port or not tries_left or not stolen:
                    raise
                continue
            yield Started(start, ready, planned.argv, seals)
            return
        finally:
            await stop(start.child, _STOP_SECONDS)


def _dying_with_us(argv: tuple[str, ...]) -> tuple[str, ...]:
    return own_module("seatrial.serve.engines.trampoline", str(os.getpid()), *argv)
