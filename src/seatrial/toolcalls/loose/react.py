"""ReAct: `Action: name` and `Action Input: {...}` on the line behind.

The `Thought:` before is visible text, and so is an answer behind it: then the action is none of
this turn. Input that is not an object or one string in quotes is a broken call.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from seatrial.core.message import ToolSchema
from seatrial.toolcalls.loose.bare_json import broken_end, read_item
from seatrial.toolcalls.loose.found import REACT, Read, Reading, several
from seatrial.toolcalls.python_calls import plain_name, sole_required
from seatrial.toolcalls.reading import Broken, RawCall
from seatrial.toolcalls.strict_json import StrictJSONError, read_value

OPENS = r"(?:\*\*)?Action(?:\*\*)? ?:"
"""How an action begins, in regular expressions."""
_ACTION = re.compile(
    r"(?:\*\*)?Action(?:\*\*)? ?:(?:\*\*)?[ \t]*+(`?)([A-Za-z_][\w.-]{0,199}+)(?:\(\))?\1"
    r"[ \t]*+\r?\n\s*+"
    r"(?:\*\*)?Action[ _]?Input(?:\*\*)? ?:(?:\*\*)?\s*+(?:```(?:json)?\s*+)?"
)
_FENCE_END = re.compile(r"\s*+```[ \t]*+(?=\n|\Z)")
_LINE_END = re.compile(r"[ \t]*+(?:\r?\n|\Z)")
_NO_INPUT = re.compile(r"(?:None|none|null|N/A|\(none\))?\s*+\Z")


def read_action(text: str, at: int, tools: Mapping[str, ToolSchema]) -> Read:
    """The action at `at`, or several one after the other."""
    return several(
        text,
        at,
        lambda place: _action(text, place, tools),
        lambda place: _ACTION.match(text, place) is not None,
    )


def _action(text: str, at: int, tools: Mapping[str, ToolSchema]) -> Read:
    head = _ACTION.match(text, at)
    tool = tools.get(plain_name(head.group(2))) if head else None
    if head is None or tool is None:
        return at + 1
    name, start = head.group(2), head.end()
    item = read_item(text, start) if text[start : start + 1] == "{" else _string(text, start)
    if item is None and _NO_INPUT.match(text, start):
        item = {}, len(text), ()
    key = sole_required(tool)
    if item is None or (isinstance(item[0], str) and key is None):
        line = text.find("\n", start)
        end = len(text) if line < 0 else line
        end = broken_end(text, start) if text[start : start + 1] == "{" else end
        return Reading(end, REACT, (), Broken("Action Input is not a JSON object", name))
    value, end, repairs = item
    exact = text[start:end] if text[start : start + 1] == "{" and not repairs else None
    if isinstance(value, str):
        value = {key: value}
    fence = _FENCE_END.match(text, end) if "```" in head.group() else None
    end = fence.end() if fence else end
    return Reading(end, REACT, (RawCall(name, value, (at, end), exact, repairs),))


def _string(text: str, at: int) -> tuple[object, int, tuple[str, ...]] | None:
    """A string in quotes, which is the one argument that the tool needs."""
    if text[at : at + 1] != '"':
        return None
    try:
        value, end = read_value(text, at)
    except StrictJSONError:
        return None
    return (value, end, ()) if _LINE_END.match(text, end) else None
