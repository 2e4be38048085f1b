"""`seatrial doctor`: what is really running, is it right, and what to change."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import os
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from seatrial.cli.options import add_json
from seatrial.cli.witness import read_token
from seatrial.core.errors import EngineError, SeatrialError, UserError
from seatrial.report.examination import examination_text
from seatrial.serve.discover import discover
from seatrial.serve.doctor import EXIT_CODES, Config, Examination, OnStep, Visit, examine
from seatrial.serve.gpu import cards
from seatrial.serve.lint.load import KINDS, read_command, read_configs
from seatrial.serve.lint.subject import ClientConfig
from seatrial.serve.turns import recorded_turns
from seatrial.serve.witness_client import Witness

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([GM])i?B?)?", re.IGNORECASE)
_UNREACHABLE = 69
_EPILOG = f"""\
Without URL and --config it looks for servers on this machine's usual ports. A URL that only a
configuration names is asked without a question if it is on this machine, else --yes allows it.
--config reads {KINDS}.
Exit code: 0 sound, 1 errors found, 2 inconclusive, 3 another model than the one that is meant,
64 wrong usage, 69 not reachable.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    add = parser.add_argument
    add("url", nargs="?", help="such as http://127.0.0.1:8080")
    add("--config", action="append", default=[], type=Path, metavar="FILE", help="settings to read")
    add("--command", action="append", default=[], metavar="TEXT", help="a command line to read")
    add("--model", metavar="ID", help="the model id that your client asks for")
    add("--expect", metavar="MODEL", help="the model that you mean: a path, a digest or an id")
    depth = parser.add_mutually_exclusive_group()
    add = depth.add_argument
    add("--quick", dest="depth", action="store_const", const="quick", help="under 10 s (default)")
    add("--full", dest="depth", action="store_const", const="full", help="more knobs, more depths")
    add("--overflow", dest="depth", action="store_const", const="overflow",
        help="full, and a prompt that does not fit")  # fmt: skip
    parser.set_defaults(depth="quick")
    add = parser.add_argument
    add("--what-if", metavar="SETTINGS", help="estimate the memory of: ctk=q8_0,c=262144")
    add("--gpu", metavar="SIZE", help="memory of the card, such as 24G (asked from the driver)")
    add("--log", type=Path, metavar="FILE", help="the server's own log")
    add("--run", type=Path, metavar="DIR", help="recorded turns: a run folder")
    add("--api-key-env", metavar="NAME", help="the variable that holds the key of the server")
    add("--witness", metavar="URL", help="a `seatrial witness` on the machine of the server")
    add("--witness-token-env", metavar="NAME", help="the variable that holds its token")
    add("--yes", action="store_true", help="ask servers of other machines that a file names, too")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    try:
        return _run(args)
    except SeatrialError as error:
        if args.json:  # whoever reads stdout gets an object in any case
            _write_json(_failure(error))
        raise


def _run(args: argparse.Namespace) -> int:
    configs = read_configs(args.config, dict(os.environ))
    configs += [read_command(text) for text in args.command]
    gpu_bytes = _card_bytes(args.gpu)
    urls = [args.url] if args.url else _urls(args, configs)
    visits = [_visit(args, url, configs, gpu_bytes) for url in urls]
    found, failed = [], []
    for visit in visits:
        try:
            found.append(asyncio.run(examine(visit, _step(visit.url))))
        except SeatrialError as error:
            if len(visits) == 1:
                raise
            failed.append(error)
            sys.stderr.write(f"error: {error.message}\n")
    if args.json:
        rows = [*found, *(_failure(error) for error in failed)]
        _write_json(rows[0] if len(visits) == 1 else rows)
    else:
        _write(found, gpu_bytes)
    codes = [EXIT_CODES[one.verdict] for one in found] + [error.exit_code for error in failed]
    return max(codes, key=_worse, default=0)


def _visit(
    args: argparse.Namespace, url: str | None, configs: list[Config], gpu_bytes: int | None
) -> Visit:
    witness = None
    if args.witness:
        witness = Witness(args.witness, read_token(None, args.witness_token_env))
    return Visit(
        url=url,
        model=args.model,
        expected=args.expect,
        api_key=_key(args, url),
        witness=witness,
        depth=args.depth,
        configs=tuple(configs),
        turns=recorded_turns(args.run) if args.run else (),
        log=args.log,
        gpu_bytes=gpu_bytes,
        what_if=args.what_if,
    )


def _key(args: argparse.Namespace, url: str | None) -> str | None:
    """The key for `url`; a server that only a file names, or that was found, is not shown it."""
    named = read_token(None, args.api_key_env)
    return (named or os.environ.get("SEATRIAL_API_KEY")) if url == args.url else None


def _urls(args: argparse.Namespace, configs: list[Config]) -> list[str | None]:
    """Where to ask: what the files name, or what listens here."""
    if configs or args.what_if:
        return [*_named(configs, allowed=args.yes)] or [None]
    sys.stderr.write("looks for servers on this machine\n")
    servers = [one for one in asyncio.run(discover()) if one.family is not None]
    if not servers:
        raise EngineError(
            "no model server listens on this machine's usual ports",
            hint="give its URL: seatrial doctor http://127.0.0.1:PORT",
        )
    for one in servers:
        title = one.family.title if one.family is not None else ""
        sys.stderr.write(f"found {title} at {one.candidate.url}\n")
    return [one.candidate.url for one in servers]


def _named(configs: list[Config], *, allowed: bool) -> list[str]:
    """URLs in client settings; another machine is touched only with permission."""
    found = []
    for one in configs:
        if isinstance(one, ClientConfig) and one.base_url is not None:
            url = str(one.base_url.value).rstrip("/").removesuffix("/v1")
            if url in found or not url.startswith(("http://", "https://")):
                continue
            if _loopback(url) or allowed or _agreed(url):
                found.append(url)
    return found


def _agreed(url: str) -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        sys.stderr.write(f"not asked: {url} is another machine; --yes allows it\n")
        return False
    sys.stderr.write(f"{url} is another machine. Ask it about twenty small questions? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _card_bytes(text: str | None) -> int | None:
    if text is None:
        found = [card.memory_mib for card in cards() or () if card.memory_mib is not None]
        return max(found) * 1024**2 if found else None
    size = _SIZE.fullmatch(text.strip())
    if size is None:
        raise UserError(f"--gpu {text}: not a size", hint="such as 24G or 16384M")
    unit = 1024**2 if (size[2] or "G").upper() == "M" else 1024**3
    return int(float(size[1]) * unit)


def _step(url: str | None) -> OnStep:
    def say(text: str) -> None:
        if url is not None:
            sys.stderr.write(f"{text}\n")

    return say


def _failure(error: SeatrialError) -> dict[str, str | None]:
    """What `--json` shows of a server that could not be examined."""
    return {"error": error.message, "hint": error.hint}


def _write_json(rows: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(rows) + b"\n")
    sys.stdout.buffer.flush()


def _write(found: list[Examination], gpu_bytes: int | None) -> None:
    color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    sys.stdout.write("\n".join(examination_text(one, gpu_bytes=gpu_bytes, color=color)
                               for one in found))  # fmt: skip


def _worse(code: int) -> int:
    """Not attested before faulty before unreachable before inconclusive."""
    return {0: 0, 2: 1, _UNREACHABLE: 2, 1: 3, 3: 4}.get(code, 2)
