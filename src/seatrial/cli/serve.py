"""`seatrial serve MODEL`: start a server under our eye, attested, until interrupted.

Also what belongs to that: stopping servers that were left behind, and files for llama-swap.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import signal
import sys
import tempfile
from pathlib import Path

from seatrial.cli.options import add_json
from seatrial.cli.serve_files import check_llama_swap, list_leaked, write_llama_swap
from seatrial.cli.serve_output import Output, described
from seatrial.cli.serve_sizes import DEFAULT_SLOTS, DEFAULT_WINDOW, default_window, size
from seatrial.core.errors import EngineError, UserError
from seatrial.models import adapter_path, model_path
from seatrial.serve import Adapter, LaunchSpec, attest
from seatrial.serve.engines.registry import Choice, choose, ids
from seatrial.serve.engines.restart import RestartPolicy, keep_serving
from seatrial.serve.engines.spec import EMBEDDED

__all__ = ["configure", "described", "read_words", "run"]

_KEY_VARIABLE = "SEATRIAL_API_KEY"


def configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    parser.usage = "%(prog)s MODEL [options] [-- ARGUMENT ...]"
    parser.epilog = "What follows -- goes to the program as it is."
    add("model", nargs="*", help="a shipped model, a GGUF file, a model folder or a repository")
    add(
        "--program",
        default=EMBEDDED,
        metavar="NAME|PATH",
        help=f"what serves it: {', '.join(ids())}, or the path of one ({EMBEDDED})",
    )
    add("--adapter", help="a LoRA to load: a shipped adapter, a GGUF file or a folder")
    add("--adapter-scale", type=float, default=1.0, metavar="X", help="weight of the LoRA (1)")
    add(
        "--host",
        default="127.0.0.1",
        help="address to listen at; others than this machine's own need --api-key (127.0.0.1)",
    )
    add("--port", type=int, default=0, help="0 = any free port (0)")
    add("--api-key", metavar="KEY", help=f"what clients must show ({_KEY_VARIABLE})")
    add(
        "--window",
        type=int,
        metavar="TOKENS",
        help=f"window of one slot ({DEFAULT_WINDOW} for llama.cpp, else the program's own)",
    )
    add(
        "--slots",
        type=int,
        help=f"requests at a time ({DEFAULT_SLOTS} for llama.cpp, else the program's own)",
    )
    add("--threads", type=int, default=1, help="CPU threads; more than idle cores is slower (1)")
    add(
        "--parsing",
        choices=("server", "client"),
        help="who reads tool calls out of the text: "
        "the server, as most clients expect, or whoever asked, who gets plain text (client for "
        "the embedded engine, else server)",
    )
    add("--restart", choices=("never", "on-failure"), default="never", help="when it dies (never)")
    add("--max-restarts", type=int, default=5, metavar="N", help="then give up (5)")
    add("--start-timeout", type=float, default=600.0, metavar="SECONDS", help="for loading (600)")
    add("--log", type=Path, help="where the engine's own output goes (a temporary file)")
    add("--dry-run", action="store_true", help="print the exact command line and start nothing")
    add("--leaked", action="store_true", help="list servers of ours whose starter is gone")
    add("--stop-leaked", action="store_true", help="stop them")
    add(
        "--llama-swap-config",
        metavar="OUT",
        help="write a llama-swap file for the models and start nothing; - = stdout",
    )
    add("--check-llama-swap", type=Path, metavar="FILE", help="say what is wrong with such a file")
    add_json(parser)


def read_words(parser: argparse.ArgumentParser, words: list[str]) -> argparse.Namespace:
    """The options, and in `extra` what stands behind `--`."""
    cut = words.index("--") if "--" in words else len(words)
    args = parser.parse_args(words[:cut])
    args.extra = tuple(words[cut + 1 :])
    return args


def run(args: argparse.Namespace) -> int:
    if args.leaked or args.stop_leaked:
        return list_leaked(stop=args.stop_leaked, as_json=args.json)
    if args.check_llama_swap is not None:
        return check_llama_swap(args.check_llama_swap, as_json=args.json)
    if args.llama_swap_config is not None:
        return write_llama_swap(args)
    choice = choose(args.program)
    spec = _spec(args, choice)
    if args.dry_run:
        return _dry_run(spec)
    policy = RestartPolicy(mode=args.restart, max_restarts=args.max_restarts)
    try:
        return asyncio.run(_serve(spec, policy, Output(spec, as_json=args.json)))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.stderr.write("stopped\n")
        return 0


def _spec(args: argparse.Namespace, choice: Choice) -> LaunchSpec:
    if len(args.model) != 1:
        hint = "arguments for the program itself go behind --" if args.model else "seatrial models"
        what = f"one model, not {len(args.model)}" if args.model else "which model?"
        raise UserError(what, hint=hint)
    own = choice.has_own_sizes
    model = Path(args.model[0]) if own else model_path(args.model[0])
    adapters: tuple[Adapter, ...] = ()
    if args.adapter:
        path = Path(args.adapter) if own else adapter_path(args.adapter)
        adapters = (Adapter(path, args.adapter_scale),)
    default_parsing = "client" if choice.program == EMBEDDED else "server"
    parsing = args.parsing or default_parsing
    return LaunchSpec(
        model=model,
        adapters=adapters,
        window_tokens=size(args.window, "--window", 0 if own else default_window(model)),
        slots=size(args.slots, "--slots", 0 if own else DEFAULT_SLOTS),
        threads=args.threads,
        host=args.host,
        port=_port(args.port),
        start_timeout_seconds=args.start_timeout,
        program=choice.program,
        executable=choice.executable,
        extra=args.extra,
        api_key=args.api_key or os.environ.get(_KEY_VARIABLE) or None,
        parsing="server" if parsing == "server" else "content_only",
        log=args.log or Path(tempfile.mkdtemp(prefix="seatrial-serve-")) / "engine.log",
    )


def _port(port: int) -> int:
    if not 0 <= port <= 65535:
        raise UserError(f"no such port: {port}", hint="1 to 65535, or 0 for any free one")
    return port


def _dry_run(spec: LaunchSpec) -> int:
    from seatrial.serve.engines.embedded import check_embedded, embedded_command
    from seatrial.serve.engines.start import plan

    argv: tuple[str, ...]
    names: tuple[str, ...]
    if spec.program == EMBEDDED:
        check_embedded(spec)
        argv, names = embedded_command(spec), ()
    else:
        planned = plan(spec)
        argv, names = planned.argv, tuple(planned.environment)
    # Never their values: one of them is the key.
    sys.stdout.write("".join(f"{name}=... " for name in names) + shlex.join(argv) + "\n")
    if not spec.port:
        sys.stderr.write("the port is any free one: another one each time\n")
    return 0


async def _serve(spec: LaunchSpec, policy: RestartPolicy, output: Output) -> int:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    for what in (signal.SIGTERM, signal.SIGHUP):
        # Under nohup a hangup is to be ignored.
        if task is not None and signal.getsignal(what) is not signal.SIG_IGN:
            loop.add_signal_handler(what, task.cancel)
    try:
        code = await keep_serving(spec, policy, attest, output.event, on_waiting=output.waiting)
    except EngineError as error:
        if error.hint is None or str(spec.log) in error.hint:
            raise
        sys.stderr.write(f"its log is {spec.log}\n")
        raise
    if code:
        sys.stderr.write(f"error: the engine ended by itself (exit {code}); see {spec.log}\n")
    else:
        sys.stderr.write(f"the engine ended by itself; see {spec.log}\n")
    return 1
