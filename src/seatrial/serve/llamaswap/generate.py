"""A llama-swap file for given models, with nothing left to defaults that differ between builds.

Every model has an explicit window, slots and port; all of them stay loaded beside each other,
because a swap throws the prompt cache away; the sampler is set where the requests pass. Not a
judgement whether they fit into memory together. In: models. Out: YAML as text.
"""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Sequence
from pathlib import Path

import msgspec

from seatrial.core.errors import UserError
from seatrial.serve.engines.gguf_files import check_gguf
from seatrial.serve.engines.llama_server import LlamaServer
from seatrial.serve.engines.spec import Adapter, LaunchSpec

_START_PORT = 5800
_LEAST_LOAD_SECONDS = 500
"""llama-swap gives up after 120 by default, and kills a model that was still loading."""
_BYTES_PER_SECOND = 100_000_000
"""A slow disk. (llama-swap issues 92 and 289)"""
_PORT_WORD = "${PORT}"


class SwapModel(msgspec.Struct, frozen=True, kw_only=True):
    """One model of the file."""

    name: str
    """The id that clients ask for."""
    path: Path
    window_tokens: int
    """Of one slot."""
    slots: int = 1
    threads: int = 1
    adapters: tuple[Adapter, ...] = ()
    sampling: dict[str, float | int] = {}
    """Set in every request, whatever the client sends."""
    sampling_source: str = ""
    """Where that is recommended."""


def generate(models: Sequence[SwapModel], *, executable: str = "llama-server") -> str:
    """The text of the file.

    Raises:
        UserError: no model, a name twice, or a model that cannot be served like that.
    """
    if not models:
        raise UserError("no model for the llama-swap file", hint="name at least one")
    names = [model.name for model in models]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"two models are called {twice[0]}", hint="rename one of the files")
    for model in models:
        check_gguf(_spec(model))
        if "${" in str(model.path.resolve()) + model.name:
            raise UserError(
                f"{model.path}: llama-swap would take the ${{ in this path for a macro",
                hint="give a path without it",
            )
    lines = [
        "# Made by `seatrial serve --llama-swap-config`. Each window is that of one slot times",
        "# the slots; all models stay loaded, so no swap throws a prompt cache away.",
        f"healthCheckTimeout: {_load_seconds(models)}",
        f"startPort: {_START_PORT}",
        "models:",
    ]
    for model in models:
        lines += _model(model, executable)
    return "\n".join([*lines, *_group(names)]) + "\n"


def _model(model: SwapModel, executable: str) -> list[str]:
    lines = [f"  {json.dumps(model.name)}:", "    cmd: |", f"      {shlex.quote(executable)}"]
    lines += [f"      {line}" for line in _arguments(model)]
    # What it tells clients as the window; nobody compares it with the server's own.
    lines += ["    capabilities:", f"      context: {model.window_tokens}"]
    if model.sampling:
        about = f"  # {model.sampling_source}" if model.sampling_source else ""
        lines += ["    filters:", f"      setParams:{about}"]
        lines += [f"        {key}: {json.dumps(value)}" for key, value in model.sampling.items()]
    return lines


def _arguments(model: SwapModel) -> list[str]:
    """A line for each option with its value."""
    lines: list[str] = []
    for word in LlamaServer().arguments(_spec(model), port=0):
        if word.startswith("--"):
            lines.append(word)
        else:
            lines[-1] += f" {shlex.quote(word)}"
    # The port is llama-swap's to choose.
    return [f"--port {_PORT_WORD}" if line.startswith("--port ") else line for line in lines]


def _group(names: Sequence[str]) -> list[str]:
    return [
        "groups:",
        '  "kept":',
        "    swap: false",
        "    exclusive: false",
        "    persistent: true",
        "    members:",
        *(f"      - {json.dumps(name)}" for name in names),
    ]


def _spec(model: SwapModel) -> LaunchSpec:
    return LaunchSpec(
        model=model.path,
        log=Path("unused"),
        adapters=model.adapters,
        window_tokens=model.window_tokens,
        slots=model.slots,
        threads=model.threads,
        # Clients of llama-swap speak to it as to any server: it must parse tool calls.
        parsing="server",
    )


def _load_seconds(models: Sequence[SwapModel]) -> int:
    longest = max(model.path.stat().st_size for model in models) / _BYTES_PER_SECOND
    return max(_LEAST_LOAD_SECONDS, math.ceil(longest / 60) * 60)
