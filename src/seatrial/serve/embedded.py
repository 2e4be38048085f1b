"""The child process that holds the embedded engine: `python -m seatrial.serve.embedded SPEC`.

SPEC is the JSON of `ChildSpec`. The process loads the model, prints one line of JSON with its
address on stdout, and serves until SIGTERM, until stdin ends, or until its parent dies: an
engine never outlives whoever attested it. Everything the engine itself prints goes to stderr.
Not a supervisor: `engine` starts it, watches it and stops it.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import select
import signal
import socket
import sys
from types import FrameType
from typing import Any, NoReturn
from urllib.parse import urlsplit

import msgspec

from seatrial.core.errors import EngineError, SeatrialError, UserError

_PR_SET_PDEATHSIG = 1
_LOOP_SECONDS = 60.0
API_KEY_VARIABLE = "SEATRIAL_ENGINE_API_KEY"
MISSING_HINT = "pip install 'seatrial[embedded]'"


class ChildAdapter(msgspec.Struct, frozen=True):
    """A LoRA file and its weight."""

    path: str
    scale: float


class ChildSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine is started with, in the engine's own terms."""

    model: str
    adapters: tuple[ChildAdapter, ...]
    n_ctx: int
    """Tokens of all slots together."""
    n_parallel: int
    threads: int
    host: str
    port: int
    parent: int
    """Process that the engine belongs to."""
    content_only: bool = True
    """The engine leaves tool calls and reasoning in the text."""
    api_key: str | None = None
    """What clients must show; not on the command line, which everybody sees."""


class Ready(msgspec.Struct, frozen=True):
    """The one line on stdout."""

    url: str
    pid: int
    engine: str
    """Package and version of the engine."""


def main(argv: list[str]) -> int:
    """Serve until told to stop."""
    try:
        spec = msgspec.json.decode(argv[0], type=ChildSpec)
        spec = msgspec.structs.replace(spec, api_key=os.environ.pop(API_KEY_VARIABLE, None))
        die_with(spec.parent)
        report = _own_stdout()
        server, ready = _start(spec)
    except SeatrialError as error:
        sys.stderr.write(f"error: {error.message}\n")
        sys.stderr.write(f"hint: {error.hint}\n" if error.hint else "")
        return error.exit_code
    # Only from here on: while a model loads, the default action ends the process at once.
    signal.signal(signal.SIGTERM, _stop)
    os.write(report, msgspec.json.encode(ready) + b"\n")
    os.close(report)
    _wait_for_stdin_end()
    del server
    return 0


def parameters(spec: ChildSpec, library: Any) -> Any:  # noqa: ANN401 - the wheel has no types
    """`spec` as the engine's `CommonParams`."""
    params = library.CommonParams()
    params.model.path = spec.model
    params.n_ctx = spec.n_ctx
    params.n_parallel = spec.n_parallel
    params.cpuparams.n_threads = spec.threads
    params.cpuparams_batch.n_threads = spec.threads
    params.hostnames = [spec.host]
    params.port = spec.port
    params.lora_adapters = [
        library.CommonAdapterLoraInfo(adapter.path, adapter.scale) for adapter in spec.adapters
    ]
    # The window is ours to set: the engine must neither shrink it nor shift it.
    params.fit_params = False
    params.ctx_shift = False
    params.kv_unified = False
    if spec.content_only:
        # Tool calls are parsed by `toolcalls`, from the raw text: the wire is raw_chat.
        params.force_pure_content_parser = True
        params.reasoning_format = library.common_reasoning_format.COMMON_REASONING_FORMAT_NONE
    if spec.api_key:
        params.api_keys = [spec.api_key]
    params.use_jinja = True
    params.endpoint_slots = True
    params.endpoint_metrics = True
    # GET /props is always there; this switch is about changing them from outside.
    params.endpoint_props = False
    params.ui = False
    params.warmup = True
    params.cache_prompt = True
    return params


def _start(spec: ChildSpec) -> tuple[Any, Ready]:
    try:
        library = importlib.import_module("xllamacpp")
    except ImportError:
        raise UserError("the embedded engine is not installed", hint=MISSING_HINT) from None
    try:
        server = library.Server(parameters(spec, library))
    except RuntimeError as error:
        raise EngineError(f"the engine did not start: {error}") from None
    _wait_for_loop(server.listening_address, spec)
    version = f"xllamacpp {library.__version__}"
    return server, Ready(server.listening_address, os.getpid(), version)


def _wait_for_loop(address: str, spec: ChildSpec) -> None:
    """Return once the engine works on its queue; `/slots` is answered by that loop.

    It says where it listens before the loop begins, and a loop that begins after it was told to
    end never ends: xllamacpp 2026.10 then hangs in one of ten immediate stops.
    """
    parts = urlsplit(address)
    key = f"Authorization: Bearer {spec.api_key}\r\n" if spec.api_key else ""
    request = f"GET /slots HTTP/1.0\r\nHost: {parts.netloc}\r\n{key}\r\n"
    where = (parts.hostname or spec.host, parts.port or 0)
    try:
        with socket.create_connection(where, timeout=_LOOP_SECONDS) as connection:
            connection.sendall(request.encode())
            while connection.recv(4096):
                pass
    except OSError as error:
        raise EngineError(f"the engine listens and does not answer: {error}") from None


def die_with(parent: int) -> None:
    """Be killed when the parent dies, however it dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the line above
        raise EngineError("the process that asked for this engine is gone")


def _own_stdout() -> int:
    """A private copy of stdout; whatever else prints there goes to stderr."""
    report = os.dup(1)
    os.dup2(2, 1)
    return report


def _stop(signum: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def _wait_for_stdin_end() -> None:
    """Return when the parent closed its end, which its death does too."""
    # A signal that comes just before `read` begins would not end it; this pipe sees it.
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    while True:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
        if 0 in ready and not os.read(0, 4096):
            return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
