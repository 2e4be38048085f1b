"""JSON without an envelope: one object, several one after the other, or a list of calls.

Call-shaped is only what has a name and an object of arguments under known keys and nothing else:
a `package.json`, the definition of a tool and a flat object are text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from seatrial.core.message import ToolSchema
from seatrial.toolcalls.call_object import calls_in
from seatrial.toolcalls.loose.found import JSON_ALLOWED, MAX_CALLS, Read, Reading
from seatrial.toolcalls.python_calls import plain_name
from seatrial.toolcalls.reading import BLANK, Broken, RawCall, skip_blanks
from seatrial.toolcalls.strict_json import StrictJSONError, object_end, read_value, read_whole
from seatrial.toolcalls.tolerant_json import read_json

NAME_KEYS = frozenset({"name", "tool", "tool_name", "function", "function_name", "action"})
ARGUMENT_KEYS = frozenset(
    {"arguments", "parameters", "args", "input", "action_input", "tool_input"}
)
_ID_KEYS = frozenset({"id", "type", "index", "call_id", "tool_call_id"})
_KEYS = "|".join(sorted(NAME_KEYS | ARGUMENT_KEYS | _ID_KEYS | {"tool_calls", "function_call"}))

OPENS = rf"(?:\[\s*+)?\{{\s*+[\"'“]?(?:{_KEYS})\b"
"""How a call in JSON begins, in regular expressions."""
FENCE_END = r"\n {0,3}(?:`{3}|~{3})"
_FOLLOW = re.compile(rf"[{BLANK}]*+(?:\Z|,?[{BLANK}]*+\{{)|[{BLANK}]*{FENCE_END}")
_NAMED = re.compile(
    rf"\[?\s*+\{{\s*+(?:[\"']type[\"']\s*:\s*[\"']function[\"']\s*,\s*[\"']function[\"']\s*:\s*\{{\s*)?"
    rf"[\"'“]?(?:{'|'.join(sorted(NAME_KEYS))})[\"'”]?\s*+:\s*+[\"'“`]?([\w.-]+)[\"'”`]?\s*+,?\s*+"
    rf"[\"'“]?(?:{'|'.join(sorted(ARGUMENT_KEYS))})[\"'”]?\s*+:\s*+"
    r"(?!\{\s*[\"']?(?:type[\"']?\s*:\s*[\"']?object\b|properties\b|\$schema))[{\[\"'“`]"
)
"""JSON that cannot be read, and the tool that it would call."""
_SPARE = re.compile(rf"[{BLANK}}}\],;]*+")


def read_calls(text: str, at: int, tools: Mapping[str, ToolSchema], form: str) -> Read:
    """The calls that begin at `at`."""
    calls: list[RawCall] = []
    broken: Broken | None = None
    start = at
    while True:
        item = read_item(text, at)
        if item is None:
            return unreadable(text, start, at, tools, form)
        value, end, repairs = item
        objects = call_objects(value, tools)
        if objects is None:
            return end if at == start else None
        exact = text[at:end] if not repairs else None
        found, defect = calls_in(value, tools, (at, end), text=exact, repairs=repairs)
        calls += found
        if len(calls) > MAX_CALLS:
            return None
        broken = broken or defect
        following = skip_blanks(text, end)
        comma = text[following : following + 1] == ","
        following = skip_blanks(text, following + 1) if comma else following
        if text[following : following + 1] in ("}", "]"):
            end = broken_end(text, following)
            broken = broken or Broken("it has a bracket too many")
        if text[following : following + 1] != "{":
            return Reading(end, form, tuple(calls), _named(broken, objects))
        at = following


def read_item(text: str, at: int) -> tuple[Any, int, tuple[str, ...]] | None:
    """One value that is JSON or a Python literal, its end and the repairs."""
    try:
        value, end = read_value(text, at)
    except StrictJSONError:
        pass
    else:
        return value, end, ()
    try:
        read = read_json(text, at, follow=_FOLLOW, stopped=True)
    except StrictJSONError:
        return None
    if not JSON_ALLOWED.issuperset(read.repairs):
        return None
    return read.value, read.end, read.repairs


def unreadable(
    text: str, start: int, at: int, tools: Mapping[str, ToolSchema], form: str
) -> Reading | None:
    """JSON at `at` that cannot be read as it is: a broken call, if it names a declared tool."""
    named = _NAMED.match(text, start) or _NAMED.match(text, at)
    if named is None or plain_name(named.group(1)) not in tools:
        return None
    return broken_json(text, at, plain_name(named.group(1)), form)


def broken_json(text: str, at: int, name: str, form: str) -> Reading:
    """The call of `name`, whose JSON at `at` cannot be read as it is."""
    closed = object_end(text, at) is not None
    reason = "its JSON is broken" if closed else "the call is not closed"
    return Reading(broken_end(text, at), form, (), Broken(reason, name))


def broken_end(text: str, at: int) -> int:
    """Where JSON that cannot be read ends, brackets too many included."""
    end = object_end(text, at)
    spare = _SPARE.match(text, len(text) if end is None else end)
    return spare.end() if spare else len(text)


def call_objects(value: object, tools: Mapping[str, ToolSchema]) -> list[dict[str, Any]] | None:
    """The parts of `value`, if each of them has the shape of a call; else None."""
    if isinstance(value, dict) and value.keys() == {"tool_calls"}:
        value = value["tool_calls"]
    items = value if isinstance(value, list) else [value]
    objects = [_inner(item) for item in items]
    if not objects or not all(_is_call(item, tools) for item in objects):
        return None
    return [item for item in objects if isinstance(item, dict)]


def _inner(item: object) -> object:
    """What an OpenAI wrapper holds, else `item`."""
    if isinstance(item, dict):
        for key in ("function", "function_call"):
            if isinstance(item.get(key), dict) and item.keys() <= _ID_KEYS | {key}:
                return item[key]
    return item


def _is_call(item: object, tools: Mapping[str, ToolSchema]) -> bool:
    if not isinstance(item, dict) or not item.keys() <= NAME_KEYS | ARGUMENT_KEYS | _ID_KEYS:
        return False
    names = [key for key in item if key in NAME_KEYS]
    bodies = [key for key in item if key in ARGUMENT_KEYS]
    if len(names) != 1 or len(bodies) != 1 or not isinstance(item[names[0]], str):
        return False
    arguments = item[bodies[0]]
    if isinstance(arguments, str):
        arguments = _decoded(arguments)
    return isinstance(arguments, dict) and not _is_schema(arguments)


def _decoded(text: str) -> object:
    try:
        return read_whole(text)
    except StrictJSONError:
        return None


def _is_schema(arguments: dict[str, Any]) -> bool:
    """Is this what a tool definition holds where a call holds its arguments?"""
    typed = arguments.get("type") == "object" and "properties" in arguments
    return typed or "$schema" in arguments


def _named(broken: Broken | None, objects: list[dict[str, Any]]) -> Broken | None:
    """`broken`, with the name of the tool where only that is missing."""
    if broken is None or broken.name is not None:
        return broken
    name = next(item[key] for item in objects for key in item if key in NAME_KEYS)
    return msgspec.structs.replace(broken, name=plain_name(name))
