"""The search for calls without an envelope in the visible text of a turn that has ended.

The first place that begins a call must begin the calls that end the turn: with anything behind
them, or with another candidate before them, all of it is text. In: text, tools, options. Out:
what was found, or None. Each form reads itself; this module decides which one is asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from seatrial.core.message import ToolSchema
from seatrial.toolcalls.loose import bare_json, named, react
from seatrial.toolcalls.loose.fence import read_fence
from seatrial.toolcalls.loose.found import (
    LOOSE_JSON,
    LOOSE_NAMED_JSON,
    LOOSE_PYTHON,
    REACT,
    Found,
    Read,
    Reading,
    settle,
)
from seatrial.toolcalls.loose.lead_in import introduces
from seatrial.toolcalls.loose.python_call import read_lines
from seatrial.toolcalls.options import DEFAULTS, Options
from seatrial.toolcalls.python_calls import plain_name
from seatrial.toolcalls.reading import BLANK, Broken, skip_blanks

START = re.compile(
    r"^ {0,3}(?:(?P<fence>`{3,}|~{3,})"
    rf"|(?P<json>{bare_json.OPENS})"
    rf"|(?P<action>{react.OPENS})"
    rf"|(?P<announced>{named.ANNOUNCED})"
    rf"|(?P<python>(?:\[\s*+)?{named.NAME}\()"
    rf"|(?P<named>{named.NAMED}))",
    re.MULTILINE,
)
_THOUGHT = re.compile(r"^ {0,3}(?:\*\*)?Thought(?:\*\*)? ?:", re.MULTILINE)
_LINES = frozenset({LOOSE_PYTHON, LOOSE_NAMED_JSON})


def find(text: str, tools: Mapping[str, ToolSchema], options: Options = DEFAULTS) -> Found | None:
    """The calls that end `text`, or the broken attempt at them; None = text."""
    if options.loose == "none":
        return None
    tools = {**_inner_functions(options), **tools}
    at = 0
    while (match := START.search(text, at)) is not None:
        read = _read(text, match, tools)
        if isinstance(read, int):
            at = max(read, match.end())
            continue
        if read is None or skip_blanks(text, read.end) < len(text):
            return None
        settled = settle(read, tools)
        if settled is None or not _meant(text, match.start(), settled):
            return None
        start = len(text[: match.start()].rstrip(BLANK))
        settled = _allowed(settled, options)
        return Found(settled.calls, start, settled.end, settled.broken, settled.form)
    return None


def _read(text: str, match: re.Match[str], tools: Mapping[str, ToolSchema]) -> Read:
    kind = str(match.lastgroup)
    at = match.start(kind)
    if kind == "fence":
        return read_fence(text, at, tools)
    if kind == "json":
        return bare_json.read_calls(text, at, tools, LOOSE_JSON)
    if kind == "action":
        return react.read_action(text, at, tools)
    if kind == "announced":
        return named.read_announced(text, at, tools)
    if kind == "python":
        return read_lines(text, at, tools, LOOSE_PYTHON)
    return named.read_named(text, at, tools, LOOSE_NAMED_JSON)


def _meant(text: str, start: int, read: Reading) -> bool:
    lead_in = text[:start]
    thoughts = [match.start() for match in _THOUGHT.finditer(lead_in)]
    if read.form == REACT and thoughts:
        # What a model thinks of on its way may hold any word; what stands before may not.
        lead_in = lead_in[: thoughts[-1]]
    return introduces(lead_in, line=read.form in _LINES, thin=read.bare)


def _allowed(read: Reading, options: Options) -> Reading:
    """`read`, or the defect that one of its calls does more than read."""
    if options.loose == "all":
        return read
    for call in read.calls:
        name = plain_name(call.name)
        if name not in options.read_only:
            reason = f"{name} changes things, so its call needs its envelope"
            return Reading(read.end, read.form, (), Broken(reason, name))
    return read


def _inner_functions(options: Options) -> dict[str, ToolSchema]:
    """The functions of code mode: their schemas are not known, any argument by name will do."""
    names = options.code_mode.functions if options.code_mode else ()
    anything = {"type": "object", "additionalProperties": True}
    return {name: ToolSchema(name=name, description="", parameters=anything) for name in names}
