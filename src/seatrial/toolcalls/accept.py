"""From a call as it was read to a call that may be executed: the name, the schema, the bytes.

Names are exact. Coercions are those of `schema_check` and are labelled. No guessing: whatever
does not fit is a `Broken` with the defect in one line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from seatrial.core.errors import FormatError
from seatrial.core.message import Call, CallSource, ToolSchema
from seatrial.core.schema import canonical_json
from seatrial.toolcalls.reading import Broken, Complete
from seatrial.toolcalls.schema_check import check, coerce
from seatrial.toolcalls.strict_json import StrictJSONError, read_whole


def accept(
    read: Complete,
    tools: Mapping[str, ToolSchema],
    call_id: str,
    span: tuple[int, int],
    extra_repairs: tuple[str, ...] = (),
) -> Call | Broken:
    """The executable call, or why it is none."""
    if read.name not in tools:
        offered = ", ".join(tools) or "none"
        return Broken(f"unknown tool {read.name[:80]!r} (offered: {offered})", read.name)
    schema = tools[read.name].parameters
    arguments, coerced = coerce(read.arguments, schema)
    defect = check(arguments, schema)
    if defect is not None:
        return Broken(defect, read.name)
    repairs = extra_repairs + read.repairs + (("type_coerced",) if coerced else ())
    # The model's own spelling where there is one: nothing of it is lost on the way.
    text = read.text if read.text is not None and not coerced else _dump(arguments)
    source: CallSource = "orphan" if "opener_missing" in repairs else "envelope"
    return Call(
        id=call_id,
        name=read.name,
        arguments=text,
        raw_span=span,
        source=source,
        repairs=repairs,
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


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
