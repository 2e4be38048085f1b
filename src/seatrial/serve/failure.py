"""Why an engine did not start, read from its own log.

An engine says "Failed to init server" whatever went wrong; only its log tells a missing model
from a taken port or a full memory. In: the log of one start and the exit code. Out: an error of
the right class that quotes the telling line, or the last ones. Adding a sign is adding one row.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from seatrial.core.errors import EngineError, InfraError, SeatrialError, UserError

MAX_LOG_BYTES = 64 * 1024
MAX_QUOTE_CHARS = 300

LAST_LINES = 3
"""Quoted where no single line tells."""

_STAMP = re.compile(r"^[\d.]+ (?P<level>[A-Z]) +(?P<text>.*)$")
_COMPLAINS = re.compile(r"\b(?:\w*(?:Error|Exception)|error|ERROR|fatal|FATAL)\b")


class _Sign(msgspec.Struct, frozen=True):
    """A line that tells, and what it means."""

    pattern: str
    error: type[SeatrialError]
    meaning: str
    hint: str


_SIGNS = (
    _Sign(
        r"couldn't bind|address already in use",
        UserError,
        "the port is taken",
        "give another port, or 0 for any free one",
    ),
    _Sign(
        r"bad_alloc|out of memory|failed to allocate|unable to allocate|cannot allocate"
        r"|no available memory for the cache blocks",
        InfraError,
        "not enough memory",
        "a smaller window, fewer slots or a smaller model needs less",
    ),
    _Sign(
        r"lora adapter",
        UserError,
        "the adapter does not fit the model",
        "an adapter works only on the model that it was trained on",
    ),
    _Sign(
        r"unknown (model architecture|pre-tokenizer|tokenizer)"
        r"|model type .* not supported|model architectures .* are not supported",
        UserError,
        "the engine does not know this kind of model",
        "install a newer engine: pip install -U xllamacpp, or a newer release of your own one",
    ),
    _Sign(
        r"invalid argument: -|error while handling argument|unrecognized arguments"
        r"|unrecognised option|no such option",
        UserError,
        "it does not take an argument",
        "see its own --help; names of arguments change between releases",
    ),
    _Sign(
        r"no module named|cannot open shared object|error while loading shared libraries",
        UserError,
        "the program is not installed completely",
        "install it again, or give another one with --program PATH",
    ),
    _Sign(
        r"repository not found|gated repo|is not a local folder|couldn't connect to .*hugging",
        UserError,
        "the repository of the model cannot be read",
        "give a model folder on this machine, or check the name and your access to it",
    ),
    _Sign(
        r"failed to open GGUF|error loading model|invalid magic",
        UserError,
        "the model cannot be loaded",
        "check the file: its header can be read, its content not",
    ),
    _Sign(
        r"embedded engine is not installed",
        UserError,
        "the embedded engine is not installed",
        "pip install 'seatrial[embedded]'",
    ),
)


def start_failure(
    log: Path, offset: int, exit_code: int, program: str = "the engine"
) -> SeatrialError:
    """The error for an engine that ended with `exit_code` before it was ready."""
    lines = _lines(log, offset)
    for sign in _SIGNS:
        line = _first(lines, sign.pattern)
        if line is not None:
            return sign.error(f"{program} did not start: {sign.meaning}: {line}", hint=sign.hint)
    if exit_code < 0:
        return InfraError(
            f"{program} was killed by signal {-exit_code} while it started",
            hint="signal 9 is mostly the machine running out of memory",
        )
    last = _last_complaint(lines) or f"exit code {exit_code}"
    return EngineError(f"{program} did not start: {last}", hint=f"its log is {log}")


def start_timeout(log: Path, offset: int, seconds: float) -> SeatrialError:
    """The error for an engine that was not ready in time."""
    lines = _lines(log, offset)
    last = f"; it last said: {_quoted(lines[-1])}" if lines else ""
    return EngineError(
        f"the engine was not ready after {seconds:g} s{last}",
        hint="a large model on a slow disk needs longer: raise the start timeout",
    )


def complaint(log: Path, offset: int) -> str:
    """The line that says best what is wrong; the last one where none does, or nothing."""
    lines = _lines(log, offset)
    for sign in _SIGNS:
        line = _first(lines, sign.pattern)
        if line is not None:
            return line
    return next((_quoted(line) for line in reversed(lines) if _COMPLAINS.search(line)), "")


def last_line(log: Path, offset: int) -> str:
    """What the engine said last; empty when nothing."""
    lines = _lines(log, offset)
    return _quoted(lines[-1]) if lines else ""


def _lines(log: Path, offset: int) -> list[str]:
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(offset, file.tell() - MAX_LOG_BYTES))
            text = file.read(MAX_LOG_BYTES).decode("utf-8", "replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()]


def _first(lines: list[str], pattern: str) -> str | None:
    for line in lines:
        if re.search(pattern, line, re.IGNORECASE):
            return _quoted(line)
    return None


def _last_complaint(lines: list[str]) -> str | None:
    """The last error; without any, the last lines as they are."""
    for line in reversed(lines):
        stamp = _STAMP.match(line)
        if stamp["level"] == "E" if stamp else _COMPLAINS.search(line):
            return _quoted(line)
    return " / ".join(_quoted(line) for line in lines[-LAST_LINES:]) or None


def _quoted(line: str) -> str:
    stamp = _STAMP.match(line)
    return " ".join((stamp["text"] if stamp else line).split())[:MAX_QUOTE_CHARS]
