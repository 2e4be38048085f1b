"""Traces on disk: the writer that appends events, and the readers that stream them back.

A trace belongs to one attempt and is written once: an attempt that died is never reopened, the
next one gets its own folder. While open it is plain `events.jsonl`, one write an event; `close`
compacts it. Nothing here decides what an event means.

In: events and messages. Out: files; from files, events or raw lines with their line numbers, in
memory that does not grow with the trace.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from seatrial.core.errors import FormatError, HarnessError
from seatrial.core.message import Message
from seatrial.core.schema import TRACE_VERSION, check_version
from seatrial.core.trace import Begin, MessageEvent, TraceEvent
from seatrial.store.appendlog import AppendLog
from seatrial.store.files import DECODING_ERRORS
from seatrial.store.frames import (
    FRAME_LINES,
    PACKED,
    PLAIN,
    compact,
    open_trace,
    reading,
    trace_file,
)

MAX_LINE_BYTES = 64 << 20
"""Longest line that is written or read: a compressed file must not fill the memory."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(TraceEvent).decode

E = TypeVar("E", bound=TraceEvent)


class _Head(msgspec.Struct):
    kind: str = ""
    schema_version: int = TRACE_VERSION


class TraceWriter:
    """Appends the events of one attempt. For one thread."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin a trace in `folder`, which exists and has none.

        Raises:
            HarnessError: a trace is there already.
            InfraError: the file cannot be made.
        """
        if (folder / PACKED).exists():
            raise HarnessError(f"{folder / PACKED} is there already")
        self.folder = folder
        self._clock = clock
        self._start_seconds = clock()
        self._seq = 0
        self._messages: set[str] = set()
        self._log: AppendLog | None = AppendLog(folder / PLAIN, exclusive=True)
        self._resting = False

    def emit(self, cls: type[E], *, turn: int, **fields: Any) -> E:  # noqa: ANN401 - checked below, by decoding
        """Write one event; `seq` and `t` are filled in, and the version on `Begin`.

        Raises:
            InfraError: the disk is full or broken; the trace so far stays whole and readable, and
                `seq` does not advance, so the writer can go on when there is space again.
            HarnessError: the event would not read back (a wrong type, a lone surrogate), is not
                the `Begin` that a trace starts with, or comes after `close`.
        """
        if cls is Begin:
            fields.setdefault("schema_version", TRACE_VERSION)
        elif self._seq == 0:
            raise HarnessError(f"a trace starts with Begin, not {cls.__name__}")
        if self._log is None:
            raise HarnessError(f"the trace in {self.folder} is closed")
        if self._resting:
            self._log, self._resting = AppendLog(self._log.path), False
        seconds = round(self._clock() - self._start_seconds, 6)
        event: E = cls(seq=self._seq, t=seconds, turn=turn, **fields)
        self._log.append(_line(event))
        self._seq += 1
        return event

    def message(self, message: Message, turn: int) -> str:
        """Write `message` unless it is on the trace already; the digest that names it.

        Raises:
            InfraError, HarnessError: as `emit`.
        """
        digest = message.digest
        if digest not in self._messages:
            self.emit(
                MessageEvent,
                turn=turn,
                digest=digest,
                role=message.role,
                text=message.text,
                think=message.think,
                calls=message.calls,
                call_id=message.call_id,
            )
            self._messages.add(digest)
        return digest

    def rest(self) -> None:
        """Hold no file open until the next event."""
        if self._log is not None:
            self._log.close()
            self._resting = True

    def close(self) -> tuple[int, ...]:
        """End the trace and compact it: where each frame begins. Again is harmless.

        Raises:
            InfraError: the compaction failed; the plain trace stays and is complete.
        """
        if self._log is not None:
            log, self._log = self._log, None
            try:
                if self._resting:
                    log = AppendLog(log.path)
                log.sync()
            finally:
                log.close()
        return compact(self.folder)


