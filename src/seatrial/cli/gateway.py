"""`seatrial gateway --upstream URL`: a proxy that repairs and bounds what a model emits.

Prints one line when it is ready, then what to paste into each client; then it serves until it is
stopped.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from seatrial.cli.options import add_json, add_runs_root
from seatrial.core.errors import UserError

if TYPE_CHECKING:
    from seatrial.gateway import Gateway
    from seatrial.gateway.client_config import Setup
    from seatrial.gateway.settings import Settings
    from seatrial.gateway.upstream import Upstream

DEFAULT_PORT = 8484
_ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_NO_MODEL = "MODEL"
_LEARN_SECONDS = 3.0
"""For the server to say what it is, before the configurations are printed without that."""
_RAW_WHERE_POSSIBLE = "raw_completion if it is llama.cpp with /apply-template, else native"


def configure(parser: argparse.ArgumentParser) -> None:
    _upstream_words(parser.add_argument_group("the servers behind it"))
    _client_words(parser.add_argument_group("the clients before it"))
    _rule_words(parser.add_argument_group("what it changes"))
    _other_words(parser.add_argument_group("instead of serving"))
    add_json(parser)


def _upstream_words(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--upstream",
        action="append",
        default=[],
        metavar="[NAME=]URL",
        help="a server to ask; repeat for several: a request goes where its model is",
    )
    add(
        "--upstream-key-env",
        action="append",
        default=[],
        metavar="[NAME=]VARIABLE",
        help="variable with the key that a server wants; with several servers, name the server",
    )
    add("--slots", type=int, metavar="N", help="requests at a time (what the server says)")


def _client_words(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--host", default="127.0.0.1", help="others than this machine's own need a token")
    add("--port", type=int, default=DEFAULT_PORT, help=f"0 = any free port ({DEFAULT_PORT})")
    add(
        "--token-env",
        metavar="NAME",
        help="variable with the token that clients must show (SEATRIAL_GATEWAY_TOKEN, if set)",
    )
    add("--drain", type=int, default=30, metavar="SECONDS", help="to finish when stopped (30)")
    add_runs_root(group)
    add("--no-record", action="store_true", help="write no sessions")


def _rule_words(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--observe", action="store_true", help="change nothing, only count and record")
    add(
        "--on",
        action="append",
        default=[],
        metavar="RULE",
        help="let a rule act that only observes, such as verify_before_done; repeatable",
    )
    add("--off", action="append", default=[], metavar="RULE", help="leave a rule out; repeatable")
    add(
        "--guard",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="a TOML file with a table [guard]: modes, budgets, ladder, loops; repeatable",
    )
    add(
        "-c",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="settings",
        help="one such setting: guard.budgets.think=8000, guard.ladder.attempts=1; repeatable",
    )
    add(
        "--pin",
        action="append",
        default=[],
        metavar="[CLIENT:]FIELD=VALUE",
        help="set a field of every request, such as temperature=0.7; repeatable",
    )
    add(
        "--strip",
        action="append",
        default=[],
        metavar="[CLIENT:]FIELD",
        help="take a field out of every request; repeatable",
    )
    add(
        "--soft-window",
        metavar="TOKENS",
        help="answer longer prompts with the client's own overflow error, so that it compacts "
        "before the server's limit; auto = its window less the answer and a margin (off)",
    )
    add(
        "--raw",
        action="store_true",
        help="where the server is llama.cpp, ask for unparsed text and read tool calls here",
    )


def _other_words(group: argparse._ArgumentGroup) -> None:
    from seatrial.gateway.client_config import CLIENTS

    add = group.add_argument
    add(
        "--config",
        choices=CLIENTS,
        metavar="CLIENT",
        help=f"print what to paste into one of {', '.join(CLIENTS)}, and start nothing",
    )
    add("--model", metavar="ID", help="for --config (the first that the server lists)")
    add(
        "--replay",
        type=Path,
        metavar="RUN",
        help="run the rules over the recorded turns of a run folder, and ask no server",
    )
    add("--dry-run", action="store_true", help="say what it would do, and start nothing")


def run(args: argparse.Namespace) -> int:
    from seatrial.cli.gateway_options import guard_of, settings_of
    from seatrial.gateway import check_address, listen

    if args.replay is not None:
        from seatrial.cli.gateway_replay import replayed

        return replayed(args.replay, guard_of(args), as_json=args.json)
    settings = settings_of(args)
    if not 0 <= args.port <= 65535:
        raise UserError(f"no such port: {args.port}", hint="1 to 65535, or 0 for any free one")
    host = _ANY_HOST.get(args.host, args.host)
    shown = f"http://[{host}]:{args.port}" if ":" in host else f"http://{host}:{args.port}"
    if args.config is not None:
        return _paste(args, settings, shown)
    check_address(settings, args.host)
    if args.dry_run:
        sys.stdout.write(_plan(args, settings, shown))
        return 0
    return _serve(args, settings, listen(args.host, args.port))


def _serve(args: argparse.Namespace, settings: Settings, listener: socket.socket) -> int:
    from seatrial.gateway import Gateway, serve, url_of

    gateway = Gateway(settings)
    url = url_of(listener)
    for everywhere, here in _ANY_HOST.items():
        url = url.replace(f"//{everywhere}:", f"//{here}:").replace(f"[{everywhere}]", f"[{here}]")

    async def work() -> None:
        await serve(
            gateway,
            listener,
            drain_seconds=args.drain,
            on_ready=lambda: _announce(args, gateway, url),
        )

    # What is loaded by now stays: the collector need not look at it for every request.
    gc.collect()
    gc.freeze()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(work())
    sys.stderr.write("stopped\n")
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


async def _announce(args: argparse.Namespace, gateway: Gateway, url: str) -> None:
    from seatrial.gateway.client_config import CLIENTS, configuration

    facts = _facts(gateway.settings)
    if args.json:
        sys.stdout.write(_json({"url": url, "pid": os.getpid(), **facts}))
        sys.stdout.flush()
        return
    sys.stdout.write(f"ready: {url} -> {', '.join(facts['upstreams'].values())}\n")
    sys.stdout.write(_from_elsewhere(args.host, url))
    # Whoever waits for this line need not wait for the rest.
    sys.stdout.flush()
    upstream = gateway.upstreams[0]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LEARN_SECONDS):
            await upstream.learn()
    setup = _setup(args, url, upstream)
    if setup.model == _NO_MODEL:
        why = "does not say what it serves" if setup.asked else "does not answer yet"
        sys.stdout.write(f"\n{upstream.url} {why}: put the model's name in place of {_NO_MODEL}\n")
    for client in CLIENTS:
        sys.stdout.write(f"\n### {client}\n{configuration(client, setup)}")
    sys.stdout.flush()


def _from_elsewhere(host: str, url: str) -> str:
    """A line with the address for other machines, where they may ask."""
    from seatrial.gateway import address_of_this_machine

    address = address_of_this_machine() if host in _ANY_HOST else None
    return f"from other machines: http://{address}:{url.rpartition(':')[2]}\n" if address else ""


def _paste(args: argparse.Namespace, settings: Settings, url: str) -> int:
    from seatrial.gateway.client_config import configuration
    from seatrial.gateway.upstream import Upstream

    upstream = Upstream(settings.upstreams[0], settings.bounds)
    asyncio.run(upstream.learn())
    setup = _setup(args, url, upstream)
    if setup.model == _NO_MODEL:
        sys.stderr.write(f"{upstream.url} does not say what it serves: --model ID\n")
    text = configuration(args.config, setup)
    sys.stdout.write(_json({"client": args.config, "text": text}) if args.json else text)
    return 0


def _setup(args: argparse.Namespace, url: str, upstream: Upstream) -> Setup:
    from seatrial.cli.gateway_options import TOKEN_VARIABLE
    from seatrial.gateway.client_config import Setup

    named = args.token_env or (TOKEN_VARIABLE if os.environ.get(TOKEN_VARIABLE) else None)
    model = args.model or (upstream.models[0] if upstream.models else _NO_MODEL)
    return Setup(
        url=url,
        model=model,
        window_tokens=upstream.measured(model).window_tokens,
        asked=bool(upstream.family),
        token_env=named,
    )


def _plan(args: argparse.Namespace, settings: Settings, url: str) -> str:
    facts = _facts(settings)
    if args.json:
        return _json({"url": url, **facts})
    lines = [f"listens at {url}"]
    lines += [f"asks {name} at {where}" for name, where in facts["upstreams"].items()]
    lines += [f"wire of {name}: {wire}" for name, wire in facts["wires"].items()]
    lines += [f"sets {pin.field}" for pin in settings.pins if not pin.strip]
    lines += [f"takes out {pin.field}" for pin in settings.pins if pin.strip]
    if settings.soft_window is not None:
        limit = settings.soft_window.prompt_tokens
        lines.append(f"refuses prompts above {limit or 'the window less answer and margin'}")
    lines.append(f"records in {settings.runs}" if settings.runs else "records nothing")
    lines += [f"rule {rule}: {mode}" for rule, mode in facts["rules"].items()]
    return "\n".join(lines) + "\n"


def _facts(settings: Settings) -> dict[str, dict[str, str]]:
    from seatrial.chat.failures import shown_url
    from seatrial.cli.gateway_options import rule_modes

    upstreams = {upstream.name: shown_url(upstream.url) for upstream in settings.upstreams}
    wire = _RAW_WHERE_POSSIBLE if settings.raw else "native"
    wires = {upstream.name: wire for upstream in settings.upstreams}
    return {"upstreams": upstreams, "wires": wires, "rules": rule_modes(settings)}


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode() + "\n"
