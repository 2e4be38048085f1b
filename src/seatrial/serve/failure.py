"""Why an engine did not start, read from its own log.

The engine says "Failed to init server" whatever went wrong; only its log tells a missing model
from a taken port or a full memory. In: the log of one start and the exit code. Out: an error of
the right class that quotes the telling line. Adding a sign is adding one row.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from seatrial.core.errors import EngineError, InfraError, SeatrialError, UserError

MAX_LOG_BYTES = 64 * 1024
MAX_QUOTE_CHARS = 300

_STAMP = re.compile(r"^[\d.]+ (?P<level>[A-Z]) +(?P<text>.*)$")


class _Sign(msgspec.Struct, frozen=True):
    """A line that tells, and what it means."""

    pattern: str
    error: type[SeatrialError]
    meaning: str
    hint: str


_SIGNS = (
    _Sign(
        r"couldn't bind",
        UserError,
        "the port is taken",
        "give another port, or 0 for any free one",
    ),
    _Sign(
        r"bad_alloc|out of memory|failed to allocate|unable to allocate|cannot allocate",
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
        r"unknown (model architecture|pre-tokenizer|tokenizer)",
        UserError,
        "the engine does not know this kind of model",
        "install a newer engine: pip install -U xllamacpp",
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


def start_failure(log: Path, offset: int, exit_code: int) -> SeatrialError:
    """The error for an engine that ended with `exit_code` before it was ready."""
    lines = _lines(log, offset)
    for sign in _SIGNS:
        line = _first(lines, sign.pattern)
        if line is not None:
            return sign.error(f"the engine did not start: {sign.meaning}: {line}", hint=sign.hint)
    if exit_code < 0:
        return InfraError(
            f"the engine was killed by signal {-exit_code} while it started",
            hint="signal 9 is mostly the machine running out of memory",
        )
    last = _last_complaint(lines) or f"exit code {exit_code}"
    return EngineError(f"the engine did not start: {last}", hint=f"its log is {log}")


def start_timeout(log: Path, offset: int, seconds: float) -> SeatrialError:
    """The error for an engine that was not ready in time."""
    lines = _lines(log, offset)
    last = f"; it last said: {_quoted(lines[-1])}" if lines else ""
    return EngineError(
        f"the engine was not ready after {seconds:g} s{last}",
        hint="a large model on a slow disk needs longer: raise the start timeout",
    )


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
    for line in reversed(lines):
        stamp = _STAMP.match(line)
        if stamp is None or stamp["level"] == "E":
            return _quoted(line)
    return None


def _quoted(line: str) -> str:
    stamp = _STAMP.match(line)
    return " ".join((stamp["text"] if stamp else line).split())[:MAX_QUOTE_CHARS]
