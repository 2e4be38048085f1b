"""A name and JSON behind it: `view {"file": "a.py"}`, also announced in words.

`Calling tool: view({...})`, `Tool call: view {...}`, `Call view with {...}`: a short closed list
of words that say that a call follows on their line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from seatrial.core.message import ToolSchema
from seatrial.toolcalls.loose.bare_json import OPENS, broken_json, read_calls, read_item
from seatrial.toolcalls.loose.found import LOOSE_ANNOUNCED, Read, Reading, several
from seatrial.toolcalls.loose.python_call import read_line
from seatrial.toolcalls.python_calls import declares, plain_name
from seatrial.toolcalls.reading import RawCall

NAME = r"[A-Za-z_][\w.-]{0,199}+"
NAMED = rf"{NAME}[ \t]*+\{{"
"""How a name with JSON behind it begins, in regular expressions."""
ANNOUNCED = (
    r"(?:\*\*)?(?:(?:[Cc]all|[Cc]alling|[Ii]nvok(?:e|ing)|[Uu]sing|[Rr]unning|[Ee]xecut(?:e|ing)) "
    r"(?:(?:the )?(?:tool|function)\b:?|(?=[\w.`-]{1,200} with\b))"
    r"|(?:[Tt]ool|[Ff]unction)(?:[ _-](?:[Cc]all|[Nn]ame))?:)(?:\*\*)?"
)

_NAMED = re.compile(rf"({NAME})[ \t]*+(?=\{{)")
_ANNOUNCED = re.compile(rf"{ANNOUNCED}[ \t]*+(?:\r?\n)?[ \t]*+")
_WITH = re.compile(
    rf"(`?)({NAME})\1(?:[ \t]*+with (?:the )?(?:arguments?|args|parameters|input|json)?|"
    r"[ \t]*+\r?\n[ \t]*+(?:\*\*)?(?:[Aa]rguments|[Aa]rgs|[Pp]arameters|[Ii]nput)(?=:)):?(?:\*\*)?"
    r"\s*+(?=\{)"
)
_JSON_OPENS = re.compile(OPENS)
_EMPTY = re.compile(r"\{\s*+\}")
_KEY = re.compile(r"\{\s*+[\"']?(\w+)[\"']?\s*+:")


def read_named(text: str, at: int, tools: Mapping[str, ToolSchema], form: str) -> Read:
    """`name {json}` at `at`, or several on lines one after the other."""
    return several(
        text,
        at,
        lambda place: _named(text, place, tools, form),
        lambda place: _NAMED.match(text, place) is not None,
    )


def read_announced(text: str, at: int, tools: Mapping[str, ToolSchema]) -> Read:
    """The call that is announced at `at`, or several, each announced."""
    return several(
        text,
        at,
        lambda place: _announced(text, place, tools),
        lambda place: _ANNOUNCED.match(text, place) is not None,
    )


def _announced(text: str, at: int, tools: Mapping[str, ToolSchema]) -> Read:
    head = _ANNOUNCED.match(text, at)
    if head is None:
        return at + 1
    start, form = head.end(), LOOSE_ANNOUNCED
    if _JSON_OPENS.match(text, start):
        return read_calls(text, start, tools, form)
    if (between := _WITH.match(text, start)) is not None:
        return _arguments(text, start, between.group(2), between.end(), tools, form)
    read = _named(text, start, tools, form)
    return read_line(text, start, tools, form, explicit=True) if isinstance(read, int) else read


def _named(text: str, at: int, tools: Mapping[str, ToolSchema], form: str) -> Read:
    head = _NAMED.match(text, at)
    return at + 1 if head is None else _arguments(text, at, head.group(1), head.end(), tools, form)


def _arguments(
    text: str, at: int, name: str, start: int, tools: Mapping[str, ToolSchema], form: str
) -> Read:
    """The call of `name` with the JSON at `start`."""
    tool = tools.get(plain_name(name))
    key = _KEY.match(text, start)
    declared = key is not None and declares(tool, key.group(1))
    if tool is None or not (declared or _EMPTY.match(text, start)):
        return start
    item = read_item(text, start)
    if item is not None and isinstance(item[0], dict):
        value, end, repairs = item
        exact = None if repairs else text[start:end]
        return Reading(
            end, form, (RawCall(name, value, (at, end), exact, repairs),), bare=not value
        )
    return broken_json(text, start, name, form)
