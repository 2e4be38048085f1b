"""A minimal JSON Schema check of tool arguments, and the coercions that lose nothing.

Knows type, properties, required, additionalProperties, items, enum, const, anyOf, oneOf, allOf
and local `$ref`; other keywords (ranges, patterns, formats) are the tool's to check. One rule is
stricter than the standard: an undeclared argument is a defect unless the schema allows it in so
many words. A broken schema is a reason like any other, never an exception.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from seatrial.toolcalls.strict_json import StrictJSONError, read_whole

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}
_ANY = frozenset(_TYPES)
_MAX_DEPTH = 32


class _BrokenSchemaError(Exception):
    """The schema itself cannot be used."""


def check(arguments: dict[str, Any], schema: object) -> str | None:
    """The first defect of `arguments`, one line; None = they fit."""
    try:
        if not isinstance(schema, dict):
            raise _BrokenSchemaError("it is not an object")
        root = _deref(schema, schema)
        unknown = next((key for key in arguments if property_type(root, key) is None), None)
        if unknown is not None:
            return f"unknown argument {unknown!r}"
        return _defect(arguments, root, schema, "", 0)
    except _BrokenSchemaError as error:
        return f"the schema of the tool is broken: {error}"


def coerce(arguments: dict[str, Any], schema: object) -> tuple[dict[str, Any], bool]:
    """`arguments` with strings read as the declared type where nothing is lost, and if any was.

    "3" for an integer, "1.5" for a number, "true" for a boolean, JSON text for an array or an
    object, and 3.0 for an integer. Never for an argument that may be a string.
    """
    changed = {
        key: new
        for key, value in arguments.items()
        if (new := _coerced(value, property_type(schema, key) or _ANY)) is not value
    }
    return ({**arguments, **changed}, True) if changed else (arguments, False)


def property_type(schema: object, key: str) -> frozenset[str] | None:
    """The types that the argument `key` may have; None = it may not be given at all."""
    if not isinstance(schema, dict):
        return _ANY
    try:
        root = _deref(schema, schema)
        properties = root.get("properties")
        if isinstance(properties, dict) and key in properties:
            return _types(properties[key], schema, 0)
        extra = root.get("additionalProperties")
        if isinstance(extra, dict):
            return _types(extra, schema, 0)
    except _BrokenSchemaError:
        return _ANY
    return _ANY if extra is True or (properties is None and extra is None) else None


def _types(schema: object, root: Mapping[str, Any], depth: int) -> frozenset[str]:
    if schema is True:
        return _ANY
    node = _deref(schema, root)
    if "type" in node:
        named = node["type"] if isinstance(node["type"], list) else [node["type"]]
        return frozenset(name for name in named if isinstance(name, str))
    branches = node.get("anyOf") or node.get("oneOf")
    if isinstance(branches, list) and depth < _MAX_DEPTH:
        return frozenset[str]().union(*(_types(branch, root, depth + 1) for branch in branches))
    values = node.get("enum")
    if isinstance(values, list) and values and all(isinstance(value, str) for value in values):
        return frozenset({"string"})
    return _ANY


def _coerced(value: object, types: frozenset[str]) -> object:
    if "string" in types or isinstance(value, bool):
        return value
    if isinstance(value, float):
        # Beyond 2**53 a whole float may stand for several integers.
        whole = value.is_integer() and abs(value) < 2**53
        return int(value) if whole and "integer" in types and "number" not in types else value
    if not isinstance(value, str):
        return value
    try:
        read = read_whole(value)
    except StrictJSONError:
        return value
    if isinstance(read, str) or read is None:
        return value
    number = isinstance(read, (int, float)) and not isinstance(read, bool)
    # "03" is no JSON; "1e3" and "1.50" are, but would be written differently.
    if number and str(read) != value:
        return value
    return read if any(_is_type(read, name) for name in types) else value


def _is_type(value: object, name: str) -> bool:
    if name not in _TYPES:
        raise _BrokenSchemaError(f"unknown type {name!r}")
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, _TYPES[name])


def _deref(schema: object, root: Mapping[str, Any]) -> dict[str, Any]:
    for _ in range(_MAX_DEPTH):
        if not isinstance(schema, dict):
            raise _BrokenSchemaError(f"{_short(schema)} stands where a schema should")
        if "$ref" not in schema:
            return schema
        schema = _resolve(schema["$ref"], root)
    raise _BrokenSchemaError("its references lead in a circle")


def _resolve(ref: object, root: Mapping[str, Any]) -> object:
    if not isinstance(ref, str) or not ref.startswith("#"):
        raise _BrokenSchemaError(f"cannot follow $ref {_short(ref)}")
    node: object = root
    for token in ref.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if not isinstance(node, dict) or key not in node:
            raise _BrokenSchemaError(f"$ref {_short(ref)} leads nowhere")
        node = node[key]
    return node


def _defect(
    value: object, schema: object, root: Mapping[str, Any], path: str, depth: int
) -> str | None:
    if depth > _MAX_DEPTH:
        raise _BrokenSchemaError("it is nested too deeply")
    if schema is True:
        return None
    node = _deref(schema, root)
    return (
        _type_defect(value, node, path)
        or _choice_defect(value, node, path)
        or _branch_defect(value, node, root, path, depth)
        or _object_defect(value, node, root, path, depth)
        or _array_defect(value, node, root, path, depth)
    )


def _type_defect(value: object, node: dict[str, Any], path: str) -> str | None:
    if "type" not in node:
        return None
    names = node["type"] if isinstance(node["type"], list) else [node["type"]]
    if not names or not all(isinstance(name, str) for name in names):
        raise _BrokenSchemaError(f"type {_short(node['type'])}")
    if any([_is_type(value, name) for name in names]):
        return None
    return f"{_place(path)} must be {' or '.join(names)}, not {_short(value)}"


def _choice_defect(value: object, node: dict[str, Any], path: str) -> str | None:
    if "const" in node and not _same(value, node["const"]):
        return f"{_place(path)} must be {_short(node['const'])}, not {_short(value)}"
    if "enum" not in node:
        return None
    if not isinstance(node["enum"], list):
        raise _BrokenSchemaError("enum is not a list")
    if any(_same(value, allowed) for allowed in node["enum"]):
        return None
    return f"{_place(path)} must be one of {_short(node['enum'])}, not {_short(value)}"


def _branch_defect(
    value: object, node: dict[str, Any], root: Mapping[str, Any], path: str, depth: int
) -> str | None:
    for keyword in ("allOf", "anyOf", "oneOf"):
        branches = node.get(keyword)
        if branches is None:
            continue
        if not isinstance(branches, list) or not branches:
            raise _BrokenSchemaError(f"{keyword} is not a list of schemas")
        defects = [_defect(value, branch, root, path, depth + 1) for branch in branches]
        fitting = defects.count(None)
        if keyword == "allOf" and fitting < len(defects):
            return next(defect for defect in defects if defect)
        if fitting == 0 or (keyword == "oneOf" and fitting > 1):
            return f"{_place(path)} fits {fitting} of the forms that the schema allows"
    return None


def _object_defect(
    value: object, node: dict[str, Any], root: Mapping[str, Any], path: str, depth: int
) -> str | None:
    properties, required = node.get("properties", {}), node.get("required", [])
    if not isinstance(properties, dict) or not isinstance(required, list):
        raise _BrokenSchemaError("properties or required have the wrong form")
    if not isinstance(value, dict):
        return None
    missing = next((key for key in required if key not in value), None)
    if missing is not None:
        return f"the required argument {_dotted(path, missing)!r} is missing"
    extra = node.get("additionalProperties", True)
    for key, item in value.items():
        part = properties.get(key, extra)
        if part is False:
            return f"unknown argument {_dotted(path, key)!r}"
        if defect := _defect(item, part, root, _dotted(path, key), depth + 1):
            return defect
    return None


def _array_defect(
    value: object, node: dict[str, Any], root: Mapping[str, Any], path: str, depth: int
) -> str | None:
    if not isinstance(value, list) or "items" not in node:
        return None
    defects = (
        _defect(item, node["items"], root, f"{path}[{index}]", depth + 1)
        for index, item in enumerate(value)
    )
    return next((defect for defect in defects if defect), None)


def _same(left: object, right: object) -> bool:
    # In Python True == 1, in JSON it is not.
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _dotted(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def _place(path: str) -> str:
    return f"argument {path!r}" if path else "the arguments"


def _short(value: object) -> str:
    try:
        text = msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError):
        text = type(value).__name__
    return text if len(text) <= 60 else text[:57] + "..."
