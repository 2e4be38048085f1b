"""Decoded JSON that stands where a call is expected -> raw calls.

The canonical form is {"name": ..., "arguments": {...}}; the other forms are a closed list of what
models write instead. Reads no text and decides on no argument; with two possible readings, and
for what only looks like a call (a tool definition), it gives a defect. A list of calls at the top
is taken without a repair, since some dialects write one; where it is a repair, the dialect says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from seatrial.core.message import ToolSchema
from seatrial.toolcalls.arguments import (
    ANNOTATION_DROPPED,
    WRAPPERS,
    fit,
    is_annotation,
    names_argument,
    schema_defect,
)
from seatrial.toolcalls.names import resolve, shorten, unknown_tool
from seatrial.toolcalls.reading import Broken, RawCall, skip_blanks
from seatrial.toolcalls.repairs import declare
from seatrial.toolcalls.strict_json import (
    StrictJSONError,
    member_span,
    read_value,
    read_whole,
)


def _example(body: object) -> str:
    return f"<tool_call>\n{json.dumps(body)}\n</tool_call>"


_ARGUMENTS: dict[str, object] = {"file": "a.py"}
_VIEW: dict[str, object] = {"name": "view", "arguments": _ARGUMENTS}

ARGUMENTS_KEY = declare(
    "arguments_key",
    "shape",
    "The arguments stand under another key: parameters, input, args, params, kwargs ...",
    _example({"name": "view", "input": _ARGUMENTS}),
)
NAME_KEY = declare(
    "name_key",
    "shape",
    "The name of the tool stands under another key: tool, tool_name, function, action ...",
    _example({"tool": "view", "arguments": _ARGUMENTS}),
)
CALL_WRAPPED = declare(
    "call_wrapped",
    "shape",
    "The call stands in a wrapper of an API: function, tool_calls ...",
    _example({"type": "function", "function": _VIEW}),
)
CALL_STRING = declare(
    "call_string",
    "shape",
    "The call, or the list of calls, is a string of JSON; it is decoded.",
    _example({"tool_calls": json.dumps([_VIEW])}),
)
ARGUMENTS_FLAT = declare(
    "arguments_flat",
    "shape",
    "The arguments stand beside the name; all of them are declared.",
    _example({"name": "view", **_ARGUMENTS}),
)
NAME_AS_KEY = declare(
    "name_as_key",
    "shape",
    "The name of the tool is the only key, the arguments are its value.",
    _example({"view": _ARGUMENTS}),
)

_NAME_KEYS = (
    "name",
    "tool",
    "tool_name",
    "function",
    "function_name",
    "action",
    "recipient_name",
)
_ARGUMENT_KEYS = (*WRAPPERS, "action_input", "tool_input")
_CALL_WRAPPERS = ("tool_calls", "tool_call", "function_calls", "function_call", "function")
_IDS = ("id", "call_id", "tool_call_id", "index", "type")
_MESSAGE_KEYS = (*_IDS, "role", "content", "refusal")
_OF_ENVELOPE = re.compile(
    r"(?:function|tool|tool_call|tool_use|function_call)\Z|(?:call|toolu|chatcmpl-tool)[_-]"
)
"""Values of `id` and `type` that belong to the wire, not to the tool."""
_MAX_DEPTH = 6

_Found = tuple[tuple[RawCall, ...], Broken | None]


class _Place(msgspec.Struct, frozen=True):
    """What all calls of one body share."""

    tools: Mapping[str, ToolSchema]
    span: tuple[int, int]


def calls_in(
    value: object,
    tools: Mapping[str, ToolSchema],
    span: tuple[int, int],
    *,
    text: str | None,
    repairs: tuple[str, ...] = (),
) -> _Found:
    """The calls that `value` is, in order, and the defect that ended the reading.

    `text` is the JSON text of `value`, if it was strict; it gives the calls their own spelling.
    All calls have the same span.
    """
    try:
        return _read(value, text, repairs, _Place(tools, span), 0)
    except RecursionError:
        return (), Broken("the call is nested too deeply")


def _read(
    value: object, text: str | None, repairs: tuple[str, ...], place: _Place, depth: int
) -> _Found:
    if depth > _MAX_DEPTH:
        return (), Broken("the call is nested too deeply")
    if isinstance(value, list):
        return _list(value, text, repairs, place, depth)
    if isinstance(value, dict):
        key = _wrapper(value)
        if key is None:
            call = _call(value, text, repairs, place)
            return ((), call) if isinstance(call, Broken) else ((call,), None)
        if not isinstance(value[key], str):
            repairs = (*repairs, CALL_WRAPPED)
        return _read(value[key], _member(text, key), repairs, place, depth + 1)
    if isinstance(value, str):
        try:
            decoded = read_whole(value)
        except StrictJSONError as error:
            return (), Broken(f"a string stands where a call should: {error}")
        return _read(decoded, None, (*repairs, CALL_STRING), place, depth + 1)
    return (), Broken("no object with the name and the arguments of a tool")


def _list(
    values: list[Any], text: str | None, repairs: tuple[str, ...], place: _Place, depth: int
) -> _Found:
    if not values:
        return (), Broken("the list of calls is empty")
    texts = _items(text, len(values))
    calls: list[RawCall] = []
    for value, own in zip(values, texts, strict=True):
        found, broken = _read(value, own, repairs, place, depth + 1)
        calls += found
        if broken is not None:
            return tuple(calls), broken
    return tuple(calls), None


def _wrapper(value: dict[str, Any]) -> str | None:
    """The key under which the call or the calls stand, if nothing else of weight is there."""
    keys = [
        key
        for key in _CALL_WRAPPERS
        if isinstance(value.get(key), (dict, list, str) if key != "function" else dict)
    ]
    if len(keys) != 1:
        return None
    others = [key for key in value if key != keys[0]]
    light = all([key in _MESSAGE_KEYS and _is_scalar(value[key]) for key in others])
    return keys[0] if light else None


def _call(
    body: dict[str, Any], text: str | None, repairs: tuple[str, ...], place: _Place
) -> RawCall | Broken:
    """The one call that `body` is."""
    keys = [key for key in _NAME_KEYS if key in body]
    if not keys:
        return _name_as_key(body, text, repairs, place)
    key = _name_key(body, keys, place.tools)
    if key is None:
        return Broken("several keys name a tool, and they differ")
    name = body[key]
    if not isinstance(name, str) or not name.strip():
        return Broken(f"{key!r} is not the name of a tool")
    resolved = resolve(name, place.tools)
    schema = place.tools[resolved[0]].parameters if resolved else {}
    if (defect := schema_defect(schema)) is not None:
        return Broken(defect, shorten(name))
    if _is_definition(body, schema):
        return Broken("a tool definition is no call", shorten(name))
    repairs = repairs if keys == ["name"] else (*repairs, NAME_KEY)
    others = {
        other: value
        for other, value in body.items()
        if other != key and (other not in keys or names_argument(other, schema))
    }
    raw = RawCall(name, None, place.span, None, repairs)
    if not any(other in others for other in _ARGUMENT_KEYS):
        return _flat(raw, others, schema) if resolved else unknown_tool(name, place.tools)
    return _nested_or_flat(raw, others, schema, text)


def _name_as_key(
    body: dict[str, Any], text: str | None, repairs: tuple[str, ...], place: _Place
) -> RawCall | Broken:
    name, value = next(iter(body.items())) if len(body) == 1 else ("", None)
    resolved = resolve(name, place.tools) if isinstance(value, dict) else None
    if resolved is None or not isinstance(value, dict):
        return Broken("no key names the tool")
    schema = place.tools[resolved[0]].parameters
    if _is_definition({"parameters": value}, schema) or _is_remark(value, schema):
        return Broken("a tool definition is no call", name)
    return RawCall(name, value, place.span, _member(text, name), (*repairs, NAME_AS_KEY))


def _name_key(body: dict[str, Any], keys: list[str], tools: Mapping[str, ToolSchema]) -> str | None:
    """Which of `keys` holds the name of the tool; None = nobody can say.

    A tool may have an argument of such a name. It counts as one only beside a name of a tool
    that declares it, and without a key for arguments.
    """
    first = body[keys[0]]
    if all([isinstance(body[key], str) and body[key] == first for key in keys]) or len(keys) == 1:
        return keys[0]
    if any(key in body for key in _ARGUMENT_KEYS):
        return None
    readings = [key for key in keys if _names_tool_with(body, key, keys, tools)]
    return readings[0] if len(readings) == 1 else None


def _names_tool_with(
    body: dict[str, Any], key: str, keys: list[str], tools: Mapping[str, ToolSchema]
) -> bool:
    """Does `key` name a tool that takes the others of `keys` as arguments?"""
    found = resolve(body[key], tools) if isinstance(body[key], str) else None
    if found is None:
        return False
    schema = tools[found[0]].parameters
    return all([names_argument(other, schema) for other in keys if other != key])


def _nested_or_flat(
    raw: RawCall, others: dict[str, Any], schema: object, text: str | None
) -> RawCall | Broken:
    """The call whose arguments stand under a key for arguments, unless that key is one of them.

    The canonical key always holds them; another one may be an argument of the tool by its name.
    """
    nested = _nested(raw, others, schema, text)
    declared = [key for key in _ARGUMENT_KEYS if key in others and names_argument(key, schema)]
    if "arguments" in others or not declared:
        return nested
    flat = _flat(raw, others, schema)
    if _fails(flat, schema):
        return nested
    if _fails(nested, schema):
        return flat
    return Broken(f"{declared[0]!r} can hold all arguments or be one of them", shorten(raw.name))


def _fails(call: RawCall | Broken, schema: object) -> bool:
    return isinstance(call, Broken) or isinstance(fit(call.arguments, schema), Broken)


def _nested(
    raw: RawCall, others: dict[str, Any], schema: object, text: str | None
) -> RawCall | Broken:
    keys = [key for key in _ARGUMENT_KEYS if key in others]
    value, repairs = others[keys[0]], raw.repairs
    # `repr` tells true from 1, which `==` does not.
    if any(repr(others[key]) != repr(value) for key in keys[1:]):
        return Broken(f"{' and '.join(keys)} are both given and differ", shorten(raw.name))
    if keys != ["arguments"]:
        repairs = (*repairs, ARGUMENTS_KEY)
    for key, beside in others.items():
        if key in keys:
            continue
        is_argument = names_argument(key, schema)
        if is_annotation(key, beside) and not is_argument:
            repairs = (*repairs, ANNOTATION_DROPPED)
        elif not _is_id(key, beside) or (is_argument and not _of_envelope(beside)):
            reason = f"the key {shorten(key)!r} stands beside the arguments"
            return Broken(reason, shorten(raw.name))
    own = _member(text, keys[0]) if isinstance(value, dict) else None
    return msgspec.structs.replace(raw, arguments=value, text=own, repairs=repairs)


def _flat(raw: RawCall, others: dict[str, Any], schema: object) -> RawCall | Broken:
    """The call whose arguments stand beside its name."""
    arguments: dict[str, Any] = {}
    known = False
    for key, value in others.items():
        is_argument = names_argument(key, schema)
        if is_argument and _is_id(key, value) and _of_envelope(value):
            reason = f"the key {key!r} can be an argument or the id of the call"
            return Broken(reason, shorten(raw.name))
        if not is_argument and _is_plain_id(key, value):
            continue
        if not is_argument and not is_annotation(key, value):
            return Broken(f"unknown argument {shorten(key)!r}", shorten(raw.name))
        arguments[key] = value
        known |= is_argument
    if not arguments:
        return raw
    if not known:
        return Broken("a remark alone is no argument", shorten(raw.name))
    return msgspec.structs.replace(raw, arguments=arguments, repairs=(*raw.repairs, ARGUMENTS_FLAT))


def _is_definition(body: dict[str, Any], schema: object) -> bool:
    """Is this the description of a tool, with a schema where arguments would stand?"""
    for key in _ARGUMENT_KEYS:
        shape = body.get(key)
        if not isinstance(shape, dict):
            continue
        typed = shape.get("type") == "object"
        listed = isinstance(shape.get("properties"), dict)
        if (
            (typed and listed)
            or (typed and not names_argument("type", schema))
            or (listed and not names_argument("properties", schema))
            or (key == "parameters" and not shape and "description" in body)
        ):
            return True
    return False


def _is_remark(value: dict[str, Any], schema: object) -> bool:
    return bool(value) and not any(
        names_argument(key, schema) or not is_annotation(key, value[key]) for key in value
    )


def _is_id(key: str, value: object) -> bool:
    return key in _IDS and _is_scalar(value)


def _is_plain_id(key: str, value: object) -> bool:
    """An id where no arguments stand: more could be meant by a type or a number."""
    return key in ("call_id", "tool_call_id") or (
        _of_envelope(value) if key == "type" else key == "id" and isinstance(value, str)
    )


def _of_envelope(value: object) -> bool:
    return value is None or (isinstance(value, str) and bool(_OF_ENVELOPE.match(value)))


def _is_scalar(value: object) -> bool:
    return not isinstance(value, (dict, list))


def _member(text: str | None, key: str) -> str | None:
    """The text of the member `key` of the object that `text` is."""
    try:
        start = skip_blanks(text or "", 0)
        if text is None or not text.startswith("{", start):
            return None
        place = member_span(text, start, key)
    except StrictJSONError:
        return None
    return text[slice(*place)] if place else None


def _items(text: str | None, count: int) -> list[str | None]:
    """The texts of the items of the list that `text` is."""
    nothing: list[str | None] = [None] * count
    if text is None or not text.startswith("[", at := skip_blanks(text, 0)):
        return nothing
    found: list[str | None] = []
    try:
        for _ in range(count):
            start = skip_blanks(text, at + 1)
            _, end = read_value(text, start)
            found.append(text[start:end])
            at = skip_blanks(text, end)
    except StrictJSONError:
        return nothing
    return found
