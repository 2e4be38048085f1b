"""The embedded engine: llama.cpp's server in a child process of our own Python.

It takes port 0 and says itself where it listens, in one line on its stdout; see `serve.embedded`
for the child. In: a `LaunchSpec`. Out: a command line, and the line that the child says.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import time
from contextlib import suppress

import msgspec

from seatrial.core.errors import EngineError, UserError
from seatrial.serve.engines.child import Child, own_module
from seatrial.serve.engines.gguf_files import check_gguf
from seatrial.serve.engines.ready import OnWaiting, Waiting
from seatrial.serve.engines.spec import LaunchSpec
from seatrial.serve.failure import last_line, start_failure, start_timeout

API_KEY_VARIABLE = "SEATRIAL_ENGINE_API_KEY"
_POLL_SECONDS = 0.01
_TELL_SECONDS = 1.0


class Said(msgspec.Struct, frozen=True):
    """The line of the child: `serve.embedded.Ready`."""

    url: str
    pid: int
    engine: str


def check_embedded(spec: LaunchSpec) -> None:
    """Refuse what the engine would refuse, or silently serve otherwise, in plainer words.

    Raises:
        UserError: not installed, or something is not usable.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        hint = "pip install 'seatrial[embedded]'"
        raise UserError("the embedded engine is not installed", hint=hint)
    if spec.extra:
        raise UserError(
            f"the embedded engine takes no further arguments: {' '.join(spec.extra)}",
            hint="--program llama-server passes them on",
        )
    if spec.executable is not None:
        raise UserError("the embedded engine is no file that could be chosen")
    check_gguf(spec)


def embedded_command(spec: LaunchSpec) -> tuple[str, ...]:
    """The command line of the child."""
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
        "content_only": spec.parsing == "content_only",
    }
    return own_module("seatrial.serve.embedded", msgspec.json.encode(child).decode())


async def embedded_ready(
    child: Child, spec: LaunchSpec, log_offset: int, on_waiting: OnWaiting | None
) -> Said:
    """Wait for the line that says where the engine listens.

    Raises:
        SeatrialError: it ended, with what its log says, or was not ready in time.
    """
    began = told = time.monotonic()
    process = child.process
    assert process.stdout is not None
    pipe = process.stdout.fileno()
    os.set_blocking(pipe, False)
    line = b""
    while not line.endswith(b"\n"):
        now = time.monotonic()
        if process.poll() is not None:
            raise start_failure(spec.log, log_offset, process.returncode)
        if now - began > spec.start_timeout_seconds:
            raise start_timeout(spec.log, log_offset, spec.start_timeout_seconds)
        if on_waiting is not None and now - told >= _TELL_SECONDS:
            told = now
            on_waiting(Waiting(now - began, last_line(spec.log, log_offset)))
        with suppress(BlockingIOError):
            line += os.read(pipe, 4096)
        await asyncio.sleep(_POLL_SECONDS)
    try:
        return msgspec.json.decode(line, type=Said)
    except msgspec.MsgspecError as error:
        raise EngineError(f"the engine did not say where it listens: {error}") from None
