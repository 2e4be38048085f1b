"""Code mode: the model is offered one tool that runs code, and calls what is inside directly.

The near miss `read_file(path="x")`, in any dialect, becomes the code that was meant, if the option
names the function. In: a raw call. Out: the call of the tool that runs code, a defect, or nothing.
The code that a model wrote itself is never looked at.
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from seatrial.core.message import ToolSchema
from seatrial.toolcalls.options import CodeMode
from seatrial.toolcalls.python_calls import plain_name
from seatrial.toolcalls.reading import Broken, RawCall
from seatrial.toolcalls.repairs import declare
from seatrial.toolcalls.strict_json import MAX_DEPTH, StrictJSONError, read_whole

CODE_MODE_WRAPPED = declare(
    "code_mode_wrapped",
    "shape",
    "A direct call of a function that exists only inside the code is wrapped into code.",
    '<tool_call>\n{"name": "read_file", "arguments": {"path": "a.py"}}\n</tool_call>',
    options={"code_mode": CodeMode(tool="sh", argument="cmd", functions=("read_file",))},
)
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)


class _NotPlainError(Exception):
    """A value that is not plain JSON."""


def wrap(
    raw: RawCall, code_mode: CodeMode | None, tools: Mapping[str, ToolSchema]
) -> RawCall | Broken | None:
    """`raw` as a call of the tool that runs code; None = this is no near miss."""
    setup = code_mode or CodeMode()
    name = plain_name(raw.name)
    if name in tools or raw.name in tools or setup.tool not in tools:
        return None
    if name not in setup.functions:
        only = len(tools) == 1 and _IDENTIFIER.fullmatch(name)
        return Broken(f"{name} is not offered; call it inside {setup.tool}", name) if only else None
    arguments = _decoded(raw.arguments)
    if arguments is None:
        return Broken(f"the arguments of {name} cannot be read; call it inside {setup.tool}", name)
    if (odd := _uncertain(arguments) if raw.untyped else None) is not None:
        return Broken(f"{odd} may be text or a value; call {name} inside {setup.tool}", name)
    try:
        code = f"print({_call(name, arguments)})"
    except _NotPlainError:
        return Broken(f"the arguments of {name} are no plain values", name)
    return msgspec.structs.replace(
        raw,
        name=setup.tool,
        arguments={setup.argument: code},
        text=None,
        repairs=(*raw.repairs, CODE_MODE_WRAPPED),
        untyped=False,
    )


def _decoded(arguments: object) -> dict[str, Any] | None:
    if isinstance(arguments, str):
        try:
            arguments = read_whole(arguments)
        except StrictJSONError:
            return None
    return arguments if isinstance(arguments, dict) else None


def _uncertain(arguments: dict[str, Any]) -> str | None:
    """An argument without a type that reads as more than text: its schema is not known here."""
    for key, value in arguments.items():
        if isinstance(value, str) and (value in ("True", "False", "None") or _is_json(value)):
            return key
    return None


def _is_json(text: str) -> bool:
    try:
        read_whole(text)
    except StrictJSONError:
        return False
    return True


def _call(name: str, arguments: dict[str, Any]) -> str:
    for word in (name, *arguments):
        if not _IDENTIFIER.fullmatch(word) or keyword.iskeyword(word):
            raise _NotPlainError
    given = ", ".join(f"{key}={_literal(value, 0)}" for key, value in arguments.items())
    return f"{name}({given})"


def _literal(value: object, depth: int) -> str:
    """`value` as Python writes it."""
    if depth > MAX_DEPTH:
        raise _NotPlainError
    if isinstance(value, list):
        return f"[{', '.join(_literal(item, depth + 1) for item in value)}]"
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        pairs = (f"{key!r}: {_literal(item, depth + 1)}" for key, item in value.items())
        return f"{{{', '.join(pairs)}}}"
    plain = value is None or isinstance(value, (str, bool, int, float))
    if not plain or (isinstance(value, float) and not math.isfinite(value)):
        raise _NotPlainError
    return repr(value)
