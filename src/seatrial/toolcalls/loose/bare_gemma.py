"""Gemma's call without its markers, at the end of a turn: `call:view{file:<|"|>a.py<|"|>}`.

A server that takes the markers for control tokens drops them. In: the visible text as a window.
Out: what was found, or None.
"""

from __future__ import annotations

from seatrial.core.parse_options import Options
from seatrial.toolcalls.dialects import gemma
from seatrial.toolcalls.loose.found import Found
from seatrial.toolcalls.loose.lead_in import introduces
from seatrial.toolcalls.reading import BLANK, Broken, Envelope, Window

_HEAD = "call:"


def find(window: Window, options: Options) -> Found | None:
    """The call that ends the text; None = text."""
    text = window.text
    at = 0 if text.startswith(_HEAD) else text.rfind("\n" + _HEAD) + 1
    if not text.startswith(_HEAD, at) or not introduces(text[:at]):
        return None
    read = gemma.read_bare(window, at)
    if not isinstance(read, Envelope) or read.broken is not None:
        return None
    if options.loose == "none":
        return None
    start = len(text[:at].rstrip(BLANK))
    names = [raw.name for raw in read.calls if raw.name not in options.read_only]
    if options.loose == "read_only" and names:
        broken = Broken(f"{names[0]} changes things, so its call needs its envelope", names[0])
        return Found((), start, read.end, broken, gemma.DIALECT.id)
    return Found(read.calls, start, read.end, None, gemma.DIALECT.id)
