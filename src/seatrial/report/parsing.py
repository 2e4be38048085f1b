"""One parsed turn, explained to a person: what was seen, what was repaired, and why.

In: the raw turn and its `Parsed`. Out: text for a terminal.
"""

from __future__ import annotations

import textwrap

from seatrial.core.message import Call
from seatrial.toolcalls import REPAIRS, Parsed

_SOURCES = {
    "envelope": "in its envelope",
    "orphan": "without its opening tag",
    "loose": "without any envelope, at the end of the turn",
    "reasoning": "at the end of reasoning that was never closed",
    "native": "parsed by the server",
}
_VERDICTS = {
    "ok": "ok: read as it stands",
    "repaired": "repaired: executed after the changes below",
    "reask": "reask: not certain, the model is asked again",
    "no_call": "no_call: plain text",
}
_SHOWN_LINES = 12


def explained(id: object, raw: str, parsed: Parsed) -> str:
    """The explanation of one turn, ending in a blank line."""
    dialect = f" ({parsed.dialect})" if parsed.dialect else ""
    lines = [f"turn {id if id is not None else '?'} · {_VERDICTS[parsed.verdict]}{dialect}"]
    if parsed.reason:
        tool = f" (tool {parsed.tool})" if parsed.tool else ""
        lines.append(f"  reason   {parsed.reason}{tool}")
    for number, call in enumerate(parsed.calls, 1):
        lines += _call(number, raw, call)
    for repair in dict.fromkeys(parsed.repairs):
        times = parsed.repairs.count(repair)
        count = f" x{times}" if times > 1 else ""
        summary = REPAIRS[repair].summary if repair in REPAIRS else ""
        lines += _wrapped(f"  repair   {repair}{count}: {summary}")
    if parsed.think.strip():
        lines.append(f"  think    {len(parsed.think)} characters of reasoning")
    if parsed.text.strip():
        lines += ["  text", *_quoted(parsed.text)]
    return "\n".join(lines) + "\n\n"


def _call(number: int, raw: str, call: Call) -> list[str]:
    where = _SOURCES[call.source]
    lines = [f"  call {number}   {call.name} {call.arguments}", f"           {where}"]
    if call.raw_span is not None:
        start, end = call.raw_span
        lines[-1] += f", characters {start} to {end}:"
        lines += _quoted(raw[max(0, start) : end])
    return lines


def _quoted(text: str) -> list[str]:
    found = text.splitlines()
    shown = [f"           | {_printable(line)}" for line in found[:_SHOWN_LINES]]
    if len(found) > _SHOWN_LINES:
        shown.append(f"           | ... {len(found) - _SHOWN_LINES} more lines")
    return shown


def _printable(line: str) -> str:
    cut = line if len(line) <= 160 else line[:157] + "..."
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in cut
    )


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, 92, subsequent_indent=" " * 11)
