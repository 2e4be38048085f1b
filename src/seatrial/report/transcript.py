"""A trial's trace as blocks to read, with the quoted evidence marked in place.

In: an attempt's folder and its findings. Out: blocks of marked text. Nothing is reworded; what
is too long is cut, between the marks and inside a long one, and says how much was left out. A
trace that breaks ends in a block that says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from seatrial.core import trace as events
from seatrial.core.errors import SeatrialError
from seatrial.core.evidence import Place
from seatrial.core.trace import TraceEvent
from seatrial.diagnose import ModeFinding
from seatrial.report.visible import one_line
from seatrial.store import read_events

MAX_PART_CHARS = 2_400
"""A longer text is shown with its marks and with the head and tail of what is between them."""
_KEEP = 700


class Segment(msgspec.Struct, frozen=True):
    """A piece of verbatim text; `mode` is the failure mode that it is evidence of."""

    text: str
    mode: str = ""
    note: bool = False
    """Our words (how much was left out), not the trace's."""


class Block(msgspec.Struct, frozen=True):
    """One step of a transcript."""

    kind: str
    title: str
    segments: tuple[Segment, ...]


Marks = dict[tuple[int, str], list[tuple[int, int, str]]]
"""(line, JSON pointer) -> start, end, mode."""


def transcript(folder: Path, findings: Sequence[ModeFinding]) -> list[Block]:
    """The blocks of the trial in `folder`, in order, as far as the trace can be read."""
    marks = _marks(findings)
    blocks: list[Block] = []
    new: set[str] = set()
    try:
        for line, event in enumerate(read_events(folder), start=1):
            blocks.extend(_repeated(event, new))
            blocks.extend(_blocks(event, line, marks))
    except (SeatrialError, OSError) as error:
        blocks.append(Block("fault", "the trace cannot be read further", _plain(str(error))))
    return blocks


def _repeated(event: TraceEvent, new: set[str]) -> Iterator[Block]:
    """A reply that was on the trace before: a message is stored once, but was said again."""
    match event:
        case events.Request():
            new.clear()
        case events.MessageEvent():
            new.add(event.digest)
        case events.Response() if event.message not in new:
            yield Block("assistant", "assistant, the same words as before", ())


def _marks(findings: Sequence[ModeFinding]) -> Marks:
    marks: Marks = defaultdict(list)
    for finding in findings:
        for item in finding.evidence:
            if item.file.startswith("events.jsonl"):
                place = Place.parse(item.where)
                marks[place.line, place.pointer or ""].append((place.start, place.end, finding.id))
    return marks


def _blocks(event: TraceEvent, line: int, marks: Marks) -> Iterator[Block]:
    match event:
        case events.MessageEvent(role="tool"):
            return
        case events.MessageEvent():
            yield from _message(event, line, marks)
        case events.Response():
            # The raw text says more than the message where we could not read it as it stood.
            if event.verdict in ("reask", "repaired") or (line, "/raw") in marks:
                reason = f": {one_line(event.reason)}" if event.reason else ""
                title = f"raw text ({event.verdict}{reason})"
                yield Block("raw", title, _marked(event.raw, marks.get((line, "/raw"), [])))
        case events.Tool():
            ended = "killed" if event.exit is None else f"exit {event.exit}"
            title = f"result ({ended}, {event.seconds:.2f} s)"
            yield Block("tool", title, _marked(event.output, marks.get((line, "/output"), [])))
        case events.Guard():
            marked = _marked(event.finding, marks.get((line, "/finding"), []))
            yield Block("guard", f"guard rule {event.rule}: {event.action}", marked)
        case events.Fault():
            marked = _marked(event.message, marks.get((line, "/message"), []))
            yield Block("fault", f"fault ({event.boundary}, {one_line(event.type)})", marked)
        case events.Oracle():
            title = f"oracle: reward {event.reward}" if event.reward is not None else "oracle"
            yield Block("oracle", title, _marked(event.output, marks.get((line, "/output"), [])))
        case events.End():
            yield Block("end", f"ended: {event.ended}, verified: {event.verified}", ())


def _message(event: events.MessageEvent, line: int, marks: Marks) -> Iterator[Block]:
    if event.think:
        yield Block("think", "thinks", _marked(event.think, marks.get((line, "/think"), [])))
    if event.text or not event.calls:
        marked = _marked(event.text, marks.get((line, "/text"), []))
        yield Block(event.role, event.role, marked)
    for index, call in enumerate(event.calls):
        found = marks.get((line, f"/calls/{index}/arguments"), [])
        found = found or _whole(call.arguments, marks.get((line, f"/calls/{index}/name"), []))
        repaired = f", repaired: {', '.join(call.repairs)}" if call.repairs else ""
        title = f"calls {one_line(call.name)}{repaired}"
        yield Block("call", title, _marked(call.arguments, found))


def _whole(text: str, marks: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    return [(0, len(text), mode) for _, _, mode in marks[:1]]


def _plain(text: str) -> tuple[Segment, ...]:
    return (Segment(text),) if text else ()


def _marked(text: str, marks: Sequence[tuple[int, int, str]]) -> tuple[Segment, ...]:
    """`text` in segments, marks highlighted, long stretches without a mark cut."""
    segments: list[Segment] = []
    at = 0
    for start, end, mode in sorted(marks, key=lambda mark: (mark[0], -mark[1])):
        # Of two marks that overlap, the second shows as far as it goes beyond the first.
        start = max(start, at)
        if end <= start:
            continue
        segments.append(Segment(text[at:start]))
        segments.append(Segment(text[start:end], mode))
        at = end
    segments.append(Segment(text[at:]))
    if len(text) > MAX_PART_CHARS:
        segments = [piece for segment in segments for piece in _cut(segment)]
    return tuple(segment for segment in segments if segment.text)


def _cut(segment: Segment) -> list[Segment]:
    left_out = len(segment.text) - 2 * _KEEP
    if left_out <= 0:
        return [segment]
    return [
        Segment(segment.text[:_KEEP], segment.mode),
        Segment(f" … {left_out} characters left out … ", note=True),
        Segment(segment.text[-_KEEP:], segment.mode),
    ]
