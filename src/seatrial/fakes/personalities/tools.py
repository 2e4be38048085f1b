"""Which tool the toy model calls, and with which arguments.

The arguments are valid by the tool's schema, for the part of JSON Schema that tools use. In:
tools in OpenAI's form, what was asked. Out: the call that is wanted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

_ASKS = re.compile(r"\b(?:call|use|using|invoke|run|tool|function)\b", re.I)
_QUOTED = re.compile(r"[\"'`]([^\"'`\n]{1,200})[\"'`]")
_PATH = re.compile(r"[\w./-]*\w\.[A-Za-z]\w{0,5}\b|/[\w./-]+")
_PLACE = re.compile(r"\b(?:in|of|for|at|named|called|to)\s+([A-Z]\w+)")
_TOLD = re.compile(r":\s+([^\n]{1,200}?)[.\s]*$")
_NUMBER = re.compile(r"-?\d+")
_WORD = re.compile(r"[A-Za-z]{3,}")
_ANY_TEXT = "harbour"


class Wanted(msgspec.Struct, frozen=True):
    """A call that the model decided on."""

    name: str
    schema: dict[str, Any]
    asked: str


def wanted_tool(tools: Sequence[Mapping[str, Any]], asked: str, force: str | None) -> Wanted | None:
    """The tool to call; None = answer in prose."""
    functions = [tool.get("function", tool) for tool in tools]
    if force not in (None, "any"):
        functions = [one for one in functions if one.get("name") == force]
    chosen = next((one for one in functions if _mentioned(one, asked)), None)
    if chosen is None and functions and (force or _ASKS.search(asked)):
        chosen = functions[0]
    if chosen is None:
        return None
    return Wanted(str(chosen["name"]), dict(chosen.get("parameters") or {}), asked)


def arguments_for(call: Wanted) -> dict[str, Any]:
    """Arguments that the schema of the tool accepts."""
    value = _value(call.schema, call.asked)
    return value if isinstance(value, dict) else {}


def _mentioned(function: Mapping[str, Any], asked: str) -> bool:
    words = {word.lower() for word in _WORD.findall(asked)}
    name = str(function.get("name", ""))
    return name.lower() in asked.lower() or bool(
        words & {part.lower() for part in re.split(r"[_\W]+", name) if len(part) > 3}
    )


def _value(schema: Mapping[str, Any], asked: str) -> Any:  # noqa: ANN401 - any JSON
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        named = [one for one in schema["enum"] if str(one).lower() in asked.lower()]
        return (named or schema["enum"])[0]
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return _value(schema[key][0], asked)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        properties = schema.get("properties") or {}
        names = schema.get("required") or list(properties)
        return {name: _value(properties.get(name, {}), asked) for name in names}
    return _scalar(kind, schema, asked)


def _scalar(kind: str, schema: Mapping[str, Any], asked: str) -> Any:  # noqa: ANN401
    match kind:
        case "array":
            return [_value(schema.get("items") or {}, asked)] * max(schema.get("minItems", 1), 1)
        case "integer" | "number":
            found = _NUMBER.search(asked)
            number = int(found[0]) if found else 1
            return min(max(number, schema.get("minimum", number)), schema.get("maximum", number))
        case "boolean":
            return True
        case "null":
            return None
    for pattern in (_QUOTED, _PATH, _TOLD, _PLACE):
        if found := pattern.search(asked):
            return found[found.re.groups and 1]
    return _ANY_TEXT
