"""Start the embedded engine as a child of ours, watch it, and stop it whatever happens.

Not an attestation: a running `Engine` is a claim until `attest` has proven it. In: a
`LaunchSpec`. Out: an `Engine` for the length of an `async with`; afterwards no process is left,
neither running nor as a zombie, also when the loop is cancelled twice or this process is killed
(see `embedded`).
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

import seatrial
from seatrial.core.errors import EngineError, InfraError, UserError
from seatrial.serve.failure import start_failure, start_timeout
from seatrial.serve.gguf import GgufHeader, read_header
from seatrial.serve.seal import FileSeal, seal

WINDOW_STEP_TOKENS = 256
"""llama.cpp rounds the window of a slot up to this; another one could not be attested."""
STOP_SECONDS = 5.0
_POLL_SECONDS = 0.01
_WATCH_SECONDS = 0.05


class Adapter(msgspec.Struct, frozen=True):
    """A LoRA file and the weight that it is applied with."""

    path: Path
    scale: float = 1.0


class LaunchSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be served, and how."""

    model: Path
    log: Path
    """The engine's own output is appended here."""
    adapters: tuple[Adapter, ...] = ()
    window_tokens: int = 4096
    """Tokens of one slot."""
    slots: int = 1
    threads: int = 1
    host: str = "127.0.0.1"
    port: int = 0
    """0 = any free one."""
    start_timeout_seconds: float = 120.0


class _Ready(msgspec.Struct, frozen=True):
    url: str
    pid: int
    engine: str


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

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> Path:
        return self.spec.log

    def alive(self) -> bool:
        """Whether the process runs; reaps it if it has ended."""
        return self.process.poll() is None

    async def wait_exit(self) -> int:
        """Wait until the engine ends by itself; its exit code, negative for a signal."""
        while (code := self.process.poll()) is None:
            await asyncio.sleep(_WATCH_SECONDS)
        return code


@asynccontextmanager
async def launch(spec: LaunchSpec) -> AsyncIterator[Engine]:
    """Start the engine, yield it once it answers, stop it at the end.

    Raises:
        UserError: a file, the window or the port is not usable, or the engine not installed.
        InfraError: not enough memory, or the process cannot be started.
        EngineError: it ended before it was ready, or was not ready in time.
    """
    await asyncio.to_thread(_check, spec)
    files = (spec.model, *(adapter.path for adapter in spec.adapters))
    seals = tuple(seal(path) for path in files)
    offset = _prepare_log(spec.log)
    argv = _command(spec)
    process = _spawn(argv, spec.log)
    try:
        ready = await _ready(process, spec, offset)
        yield Engine(ready.url, spec, argv, ready.engine, seals, process)
    finally:
        await _stop(process)


def _check(spec: LaunchSpec) -> None:
    """Refuse what the engine would refuse, or silently serve otherwise, in plainer words."""
    if importlib.util.find_spec("xllamacpp") is None:
        hint = "pip install 'seatrial[embedded]'"
        raise UserError("the embedded engine is not installed", hint=hint)
    header = read_header(spec.model)
    if header.is_adapter:
        raise UserError(f"{spec.model}: an adapter, not a model", hint="give it as the adapter")
    if header.split_count > 1:
        raise UserError(
            f"{spec.model}: one of {header.split_count} parts of a model",
            hint="join the parts with llama-gguf-split --merge",
        )
    for adapter in spec.adapters:
        if not read_header(adapter.path).is_adapter:
            hint = "an adapter is a GGUF file of general.type = adapter"
            raise UserError(f"{adapter.path}: not an adapter", hint=hint)
    _check_sizes(spec, header)


def _check_sizes(spec: LaunchSpec, header: GgufHeader) -> None:
    window, trained = spec.window_tokens, header.trained_window_tokens
    if spec.slots < 1 or spec.threads < 1:
        raise UserError("slots and threads begin at 1")
    if window < 1 or window % WINDOW_STEP_TOKENS:
        above = max(1, -(-window // WINDOW_STEP_TOKENS)) * WINDOW_STEP_TOKENS
        raise UserError(
            f"a window of {window} tokens cannot be served as asked",
            hint=f"llama.cpp serves steps of {WINDOW_STEP_TOKENS}: ask for {above}",
        )
    if trained is not None and window > trained:
        raise UserError(
            f"a window of {window} tokens is more than the model was trained for",
            hint=f"{spec.model.name} goes up to {trained}",
        )


def _prepare_log(log: Path) -> int:
    """Where the lines of this start begin."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return log.stat().st_size if log.exists() else 0
    except OSError as error:
        raise UserError(f"{log}: {error.strerror}", hint="give another log file") from None


def _command(spec: LaunchSpec) -> tuple[str, ...]:
    # The keys of `embedded.ChildSpec`; not imported, because a module that runs as the main
    # program of the child must not be imported by its own package.
    child = {
        "model": str(spec.model.resolve()),
        "adapters": [
            {"path": str(adapter.path.resolve()), "scale": adapter.scale}
            for adapter in spec.adapters
        ],
        "n_ctx": spec.window_tokens * spec.slots,
        "n_parallel": spec.slots,
        "threads": spec.threads,
        "host": spec.host,
        "port": spec.port,
        "parent": os.getpid(),
    }
    # -P: a module in the folder that we happen to stand in must not take the place of ours.
    module = ("-P", "-m", "seatrial.serve.embedded")
    return (sys.executable, *module, msgspec.json.encode(child).decode())


def _environment() -> dict[str, str]:
    """Ours, and the place of this package, however this process came to find it."""
    paths = [str(Path(seatrial.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def _spawn(argv: tuple[str, ...], log: Path) -> subprocess.Popen[bytes]:
    try:
        with log.open("ab") as output:
            return subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                bufsize=0,
                env=_environment(),
                # Ctrl-C is for us to handle: the engine stops after what is under way.
                start_new_session=True,
            )
    except OSError as error:
        raise InfraError(f"the engine cannot be started: {error}") from None


async def _ready(process: subprocess.Popen[bytes], spec: LaunchSpec, offset: int) -> _Ready:
    """Wait for the line that says where the engine listens."""
    deadline = time.monotonic() + spec.start_timeout_seconds
    assert process.stdout is not None
    pipe = process.stdout.fileno()
    os.set_blocking(pipe, False)
    line = b""
    while not line.endswith(b"\n"):
        if process.poll() is not None:
            raise start_failure(spec.log, offset, process.returncode)
        if time.monotonic() > deadline:
            raise start_timeout(spec.log, offset, spec.start_timeout_seconds)
        with suppress(BlockingIOError):
            line += os.read(pipe, 4096)
        await asyncio.sleep(_POLL_SECONDS)
    return _decoded(line)


def _decoded(line: bytes) -> _Ready:
    try:
        return msgspec.json.decode(line, type=_Ready)
    except msgspec.MsgspecError as error:
        raise EngineError(f"the engine did not say where it listens: {error}") from None


async def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask, wait, kill; on a second cancellation kill at once. Always reaps."""
    try:
        process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            await asyncio.sleep(_POLL_SECONDS)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
