"""The only code fence of a turn, at its end, with nothing in it but calls.

The body is read from its beginning and must be over where the fence is: a fence in a string of
the body is no end. Other languages, markup and anything beside the calls are text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from seatrial.core.message import ToolSchema
from seatrial.toolcalls.loose.bare_json import OPENS, read_calls
from seatrial.toolcalls.loose.found import LOOSE_FENCE, TOOL_CODE, Reading
from seatrial.toolcalls.loose.named import read_named
from seatrial.toolcalls.loose.python_call import read_lines
from seatrial.toolcalls.reading import BLANK, skip_blanks

_HEAD = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*([\w-]*)[ \t]*\r?\n")
_JSON = frozenset({"", "json", "jsonc"})
_PYTHON = frozenset({"", "python", "py"})
_CALLS = frozenset(
    {"tool_call", "tool_calls", "tool-call", "tool_code", "tool", "tool_use", "function_call"}
)
"""Words behind the fence that say that it holds calls."""
_JSON_OPENS = re.compile(OPENS)


def read_fence(text: str, at: int, tools: Mapping[str, ToolSchema]) -> Reading | None:
    """The calls in the fence at `at`."""
    head = _HEAD.match(text, at)
    if head is None:
        return None
    language = head.group(2).lower()
    read = _body(text, skip_blanks(text, head.end()), language, tools)
    if read is None:
        return None
    end = _behind(text, read.end, head.group(1))
    if end is None and read.broken is not None:
        # Where a broken call ends is not known; the turn ends with it.
        end = len(text) if read.end == len(text) else None
    return None if end is None else msgspec.structs.replace(read, end=end)


def _body(text: str, at: int, language: str, tools: Mapping[str, ToolSchema]) -> Reading | None:
    form = TOOL_CODE if language == "tool_code" else LOOSE_FENCE
    explicit = language in _CALLS
    read: Reading | int | None = None
    if (explicit or language in _JSON) and _JSON_OPENS.match(text, at):
        read = read_calls(text, at, tools, form)
    elif explicit or language in _PYTHON:
        read = read_lines(text, at, tools, form, explicit=explicit)
        if explicit and not isinstance(read, Reading):
            read = read_named(text, at, tools, form)
    return read if isinstance(read, Reading) else None


def _behind(text: str, at: int, mark: str) -> int | None:
    """Behind the end of the fence, which a model may leave out at the end of a turn."""
    start = skip_blanks(text, at)
    if start == len(text):
        return start
    end = re.compile(rf"(?:(?<=\n)|(?<=\n ))[ ]{{0,3}}{mark[0]}{{{len(mark)},}}[{BLANK}]*+").match(
        text, start
    )
    return end.end() if end else None
