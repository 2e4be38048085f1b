"""Lines of Python at the end of a turn: `view(file="a.py")`, or a list of such calls.

A line of code looks the same, so without an argument of the tool by its name it is `bare`, unless
a fence or a word says that it is a call (`explicit`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from seatrial.core.message import ToolSchema
from seatrial.toolcalls.loose.found import Read, Reading, several
from seatrial.toolcalls.python_calls import (
    Attempt,
    attempt,
    closing,
    declares,
    plain_name,
    takes_object,
)
from seatrial.toolcalls.reading import BLANK, RawCall, skip_blanks
from seatrial.toolcalls.strict_json import StrictJSONError, read_whole

_PRINT = "print("
_NEXT = re.compile(r"[A-Za-z_\[]")
_HEAD = re.compile(rf"(?:\[[{BLANK}]*+)?([A-Za-z_][\w.-]{{0,199}}+)\(")
_BRACED = re.compile(rf"([A-Za-z_][\w.-]{{0,199}}+)\([{BLANK}]*+(?=\{{)")


def read_lines(
    text: str, at: int, tools: Mapping[str, ToolSchema], form: str, *, explicit: bool = False
) -> Read:
    """The calls that begin at `at`, each on a line of its own."""
    return several(
        text,
        at,
        lambda place: read_line(text, place, tools, form, explicit=explicit),
        lambda place: _NEXT.match(text, place) is not None,
    )


def read_line(
    text: str, at: int, tools: Mapping[str, ToolSchema], form: str, *, explicit: bool = False
) -> Read:
    """The call at `at`, or the list of calls."""
    head = _HEAD.match(text, at)
    printed = explicit and text.startswith(_PRINT, at)
    if head is None or not (printed or plain_name(head.group(1)) in tools):
        # Other people's functions are not even read.
        return max(at + 1, head.end() if head else 0)
    found = _printed(text, at, tools) if explicit else _attempt(text, at, tools)
    evident = explicit or found.evident
    if found.broken is not None:
        return Reading(found.end, form, (), found.broken, strict=evident)
    if not found.calls or any(plain_name(call.name) not in tools for call in found.calls):
        return max(found.end, at + 1)
    return Reading(found.end, form, found.calls, bare=not evident, strict=evident)


def _printed(text: str, at: int, tools: Mapping[str, ToolSchema]) -> Attempt:
    """A call, or one that is printed, as the models that write `tool_code` do."""
    if not text.startswith(_PRINT, at):
        return _attempt(text, at, tools)
    found = _attempt(text, skip_blanks(text, at + len(_PRINT)), tools)
    end = skip_blanks(text, found.end)
    if found.broken is not None:
        return found
    if not found.calls or text[end : end + 1] != ")":
        return _attempt(text, at, tools)
    return Attempt(end + 1, found.calls, None, found.evident)


def _attempt(text: str, at: int, tools: Mapping[str, ToolSchema]) -> Attempt:
    return _braced(text, at, tools) or attempt(text, at, tools)


def _braced(text: str, at: int, tools: Mapping[str, ToolSchema]) -> Attempt | None:
    """`name({...})` with JSON in it: its escapes are those of JSON, not of Python."""
    head = _BRACED.match(text, at)
    tool = tools.get(plain_name(head.group(1))) if head else None
    if head is None or tool is None:
        return None
    end, closed = closing(text, head.end(1))
    # In a slice: a defect costs no more than the call is long.
    written = text[head.end() : end - 1].rstrip(BLANK) if closed else ""
    try:
        value = read_whole(written)
    except StrictJSONError:
        return None
    declared = isinstance(value, dict) and [declares(tool, key) for key in value]
    if not isinstance(value, dict) or (takes_object(tool) and not all(declared or ())):
        return None
    raw = RawCall(head.group(1), value, (at, end), written)
    return Attempt(end, (raw,), None, any(declared or ()))
