"""Server-sent events: bytes in, events out, each with the bytes that it came from.

Incremental: the events do not depend on how the bytes were cut up. Lines end in LF, CRLF or CR;
a CR at the very end of what has come is held back until the next byte tells whether it is half
of a CRLF. Joined, the `raw` of all events and of `rest` is the input, byte for byte, so a proxy
can pass a stream on unchanged.

Not a transport and not a judge: what the data means, and whether the stream ended as its
protocol says, is the wire's business.

In: chunks of bytes. Out: `SseEvent`s.
"""

from __future__ import annotations

import msgspec

from seatrial.core.errors import FormatError

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""The last event of llama.cpp's `/completion` repeats the whole prompt, so this is generous."""

_BOM = b"\xef\xbb\xbf"


class SseEvent(msgspec.Struct, frozen=True, gc=False):
    """One dispatched event."""

    data: bytes
    raw: bytes
    """Every byte since the previous event: comments, blank lines and terminators included."""
    name: str = ""
    """The `event` field. `error` also for an `error: ...` line, which older llama.cpp sends."""
    id: str = ""


class SseDecoder:
    """Decodes one stream; make a new one for each response."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._limit = max_event_bytes
        self._partial: list[bytes] = []
        self._partial_bytes = 0
        self._held_cr = False
        self._raw: list[bytes] = []
        self._raw_bytes = 0
        self._data: list[bytes] = []
        self._name = ""
        self._id = ""
        self._started = False

    @property
    def rest(self) -> bytes:
        """Bytes that belong to no event so far."""
        return b"".join(self._raw) + b"".join(self._partial)

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """The events that `chunk` completes.

        Raises:
            FormatError: an event is larger than the bound.
        """
        if not chunk:
            return []
        if not self._held_cr and b"\n" not in chunk and b"\r" not in chunk:
            # Pieces of a long line are joined once, at its end: linear however it is cut.
            self._hold(chunk)
            return []
        lines = b"".join((*self._partial, chunk)).splitlines(keepends=True)
        self._partial.clear()
        self._partial_bytes = 0
        last = b"" if lines[-1].endswith(b"\n") else lines.pop()
        events = self._lines(lines)
        if last:
            self._hold(last)
        self._held_cr = last.endswith(b"\r")
        return events

    def finish(self) -> list[SseEvent]:
        """The events that the end of the stream completes.

        A last event without its blank line is given, not dropped: servers leave it out.
        """
        lines = b"".join(self._partial).splitlines(keepends=True)
        self._partial.clear()
        self._partial_bytes = 0
        self._held_cr = False
        events = self._lines(lines)
        if self._data:
            events.append(self._dispatch())
        return events

    def _lines(self, lines: list[bytes]) -> list[SseEvent]:
        events: list[SseEvent] = []
        for line in lines:
            self._raw.append(line)
            self._raw_bytes += len(line)
            self._check(self._raw_bytes)
            content = line.rstrip(b"\r\n")
            if not self._started:
                self._started = True
                content = content.removeprefix(_BOM)
            if content:
                self._field(content)
            elif self._data:
                events.append(self._dispatch())
            else:
                self._name = ""
        return events

    def _field(self, line: bytes) -> None:
        if line.startswith(b"data: "):
            self._data.append(line[6:])
            return
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")
        elif field == b"id" and b"\0" not in value:
            self._id = value.decode("utf-8", "replace")
        elif field == b"error":
            self._name = "error"
            self._data.append(value)

    def _dispatch(self) -> SseEvent:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        event = SseEvent(data, b"".join(self._raw), self._name, self._id)
        self._data.clear()
        self._raw.clear()
        self._raw_bytes = 0
        self._name = ""
        return event

    def _hold(self, piece: bytes) -> None:
        self._partial.append(piece)
        self._partial_bytes += len(piece)
        self._check(self._raw_bytes + self._partial_bytes)

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise FormatError(f"one event of the stream is larger than {self._limit:,} bytes")
