"""Finds the command, runs it, and turns its errors into one line, a hint and an exit code.

A command's module is imported only when that command is named, so that `--help` stays quick.
Data goes to stdout, talk to stderr. In: argv. Out: an exit code.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from typing import NamedTuple, Protocol

import seatrial
from seatrial.cli.options import reader_left
from seatrial.core.errors import Boundary, SeatrialError, attribute

EXIT_USAGE = 64
EXIT_INTERRUPTED = 130


class Command(NamedTuple):
    """One command: its module holds `configure(parser)` and `run(args) -> int`."""

    name: str
    module: str
    summary: str


COMMANDS: tuple[Command, ...] = (
    Command("demo", "demo", "the whole loop on the embedded engine: run, diagnose, report"),
    Command("doctor", "doctor", "what is really running, is it right, what to change"),
    Command("run", "run", "run a suite on one or more arms"),
    Command("resume", "resume", "finish a run that was interrupted"),
    Command("serve", "serve", "start a model under our eye, attested"),
    Command(
        "gateway", "gateway", "put a proxy in front of a server: any client, repaired and bounded"
    ),
    Command("client", "client", "set up a client of yours: what to add to it, removable"),
    Command("attest", "attest", "say what a server really serves"),
    Command("witness", "witness", "tell attest elsewhere what is served on this machine"),
    Command("lint", "lint", "check settings of servers and clients for known mistakes"),
    Command("diagnose", "diagnose", "explain the failures of runs, with quoted evidence"),
    Command("parse", "parse", "read what models wrote: calls, repairs, verdicts"),
    Command("suite", "suite", "make and check tasks"),
    Command("runs", "runs", "list the runs"),
    Command("show", "show", "show a run, or one of its trials"),
    Command("report", "report", "write the HTML report of a run"),
    Command("reindex", "reindex", "rebuild the index from the run folders"),
    Command("models", "models", "list the models that ship with the package"),
)


class CommandModule(Protocol):
    """What a command's module offers."""

    def configure(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace) -> int: ...


class _Parser(argparse.ArgumentParser):
    """Reports usage errors in our form and with our exit code."""

    def error(self, message: str) -> None:  # type: ignore[override]
        _say(f"error: {message}")
        _say(f"hint: {self.prog} --help")
        raise SystemExit(EXIT_USAGE)


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit code and never raises for what a person can mend."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help", "help"):
        sys.stdout.write(overview())
        return 0 if words else EXIT_USAGE
    if words[0] in ("-V", "--version"):
        sys.stdout.write(f"seatrial {seatrial.__version__}\n")
        return 0
    command = next((c for c in COMMANDS if c.name == words[0]), None)
    if command is None:
        _say(f"error: no such command: {words[0]}")
        _say(f"hint: {_nearest(words[0])}")
        return EXIT_USAGE
    try:
        return _run(command, words[1:])
    except SystemExit as stop:
        if stop.code is None:
            return 0
        return stop.code if isinstance(stop.code, int) else 1


def overview() -> str:
    """The text of `seatrial --help`."""
    width = max(len(command.name) for command in COMMANDS)
    lines = [
        "usage: seatrial COMMAND ...",
        "",
        "Makes local open-weight models work as coding agents, and proves it.",
        "",
        *(f"  {command.name:<{width}}  {command.summary}" for command in COMMANDS),
        "",
        "`seatrial COMMAND --help` says more. Start with `seatrial demo`.",
    ]
    return "\n".join(lines) + "\n"


def parser_for(command: Command) -> argparse.ArgumentParser:
    """The argument parser of one command."""
    parser = _Parser(prog=f"seatrial {command.name}", description=f"{command.summary}.")
    _module(command).configure(parser)
    return parser


def _run(command: Command, words: list[str]) -> int:
    try:
        module, parser = _module(command), parser_for(command)
        # A command that passes words on to another program reads them itself.
        read = getattr(module, "read_words", None)
        args = read(parser, words) if read is not None else parser.parse_args(words)
        code = module.run(args)
        # Here and not when the interpreter ends, where a reader that left is a traceback.
        sys.stdout.flush()
        return code
    except SeatrialError as error:
        return _fail(error)
    except KeyboardInterrupt:
        _say("interrupted")
        return EXIT_INTERRUPTED
    except Exception as error:
        if isinstance(error, BrokenPipeError) and reader_left():
            return 0
        if os.environ.get("SEATRIAL_TRACEBACK"):
            raise
        return _fail(attribute(error, Boundary.HARNESS, f"seatrial {command.name}"), bug=True)


def _module(command: Command) -> CommandModule:
    module: CommandModule = importlib.import_module(f"seatrial.cli.{command.module}")
    return module


def _fail(error: SeatrialError, *, bug: bool = False) -> int:
    _say(f"error: {error.message}")
    hint = error.hint
    if bug and error.boundary is Boundary.HARNESS:
        hint = "this is a fault of seatrial; SEATRIAL_TRACEBACK=1 shows where"
    if hint:
        _say(f"hint: {hint}")
    return error.exit_code


def _nearest(word: str) -> str:
    import difflib

    names = [command.name for command in COMMANDS]
    close = difflib.get_close_matches(word, names, n=1)
    return f"did you mean {close[0]}?" if close else "seatrial --help lists the commands"


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