class TraceReader(Iterator[TraceEvent]):
    """The events of a trace, one after the other."""

    def __init__(self, path: Path) -> None:
        """Read the trace file `path`, or the one in the folder `path`.

        Raises:
            FormatError: no trace is there.
        """
        self.line = 0
        """Line of the event that was read last, from 1."""
        self._lines = _Lines(path)

    @property
    def torn(self) -> bool:
        """Whether the trace ends inside a line, as a kill leaves it; known at the end."""
        return self._lines.torn

    def __next__(self) -> TraceEvent:
        self.line, data = next(self._lines)
        where = f"{self._lines.file} line {self.line}"
        try:
            if self.line == 1:
                _check_head(msgspec.json.decode(data, type=_Head), where)
            event: TraceEvent = _decode(data)
        except DECODING_ERRORS as error:
            raise FormatError(f"{where}: {error}") from error
        if event.seq != self.line - 1:
            raise FormatError(f"{where}: event {event.seq} where {self.line - 1} was due")
        return event


def read_events(path: Path) -> TraceReader:
    """The events of the trace file `path`, or of the one in the folder `path`, as an iterator.

    The iterator raises `FormatError` with the line number at a broken line in the middle, at a
    gap in `seq`, and at a trace of a newer Seatrial. A torn last line is only reported, as `torn`.

    Raises:
        FormatError: no trace is there.
    """
    return TraceReader(path)


def read_lines(path: Path, first: int = 1) -> Iterator[tuple[int, str]]:
    """The raw lines of a trace from line `first` on, each with its number; a torn one is left out.

    Frames before `first` are skipped without unpacking them.

    Raises:
        FormatError: no trace is there; later, a line is not UTF-8 or the frames are broken.
    """
    lines = _Lines(path, first)
    return (_as_text(number, data, lines.file) for number, data in lines)


def read_line(path: Path, number: int) -> str:
    """Line `number` of a trace, from 1: what a place in evidence points into.

    Raises:
        FormatError: no such trace or line.
    """
    for _, text in read_lines(path, first=number):
        return text
    raise FormatError(f"{path}: no line {number}")


class _Lines(Iterator[tuple[int, bytes]]):
    """Whole lines with their numbers; a torn last one sets `torn` instead."""

    def __init__(self, path: Path, first: int = 1) -> None:
        self.file = trace_file(path)
        self.torn = False
        self._stream = self._read(max(1, first))

    def __next__(self) -> tuple[int, bytes]:
        return next(self._stream)

    def _read(self, first: int) -> Iterator[tuple[int, bytes]]:
        # Frames hold FRAME_LINES lines each because `compact` is the one writer of such files.
        frame = (first - 1) // FRAME_LINES if self.file.suffix == ".zst" else 0
        number = frame * FRAME_LINES
        with reading(self.file), open_trace(self.file, frame) as stream:
            while data := stream.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(data) > MAX_LINE_BYTES:
                    raise FormatError(f"{self.file} line {number}: over {MAX_LINE_BYTES} bytes")
                if not data.endswith(b"\n") and not _is_json(data):
                    self.torn = True
                elif number >= first:
                    yield number, data.removesuffix(b"\n")


def _line(event: TraceEvent) -> bytes:
    """`event` as a line that is known to read back: a poisoned line would cost the whole trace."""
    try:
        data = _encode(event)
        _decode(data)
    except (*DECODING_ERRORS, UnicodeEncodeError, TypeError) as error:
        raise HarnessError(f"event {type(event).__name__} cannot be written: {error}") from error
    if len(data) >= MAX_LINE_BYTES:
        raise HarnessError(f"event {type(event).__name__} is over {MAX_LINE_BYTES} bytes")
    return data


def _check_head(head: _Head, where: str) -> None:
    if head.kind == "begin":
        check_version(head.schema_version, TRACE_VERSION, where)


def _is_json(data: bytes) -> bool:
    """Whether a last line without newline is whole: no object stays one when it is cut."""
    try:
        msgspec.json.decode(data)
    except DECODING_ERRORS:
        return False
    return True


def _as_text(number: int, data: bytes, file: Path) -> tuple[int, str]:
    try:
        return number, data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"{file} line {number}: {error}") from error
