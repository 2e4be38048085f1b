"""`seatrial client setup / remove / status pi`: our extension in a client of the user's.

Pi alone has extensions that can do what its gateway cannot see; for other clients the rules of
the gateway stand in. In: words. Out: what was done to which file.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from seatrial.cli.options import add_json
from seatrial.core.errors import UserError

if TYPE_CHECKING:
    from seatrial.gateway.client_config import Setup
    from seatrial.gateway.pi import Change, Found

PI = "pi"
_STATES = {
    "absent": "not installed",
    "current": "installed",
    "other version": "installed by another version of Seatrial; setup again to update it",
    "edited": "installed, and edited since",
    "foreign": "a file that Seatrial did not write",
}


def configure(parser: argparse.ArgumentParser) -> None:
    from seatrial.gateway.pi import FACTORS

    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    setup = actions.add_parser("setup", help="install Seatrial's extension")
    _add_common(setup)
    setup.add_argument(
        "--without",
        action="append",
        default=[],
        choices=FACTORS,
        metavar="FACTOR",
        help="leave one of pin, verify, length off; repeatable. pin: task, acceptance criteria and "
        "files stay word for word in every compaction; verify: one question before an end without "
        "a check of what changed; length: a word after an answer that was cut, and no call of it",
    )
    setup.add_argument(
        "--gateway",
        metavar="URL",
        help="also make a gateway a provider in pi's models.json; a copy of the file is kept",
    )
    setup.add_argument("--model", metavar="ID", help="for --gateway (the first that it lists)")
    setup.add_argument(
        "--window", type=int, metavar="TOKENS", help="for --gateway (what the gateway says)"
    )
    setup.add_argument(
        "--token-env", metavar="NAME", help="for --gateway: variable with the token that it wants"
    )
    remove = actions.add_parser("remove", help="take away what setup installed, and nothing else")
    _add_common(remove)
    for each in (setup, remove):
        each.add_argument(
            "--force", action="store_true", help="even where the file was edited or is not ours"
        )
        each.add_argument("--dry-run", action="store_true", help="say what it would do")
    _add_common(actions.add_parser("status", help="what is installed, and is it as we wrote it?"))


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("client", help=PI)
    parser.add_argument(
        "--home",
        type=Path,
        metavar="DIR",
        help="pi's folder (PI_CODING_AGENT_DIR, or ~/.pi/agent)",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    from seatrial.gateway import pi

    _check_client(args.client)
    home = pi.home_of(args.home, os.environ)
    if args.action == "status":
        return _status(args, pi.look(home))
    factors: tuple[str, ...] = ()
    setup = None
    if args.action == "setup":
        factors = tuple(name for name in pi.FACTORS if name not in args.without)
        setup = _gateway(args) if args.gateway is not None else None
    # Tried first, so that what has to be refused leaves nothing half done.
    changes = _changes(args, home, factors, setup, dry_run=True)
    if not args.dry_run:
        changes = _changes(args, home, factors, setup, dry_run=False)
    return _told(args, changes, factors)


def _changes(
    args: argparse.Namespace,
    home: Path,
    factors: tuple[str, ...],
    setup: Setup | None,
    *,
    dry_run: bool,
) -> list[Change]:
    from seatrial.gateway import pi

    force = args.force
    if args.action == "remove":
        return [
            pi.remove(home, force=force, dry_run=dry_run),
            pi.remove_provider(home, force=force, dry_run=dry_run),
        ]
    changes = [pi.install(home, factors, force=force, dry_run=dry_run)]
    if setup is not None:
        changes.append(pi.add_provider(home, setup, force=force, dry_run=dry_run))
    return changes


def _check_client(name: str) -> None:
    from seatrial.gateway.client_config import CLIENTS

    if name == PI:
        return
    if name in CLIENTS:
        message = f"{name} has no extension to install; the rules of the gateway do it there"
        raise UserError(message, hint=f"seatrial gateway --upstream URL --config {name}")
    raise UserError(f"no such client: {name}", hint=f"one of {', '.join(CLIENTS)}")


def _gateway(args: argparse.Namespace) -> Setup:
    """What the gateway serves, as far as the options do not say it."""
    from seatrial.chat.address import server_root
    from seatrial.gateway.client_config import Setup
    from seatrial.gateway.settings import Bounds, UpstreamSpec
    from seatrial.gateway.upstream import Upstream

    if args.window is not None and args.window < 1:
        raise UserError(f"--window {args.window}: at least 1")
    server_root(args.gateway)
    url = args.gateway.rstrip("/").removesuffix("/v1")
    model, window = args.model, args.window
    if model is None or window is None:
        key = os.environ.get(args.token_env) if args.token_env else None
        upstream = Upstream(UpstreamSpec(PI, url, key), Bounds())
        asyncio.run(upstream.learn())
        model = model or next(iter(upstream.models), None)
        window = window or (upstream.window_of(model) if model else None)
    if model is None:
        raise UserError(f"{url} does not say what it serves", hint="--model ID names it")
    return Setup(url=url, model=model, window_tokens=window, token_env=args.token_env)


def _status(args: argparse.Namespace, found: Found) -> int:
    if args.json:
        _json(
            {
                "client": PI,
                "path": str(found.path),
                "state": found.state,
                "factors": list(found.factors),
            }
        )
    else:
        on = f" ({', '.join(found.factors)})" if found.factors else ""
        sys.stdout.write(f"{found.path}: {_STATES[found.state]}{on}\n")
    return 0 if found.state == "current" else 1


def _told(args: argparse.Namespace, changes: list[Change], factors: tuple[str, ...]) -> int:
    if args.json:
        rows = [{"path": str(c.path), "action": c.action, "note": c.note} for c in changes]
        _json({"client": PI, "dry_run": args.dry_run, "factors": list(factors), "changes": rows})
        return 0
    would = "would be " if args.dry_run else ""
    for change in changes:
        note = f" ({change.note})" if change.note else ""
        did = "nothing to do" if change.action == "nothing" else would + change.action
        sys.stdout.write(f"{change.path}: {did}{note}\n")
    if args.action == "setup":
        sys.stdout.write(f"on: {', '.join(factors) or 'nothing'}\n")
        if args.gateway is None:
            sys.stderr.write(
                "hint: to talk to a gateway, too: --gateway URL puts it into models.json, and "
                "`seatrial gateway --upstream URL --config pi` prints what to paste\n"
            )
    return 0


def _json(value: dict[str, Any]) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
