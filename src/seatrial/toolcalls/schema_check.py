"""A minimal JSON Schema check of tool arguments, and what a schema says about one argument.

Knows type, properties, required, additionalProperties, items, enum, const, anyOf, oneOf, allOf
and local `$ref`; other keywords (ranges, patterns, formats) are the tool's to check. One rule is
stricter than the standard: an undeclared argument is a defect unless the schema allows it in so
many words. A broken schema is a reason like any other, never another exception than
`BrokenSchemaError`. Changes no value; `coercion` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}
_SCALARS: dict[type, frozenset[str]] = {
    str: frozenset({"string"}),
    int: frozenset({"integer", "number"}),
    float: frozenset({"number"}),
    bool: frozenset({"boolean"}),
    type(None): frozenset({"null"}),
}
ANY = frozenset(_TYPES)
_REMARKS = frozenset(("type", "title", "description", "default", "examples"))
_MAX_DEPTH = 32
_MAX_LEAVES = 200


class BrokenSchemaError(Exception):
    """The schema itself cannot be used."""

    def __str__(self) -> str:
        return f"the schema of the tool is broken: {super().__str__()}"


class Forms(msgspec.Struct, frozen=True):
    """What one value may be."""

    leaves: list[dict[str, Any]]
    """The schema itself, or the branches of its anyOf or oneOf."""
    types: frozenset[str]

    @property
    def options(self) -> list[str]:
        """The strings that are named one by one as allowed."""
        named = [_listed(leaf) for leaf in self.leaves]
        return [value for values in named for value in values or () if isinstance(value, str)]

    def part(self, kind: str, keyword: str) -> object:
        """`keyword` of the one form that is of type `kind`; None = there is none, or several."""
        parts = [leaf for leaf in self.leaves if kind in _leaf_types(leaf)]
        return parts[0].get(keyword) if len(parts) == 1 else None


class Declared(msgspec.Struct, frozen=True):
    """What a tool takes."""

    root: dict[str, Any]
    """The whole schema, where references lead."""
    properties: dict[str, Any]
    required: tuple[str, ...]
    others: object
    """The schema of arguments that are not in `properties`; False = there are none."""
    _forms: dict[int, Forms]
    """By the identity of schemas, which are all parts of `root`."""

    @classmethod
    def of(cls, schema: object) -> Declared:
        """Read the schema of the arguments of a tool.

        Raises:
            BrokenSchemaError: it has the wrong form.
        """
        if not isinstance(schema, dict):
            raise BrokenSchemaError("it is not an object")
        node = _deref(schema, schema)
        properties, required = _members(node)
        others = node.get("additionalProperties", "properties" not in node)
        if not isinstance(others, (bool, dict)):
            raise BrokenSchemaError(f"additionalProperties is {_short(others)}")
        return cls(schema, properties, tuple(required), others, {})

    def schema_of(self, key: str) -> object:
        """The schema of the argument `key`; False = it may not be given."""
        return self.properties.get(key, self.others)

    def forms(self, schema: object) -> Forms:
        """What a value of `schema`, a part of the whole one, may be.

        Raises:
            BrokenSchemaError: the schema cannot be used.
        """
        if id(schema) not in self._forms:
            leaves = _leaves(schema, self.root)
            types = frozenset[str]().union(*map(_leaf_types, leaves))
            self._forms[id(schema)] = Forms(leaves, types)
        return self._forms[id(schema)]

    def fits(self, value: object, schema: object) -> bool:
        """Is `value` what `schema`, a part of the whole one, asks for?

        Raises:
            BrokenSchemaError: the schema cannot be used.
        """
        return _defect(value, schema, self.root, "", 0) is None


def check(arguments: dict[str, Any], schema: object) -> str | None:
    """The first defect of `arguments`, one line; None = they fit."""
    try:
        declared = Declared.of(schema)
        unknown = next((key for key in arguments if declared.schema_of(key) is False), None)
        if unknown is not None:
            return f"unknown argument {unknown!r}"
        return _defect(arguments, schema, declared.root, "", 0)
    except BrokenSchemaError as error:
        return str(error)


def is_type(value: object, types: frozenset[str]) -> bool:
    """Is `value` of one of `types`, as JSON counts them?"""
    return any([_is_type(value, name) for name in types])


def are_scalars(values: list[Any], types: frozenset[str]) -> bool:
    """Are all of `values` strings, numbers, booleans or null of one of `types`?"""
    return all([types & _SCALARS.get(kind, frozenset()) for kind in set(map(type, values))])


def _leaves(schema: object, root: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    waiting = [schema]
    for _ in range(_MAX_LEAVES):
        if not waiting:
            return found
        node = waiting.pop()
        if isinstance(node, bool):
            found += [{}] if node else []
            continue
        node = _deref(node, root)
        branches = None if "type" in node else _alternatives(node)
        if branches is None:
            found.append(node)
        else:
            waiting += reversed(branches)
    raise BrokenSchemaError("it has too many branches")


def _alternatives(node: dict[str, Any]) -> list[object] | None:
    for keyword in ("anyOf", "oneOf", "allOf"):
        branches = node.get(keyword)
        if branches is None:
            continue
        if not isinstance(branches, list) or not branches:
            raise BrokenSchemaError(f"{keyword} is not a list of schemas")
        # Several schemas that must all hold are no alternatives.
        return branches if keyword != "allOf" or len(branches) == 1 else None
    return None


def _leaf_types(leaf: dict[str, Any]) -> frozenset[str]:
    if "type" in leaf:
        return frozenset(_type_names(leaf["type"]))
    values = _listed(leaf)
    if not values:
        return ANY
    return frozenset(next(name for name in _TYPES if _is_type(value, name)) for value in values)


def _listed(leaf: dict[str, Any]) -> list[object] | None:
    if "const" in leaf:
        return [leaf["const"]]
    if "enum" in leaf and not isinstance(leaf["enum"], list):
        raise BrokenSchemaError("enum is not a list")
    return leaf.get("enum")


def _type_names(kind: object) -> list[str]:
    names: list[str] = []
    for name in kind if isinstance(kind, list) and kind else [kind]:
        if not isinstance(name, str):
            raise BrokenSchemaError(f"type {_short(kind)}")
        if name not in _TYPES:
            raise BrokenSchemaError(f"unknown type {name!r}")
        names.append(name)
    return names


def _members(node: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    properties, required = node.get("properties", {}), node.get("required", [])
    if (
        not isinstance(properties, dict)
        or not isinstance(required, list)
        or not all([isinstance(key, str) for key in (*properties, *required)])
    ):
        raise BrokenSchemaError("properties or required have the wrong form")
    return properties, required


def _is_type(value: object, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, _TYPES[name])


def _deref(schema: object, root: Mapping[str, Any]) -> dict[str, Any]:
    for _ in range(_MAX_DEPTH):
        if not isinstance(schema, dict):
            raise BrokenSchemaError(f"{_short(schema)} stands where a schema should")
        if "$ref" not in schema:
            return schema
        schema = _resolve(schema["$ref"], root)
    raise BrokenSchemaError("its references lead in a circle")


def _resolve(ref: object, root: Mapping[str, Any]) -> object:
    if not isinstance(ref, str) or not ref.startswith("#"):
        raise BrokenSchemaError(f"cannot follow $ref {_short(ref)}")
    node: object = root
    for token in ref.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if not isinstance(node, dict) or key not in node:
            raise BrokenSchemaError(f"$ref {_short(ref)} leads nowhere")
        node = node[key]
    return node


def _defect(
    value: object, schema: object, root: Mapping[str, Any], path: str, depth: int
) -> str | None:
    if depth > _MAX_DEPTH:
        raise BrokenSchemaError("it is nested too deeply")
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
    names = _type_names(node["type"])
    if any([_is_type(value, name) for name in names]):
        return None
    return f"{_place(path)} must be {' or '.join(names)}, not {_short(value)}"


def _choice_defect(value: object, node: dict[str, Any], path: str) -> str | None:
    if "const" in node and not _same(value, node["const"]):
        return f"{_place(path)} must be {_short(node['const'])}, not {_short(value)}"
    if "enum" not in node:
        return None
    if not isinstance(node["enum"], list):
        raise BrokenSchemaError("enum is not a list")
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
            raise BrokenSchemaError(f"{keyword} is not a list of schemas")
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
    properties, required = _members(node)
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
    items = _deref(node["items"], root) if isinstance(node["items"], dict) else {}
    # Long lists of numbers are checked at once.
    simple = _type_names(items["type"]) if "type" in items and items.keys() <= _REMARKS else []
    if are_scalars(value, frozenset(simple)):
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
