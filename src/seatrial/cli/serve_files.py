"""What `seatrial serve` does without serving: servers left behind, files for llama-swap.

In: options. Out: an exit code, and text or JSON on stdout.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from seatrial.cli.serve_sizes import DEFAULT_SLOTS, default_window, size
from seatrial.core.errors import UserError
from seatrial.models import adapter_path, model_path
from seatrial.serve import Adapter
from seatrial.serve.engines.leaked import Leaked, leaked, stop_leaked


def list_leaked(*, stop: bool, as_json: bool) -> int:
    """List servers whose starter is gone, or stop them; 1 when some are left."""
    found = leaked()
    left = stop_leaked(found) if stop else found
    if as_json:
        _write_json([_row(one, stopped=stop and one not in left) for one in found])
    elif not found:
        sys.stderr.write("no server was left behind\n")
    for one in () if as_json else found:
        ports = ", ".join(str(port) for port in one.ports)
        where = f"port {ports}" if ports else "no port"
        done = ""
        if stop:
            done = "could not be stopped: " if one in left else "stopped: "
        sys.stdout.write(f"{done}pid {one.pid}, {where}: {one.command[:200]}\n")
    if found and not stop:
        sys.stderr.write("hint: seatrial serve --stop-leaked stops them\n")
    return 1 if left else 0


def write_llama_swap(args: argparse.Namespace) -> int:
    """Write a llama-swap file for the models of the command line."""
    from seatrial.serve.llamaswap.generate import SwapModel, generate

    adapters: tuple[Adapter, ...] = ()
    if args.adapter:
        adapters = (Adapter(adapter_path(args.adapter), args.adapter_scale),)
    models = []
    for word in args.model:
        path = model_path(word)
        values, source = _recommended(path)
        models.append(
            SwapModel(
                name=path.stem,
                path=path,
                window_tokens=size(args.window, "--window", default_window(path)),
                slots=size(args.slots, "--slots", DEFAULT_SLOTS),
                threads=args.threads,
                adapters=adapters,
                sampling=values,
                sampling_source=source,
            )
        )
    text = generate(models)
    if args.llama_swap_config == "-":
        sys.stdout.write(text)
        return 0
    out = Path(args.llama_swap_config)
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UserError(
            f"{out} is there already", hint="give another name, or - for stdout"
        ) from None
    except OSError as error:
        raise UserError(f"{out}: {error.strerror}") from None
    sys.stderr.write(f"wrote {out}; start it with: llama-swap --config {out}\n")
    return 0


def check_llama_swap(path: Path, *, as_json: bool) -> int:
    """Say what is wrong with a llama-swap file; 1 when anything is."""
    from seatrial.serve.llamaswap.validate import validate_file

    faults = validate_file(path, os.environ)
    if as_json:
        _write_json(faults)
        return 1 if faults else 0
    for fault in faults:
        where = f"{path}:{fault.line}" if fault.line else str(path)
        kind = "error" if fault.fatal else "warning"
        sys.stdout.write(f"{where}: {kind}: {fault.said}\n")
    if not faults:
        sys.stdout.write(f"{path}: llama-swap will take it as it stands\n")
    return 1 if faults else 0


def _recommended(path: Path) -> tuple[dict[str, float], str]:
    """The sampling of the model's card; nothing where there is no card."""
    from seatrial.serve.cards.match import card_for
    from seatrial.serve.gguf import read_header

    card = card_for(read_header(path))
    return (card.coding, f"{card.url} ({card.date})") if card is not None else ({}, "")


def _row(one: Leaked, *, stopped: bool) -> dict[str, object]:
    return {
        "pid": one.pid,
        "ports": one.ports,
        "command": one.command,
        "owner": one.process.mark.owner,
        "stopped": stopped,
    }


def _write_json(value: Any) -> None:  # noqa: ANN401 - whatever msgspec encodes
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
