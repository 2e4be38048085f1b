"""Gemma's call without its markers, at the end of a turn: `call:view{file:<|"|>a.py<|"|>}`.

A server that takes the markers for control tokens drops them. In: the visible text as a window.
Out: what was found, or None.
"""

from __future__ import annotations

from seatrial.core.parse_options import Options
from seatrial.toolcalls.dialects import gemma
from seatrial.toolcalls.loose.found import Found
from seatrial.toolcalls.loose.lead_in import introduces
from seatrial.toolcalls.reading import BLANK, Envelope, Window

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
    names = {raw.name for raw in read.calls}
    if options.loose == "none" or (options.loose == "read_only" and names - {*options.read_only}):
        return None
    start = len(text[:at].rstrip(BLANK))
    return Found(read.calls, start, read.end, None, gemma.DIALECT.id)
