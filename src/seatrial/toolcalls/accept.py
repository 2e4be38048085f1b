"""From a call as it was read to a call that may be executed: the name, the schema, the bytes.

The name is `names`', the arguments are `arguments`'. No guessing: whatever does not fit is a
`Broken` with the defect in one line. Executed is the model's own spelling of the arguments where
nothing of them was changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from seatrial.core.errors import FormatError
from seatrial.core.message import Call, CallSource, ToolSchema
from seatrial.core.schema import canonical_json
from seatrial.toolcalls.arguments import fit
from seatrial.toolcalls.names import resolve, unknown_tool
from seatrial.toolcalls.reading import Broken, RawCall
from seatrial.toolcalls.strict_json import StrictJSONError, read_whole

_SURROGATE = re.compile("[\ud800-\udfff]")
_LONGEST_REASON = 400
_SLICE_CHARS = 2**16


def accept(
    raw: RawCall, tools: Mapping[str, ToolSchema], call_id: str, source: CallSource
) -> Call | Broken:
    """The executable call, or why it is none."""
    resolved = resolve(raw.name, tools)
    if resolved is None:
        return unknown_tool(raw.name, tools)
    name, name_repairs = resolved
    fitted = fit(raw.arguments, tools[name].parameters, untyped=raw.untyped)
    if isinstance(fitted, Broken):
        return Broken(fitted.reason[:_LONGEST_REASON], name, "unfit")
    # The model's own spelling where there is one: nothing of it is lost on the way.
    own = raw.text if not fitted.repairs else None
    text = _written(fitted.arguments) if own is None else own
    if text is None or (own is not None and not _reads_as(own, fitted.arguments)):
        return Broken(
            "the arguments cannot be written as JSON (NaN, half of a surrogate pair)", name
        )
    repairs = (*raw.repairs, *name_repairs, *fitted.repairs)
    return Call(
        id=call_id,
        name=name,
        arguments=text,
        raw_span=raw.span,
        source=source,
        repairs=tuple(dict.fromkeys(repairs)),
    )


def arguments_of(call: Call) -> dict[str, Any]:
    """The arguments of `call`, decoded.

    Raises:
        FormatError: they are not one JSON object with one meaning.
    """
    try:
        value = read_whole(call.arguments)
    except StrictJSONError as error:
        raise FormatError(f"arguments of {call.name}: {error}") from None
    if not isinstance(value, dict):
        raise FormatError(f"arguments of {call.name}: not an object")
    return value


def same_call(left: Call, right: Call) -> bool:
    """Would both execute the same, however their arguments are spelled?"""
    return left.name == right.name and (
        left.arguments == right.arguments
        or canonical_json(arguments_of(left)) == canonical_json(arguments_of(right))
    )


def _written(value: object) -> str | None:
    """`value` as JSON that reads as exactly `value`; None = there is none."""
    text = ""
    try:
        if not _is_json(value):
            return None
        for piece in _pieces(value):
            # Grows in place: the pieces and the whole never stand in memory together.
            text += piece
    except (ValueError, RecursionError):
        return None
    return text


def _pieces(value: object) -> Iterator[str]:
    """The JSON of `value`, long texts in slices."""
    if isinstance(value, str) and len(value) > _SLICE_CHARS:
        yield '"'
        for at in range(0, len(value), _SLICE_CHARS):
            yield json.dumps(value[at : at + _SLICE_CHARS], ensure_ascii=False)[1:-1]
        yield '"'
    elif isinstance(value, dict) and value:
        for index, (key, item) in enumerate(value.items()):
            yield (", " if index else "{") + json.dumps(key, ensure_ascii=False) + ": "
            yield from _pieces(item)
        yield "}"
    else:
        yield json.dumps(value, ensure_ascii=False, allow_nan=False)


def _is_json(value: object) -> bool:
    """Is `value` made of what JSON has, and of text that is Unicode?"""
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(key) for key in value) and all(
            map(_is_json, value.values())
        )
    if isinstance(value, list):
        return all(map(_is_json, value))
    if isinstance(value, str):
        # Half surrogates cannot be written to a file or a socket.
        return value.isascii() or not _SURROGATE.search(value)
    return value is None or isinstance(value, (int, float))


def _reads_as(text: str, arguments: dict[str, Any]) -> bool:
    """What is executed must read as exactly what was checked."""
    try:
        return _same(read_whole(text), arguments)
    except StrictJSONError:
        return False


def _same(left: object, right: object) -> bool:
    """Equal in value and type: 1 is not true, and a list is no tuple."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return left == right
