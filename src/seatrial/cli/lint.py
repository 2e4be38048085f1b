"""`seatrial lint`: check the settings of servers and clients against what is known to go wrong."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from seatrial.cli.options import add_json
from seatrial.core.errors import UserError
from seatrial.report.findings import findings_text, not_checked_text, summary
from seatrial.serve.facts import ServerFacts
from seatrial.serve.lint.diff import patch
from seatrial.serve.lint.load import KINDS, read_command, read_configs
from seatrial.serve.lint.model_files import read_headers
from seatrial.serve.lint.rule import Report, Rule, Severity, lint, registered
from seatrial.serve.lint.subject import ClientConfig, ServerConfig, Subject

_EPILOG = f"""\
reads {KINDS}.
Exit code: 0 = no error found, 1 = errors found, 64 = wrong usage.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="a configuration")
    parser.add_argument(
        "--command",
        action="append",
        default=[],
        metavar="TEXT",
        help='a command line, such as "llama-server -m model.gguf -c 32768"',
    )
    parser.add_argument("--url", help="a running server: its facts are checked too")
    parser.add_argument("--model", metavar="ID", help="the model that the client asks for")
    parser.add_argument("--fix", action="store_true", help="only a diff that mends what it can")
    parser.add_argument("--rule", action="append", default=[], metavar="ID", help="only this rule")
    parser.add_argument(
        "--off", action="append", default=[], metavar="ID", help="without this rule"
    )
    parser.add_argument("--list", action="store_true", help="list the rules, then end")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    rules = _chosen(args.rule, args.off)
    if args.list:
        return _list(rules, as_json=args.json)
    if not (args.files or args.command or args.url):
        raise UserError(
            "nothing to check",
            hint='name a configuration file, or --command "llama-server …", or --url URL',
        )
    subject = _subject(args)
    report = lint(subject, rules)
    if args.fix:
        return _fix(report)
    if args.json:
        sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
    else:
        color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        sys.stdout.write(findings_text(report.findings, color=color))
        sys.stdout.write(summary(report.findings, len(report.checked)))
        sys.stdout.write(not_checked_text(report.not_checked, asked=args.url is not None))
    return _code(report)


def _subject(args: argparse.Namespace) -> Subject:
    configs = read_configs(args.files, dict(os.environ))
    configs += [read_command(text) for text in args.command]
    facts = asyncio.run(_facts(args.url, args.model)) if args.url else None
    servers = [one for one in configs if isinstance(one, ServerConfig)]
    headers, notes = read_headers(servers, here=Path.cwd())
    for note in notes:
        sys.stderr.write(f"note: {note}\n")
    if facts is not None and facts.command is not None and not servers:
        # A server that was started by something else has no command line that lint could read.
        with suppress(UserError):
            servers.append(read_command(facts.command.value))
    return Subject(
        servers=tuple(servers),
        clients=tuple(one for one in configs if isinstance(one, ClientConfig)),
        facts=facts,
        headers=headers,
        asked=args.model,
    )


async def _facts(url: str, model: str | None) -> ServerFacts:
    from seatrial.serve.families import read_facts

    return await read_facts(url, model=model)


def _chosen(only: list[str], off: list[str]) -> list[Rule]:
    rules = registered()
    known = {rule.id for rule in rules}
    for id_ in (*only, *off):
        if id_ not in known:
            raise UserError(f"no rule {id_}", hint="`seatrial lint --list` lists them")
    return [rule for rule in rules if (not only or rule.id in only) and rule.id not in off]


def _list(rules: list[Rule], *, as_json: bool) -> int:
    if as_json:
        rows = [
            {"id": one.id, "severity": one.severity, "title": one.title, "why": one.why,
             "needs": one.needs, "source": one.source}
            for one in rules
        ]  # fmt: skip
        sys.stdout.buffer.write(msgspec.json.encode(rows) + b"\n")
    else:
        sys.stdout.writelines(f"{one.id:5} {one.severity.value:8} {one.title}\n" for one in rules)
    return 0


def _fix(report: Report) -> int:
    """The diff on stdout, and what is not in it on stderr."""
    made = patch(report.findings)
    sys.stdout.write(made.text)
    if made.text:
        elsewhere = "" if made.folder == str(Path.cwd()) else f" -d {made.folder}"
        sys.stderr.write(f"apply it with: seatrial lint … --fix | patch -p0{elsewhere}\n")
    for reason in made.skipped:
        sys.stderr.write(f"left out: {reason}\n")
    by_hand = sum(one.edit is None for one in report.findings)
    if by_hand:
        sys.stderr.write(f"to be done by hand: {by_hand}, see `seatrial lint` without --fix\n")
    return _code(report)


def _code(report: Report) -> int:
    return int(any(one.severity is Severity.ERROR for one in report.findings))
