"""`seatrial serve MODEL`: start an engine under our eye, attested, until interrupted."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

import msgspec

from seatrial.cli.options import add_json
from seatrial.models import adapter_path, model_path
from seatrial.serve import Adapter, Attestation, LaunchSpec, attest, launch


def configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", help="a shipped model or a GGUF file")
    add("--adapter", help="a LoRA to load: a shipped adapter or a GGUF file")
    add("--adapter-scale", type=float, default=1.0, metavar="X", help="weight of the LoRA (1)")
    add("--port", type=int, default=0, help="0 = any free port (0)")
    add("--window", type=int, default=4096, metavar="TOKENS", help="window of one slot (4096)")
    add("--slots", type=int, default=1, help="requests at a time (1)")
    add("--threads", type=int, default=1, help="CPU threads; more than idle cores is slower (1)")
    add("--log", type=Path, help="where the engine's own output goes (a temporary file)")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    adapters: tuple[Adapter, ...] = ()
    if args.adapter:
        adapters = (Adapter(adapter_path(args.adapter), args.adapter_scale),)
    spec = LaunchSpec(
        model=model_path(args.model),
        adapters=adapters,
        window_tokens=args.window,
        slots=args.slots,
        threads=args.threads,
        port=args.port,
        log=args.log or Path(tempfile.mkdtemp(prefix="seatrial-serve-")) / "engine.log",
    )
    try:
        return asyncio.run(_serve(spec, as_json=args.json))
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return 0


async def _serve(spec: LaunchSpec, *, as_json: bool) -> int:
    async with launch(spec) as engine:
        attestation = await attest(engine)
        if as_json:
            row = {"url": engine.url, "pid": engine.pid, "served": attestation.served}
            sys.stdout.buffer.write(msgspec.json.encode(row) + b"\n")
            sys.stdout.buffer.flush()
        else:
            sys.stdout.write(described(attestation))
            sys.stdout.write(f"serving at {engine.url} (pid {engine.pid}); Ctrl-C stops it\n")
            sys.stdout.flush()
        code = await engine.wait_exit()
        sys.stderr.write(f"error: the engine ended by itself (exit {code}); see {spec.log}\n")
        return 1


def described(attestation: Attestation) -> str:
    """What was proven, a line for each fact."""
    lines = [f"proof grade: {attestation.grade}"]
    lines += [f"  {reason}" for reason in attestation.reasons]
    width = max((len(key) for key in attestation.identity), default=0)
    lines += [f"  {key:<{width}}  {value}" for key, value in attestation.identity.items()]
    return "\n".join(lines) + "\n"
