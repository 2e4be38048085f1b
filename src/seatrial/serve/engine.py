"""Start an engine as a child of ours, watch it, and stop it whatever happens.

Not an attestation: a running `Engine` is a claim until `attest` has proven it. In: a
`LaunchSpec`. Out: an `Engine` for the length of an `async with`; afterwards no process is left,
neither running nor as a zombie, also when the loop is cancelled twice or this process is killed
(see `embedded` and `engines.trampoline`).
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from seatrial.serve.engines.child import STOP_SECONDS, prepare_log, spawn, stop
from seatrial.serve.engines.embedded import (
    API_KEY_VARIABLE,
    check_embedded,
    embedded_command,
    embedded_ready,
)
from seatrial.serve.engines.gguf_files import WINDOW_STEP_TOKENS
from seatrial.serve.engines.ports import refuse_taken
from seatrial.serve.engines.ready import OnWaiting
from seatrial.serve.engines.spec import EMBEDDED, Adapter, LaunchSpec, Parsing, refuse_open_door
from seatrial.serve.seal import FileSeal, seal

__all__ = ["STOP_SECONDS", "WINDOW_STEP_TOKENS", "Adapter", "Engine", "LaunchSpec", "launch"]

_WATCH_SECONDS = 0.05


@dataclass(frozen=True)
class Engine:
    """A started engine: our child, with the address that it gave."""

    url: str
    spec: LaunchSpec
    argv: tuple[str, ...]
    version: str
    """Package and version of the engine, by its own word."""
    seals: tuple[FileSeal, ...]
    """The model and the adapters as they lay there before the engine opened them."""
    process: subprocess.Popen[bytes]
    served_by: int | None = None
    """The process that listens, where our child only started it."""
    server_family: str = "llama.cpp"
    """Id of the family that it speaks like."""

    @property
    def pid(self) -> int:
        return self.served_by or self.process.pid

    @property
    def log(self) -> Path:
        return self.spec.log

    @property
    def parsing(self) -> Parsing:
        return self.spec.parsing

    def alive(self) -> bool:
        """Whether the process runs; reaps it if it has ended."""
        return self.process.poll() is None

    async def wait_exit(self) -> int:
        """Wait until the engine ends by itself; its exit code, negative for a signal."""
        while (code := self.process.poll()) is None:
            await asyncio.sleep(_WATCH_SECONDS)
        return code


@asynccontextmanager
async def launch(spec: LaunchSpec, *, on_waiting: OnWaiting | None = None) -> AsyncIterator[Engine]:
    """Start the engine, yield it once it answers with what was asked, stop it at the end.

    `on_waiting` is told once a second while it loads.

    Raises:
        UserError: a file, the window or the port is not usable, or the program not installed.
        InfraError: not enough memory, or the process cannot be started.
        UnattestedError: it serves something else than was asked.
        EngineError: it ended before it was ready, or was not ready in time.
    """
    if spec.program == EMBEDDED:
        async with _embedded(spec, on_waiting) as engine:
            yield engine
        return
    # Here, because most launches are of the embedded engine and need no HTTP client.
    from seatrial.serve.engines.start import launched

    async with launched(spec, on_waiting) as started:
        start, ready = started.start, started.ready
        yield Engine(
            start.url,
            spec,
            started.argv,
            ready.version,
            started.seals,
            start.child.process,
            served_by=ready.pid,
            server_family=start.program.family,
        )


@asynccontextmanager
async def _embedded(spec: LaunchSpec, on_waiting: OnWaiting | None) -> AsyncIterator[Engine]:
    refuse_open_door(spec)
    await asyncio.to_thread(check_embedded, spec)
    if spec.port:
        await asyncio.to_thread(refuse_taken, spec.host, spec.port)
    files = (spec.model, *(adapter.path for adapter in spec.adapters))
    seals = tuple(seal(path) for path in files)
    offset = prepare_log(spec.log)
    argv = embedded_command(spec)
    key = {API_KEY_VARIABLE: spec.api_key} if spec.api_key else {}
    child = spawn(argv, spec.log, key, pipes=True)
    try:
        said = await embedded_ready(child, spec, offset, on_waiting)
        yield Engine(said.url, spec, argv, said.engine, seals, child.process)
    finally:
        await stop(child)
