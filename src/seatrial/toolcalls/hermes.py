"""Hermes / Qwen JSON: `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`.

Values are quoted JSON strings, so the end of a call is certain whatever it contains. Read as
they stand; repaired are only: a wrapper tag that is missing at a place where nothing else can
be meant, another name of the arguments key, arguments written as a JSON string, and missing
arguments. Everything else that is not exactly this form is `Broken`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from seatrial.core.message import ToolSchema
from seatrial.toolcalls.reading import (
    CUT_OFF,
    MORE,
    Broken,
    Complete,
    NoCall,
    Opener,
    Read,
    Tail,
    skip_blanks,
    starts,
)
from seatrial.toolcalls.strict_json import (
    StrictJSONError,
    json_line_end,
    object_end,
    read_members,
    read_whole,
)

_OPEN = "<tool_call>"
_CLOSE = "</tool_call>"
_ARGUMENT_KEYS = ("arguments", "parameters", "input", "args")

_Members = dict[str, tuple[Any, int, int]]


class Hermes:
    """The dialect; it holds no state."""

    id = "hermes"
    openers = (Opener(_OPEN, "{"), Opener("{", "", orphan=True))
    closers = (_CLOSE,)
    quoted = True

    def read(
        self, text: str, start: int, tail: Tail, tools: Mapping[str, ToolSchema], orphan: bool
    ) -> Read:
        """Read from the brace at `start` to the end of the closing tag."""
        return _read_orphan(text, start, tail, tools) if orphan else _read(text, start, tail)

    def render(self, name: str, arguments: Mapping[str, Any]) -> str:
        body = json.dumps(
            {"name": name, "arguments": dict(arguments)}, ensure_ascii=False, allow_nan=False
        )
        return f"{_OPEN}\n{body}\n{_CLOSE}"


def _read(text: str, start: int, tail: Tail) -> Read:
    end = object_end(text, start)
    if end is None and tail is Tail.OPEN:
        return MORE
    if end is None:
        return Broken(_ended(tail), _named(text, start))
    call = _object(text, start)
    return call if isinstance(call, Broken) else _close(text, call, tail)


def _read_orphan(text: str, start: int, tail: Tail, tools: Mapping[str, ToolSchema]) -> Read:
    """Read an object on its own line: a call if the closing tag follows.

    Without the tag it is text, unless it is the last thing and has the form of a call of an
    offered tool: that one is neither executed nor shown as an answer.
    """
    end, whole = json_line_end(text, start)
    if end is None:
        if tail is Tail.OPEN:
            return MORE
        name = _named(text, start)
        return Broken(_ended(tail), name) if name in tools else NoCall(len(text))
    if not whole:
        return NoCall(end)
    at = skip_blanks(text, end)
    closed = starts(text, at, _CLOSE)
    if closed is None and tail is Tail.OPEN:
        return MORE
    if closed is False or not (closed or _named(text, start) in tools):
        return NoCall(end)
    call = _object(text, start)
    if isinstance(call, Broken):
        return call
    if closed is None:
        return Broken("a call without its tags", call.name)
    repairs = ("opener_missing", *call.repairs)
    return Complete(at + len(_CLOSE), call.name, call.arguments, call.text, repairs)


def _ended(tail: Tail) -> str:
    return CUT_OFF if tail is Tail.CUT else "the JSON is not closed"


def _object(text: str, start: int) -> Complete | Broken:
    """The call that the object at `start` is."""
    try:
        members, end = read_members(text, start)
    except StrictJSONError as error:
        return Broken(str(error), _named(text, start))
    return _call(text, members, end)


def _call(text: str, members: _Members, end: int) -> Complete | Broken:
    name = members.pop("name", (None, 0, 0))[0]
    if not isinstance(name, str) or not name:
        return Broken('"name" is missing or not a string')
    keys = [key for key in _ARGUMENT_KEYS if key in members]
    extra = [key for key in members if key not in _ARGUMENT_KEYS]
    if extra or len(keys) > 1:
        odd = (extra or keys[1:])[0]
        return Broken(f'the key {odd!r} does not belong beside "name" and "arguments"', name)
    if not keys or members[keys[0]][0] is None:
        return Complete(end, name, {}, "{}", ("arguments_missing",))
    value, first, last = members[keys[0]]
    repairs: tuple[str, ...] = () if keys[0] == "arguments" else ("arguments_key",)
    body = text[first:last]
    if isinstance(value, str):
        repairs += ("arguments_string",)
        body = value
        try:
            value = read_whole(value)
        except StrictJSONError as error:
            return Broken(f'"arguments" is a string that holds no object: {error}', name)
    if not isinstance(value, dict):
        return Broken('"arguments" is not an object', name)
    return Complete(end, name, value, body, repairs)


def _close(text: str, call: Complete, tail: Tail) -> Read:
    """Demand the closing tag, or an end at which nothing else can be meant."""
    at = skip_blanks(text, call.end)
    closed = starts(text, at, _CLOSE)
    if closed:
        return Complete(at + len(_CLOSE), call.name, call.arguments, call.text, call.repairs)
    missing = Complete(
        call.end, call.name, call.arguments, call.text, (*call.repairs, "closer_missing")
    )
    again = starts(text, at, _OPEN)
    if again:
        return missing
    if tail is Tail.OPEN and (closed is None or again is None):
        return MORE
    if at == len(text) and tail is Tail.STOPPED:
        return missing
    if closed is None or again is None:
        return Broken(CUT_OFF if tail is Tail.CUT else "the closing tag is missing", call.name)
    return Broken("text stands between the JSON and </tool_call>", call.name)


def _named(text: str, start: int) -> str | None:
    """The name in `{"name": "..."` of JSON that cannot be read as a whole."""
    head = text[start : start + 200].replace(" ", "").replace("\n", "")
    if not head.startswith('{"name":"'):
        return None
    return head[9:].partition('"')[0] or None
