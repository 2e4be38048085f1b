"""Calls that are written as Python: `view(file="a.py")`, or a list of them, with literals only.

Nothing is evaluated: the syntax tree is read, and whatever is not a literal is no call. Strings
mean what they mean in Python. In: text and a place. Out: raw calls and the place behind them.
Not here: whether such text is meant as a call; that is for who calls this.
"""

from __future__ import annotations

import ast
import math
import re
import warnings
from collections.abc import Mapping
from typing import Any

import msgspec

from seatrial.core.message import ToolSchema
from seatrial.toolcalls.reading import BLANK, Broken, RawCall, skip_blanks
from seatrial.toolcalls.repairs import declare
from seatrial.toolcalls.strict_json import MAX_DEPTH

MAX_CHARS = 512 * 1024
"""More than a local model writes in one turn; it bounds the cost of the syntax tree."""
NAMESPACES = ("functions.", "default_api.")
"""Namespaces that prompts of models name, and models copy."""

JSON_LITERAL = declare(
    "json_literal",
    "json",
    "`true`, `false` or `null` stands in a Python call and is read as JSON means it.",
    '<|python_start|>[find(pattern="x", hidden=true)]<|python_end|>',
)

_NAME = re.compile(r"[A-Za-z_][\w.-]*+(?=\()", re.ASCII)
# Outside of strings a call with literals holds nothing else; prose and code end here soon.
_FILLER = re.compile(r"[\w\s.,:=+-]*+", re.ASCII)
_STRINGS = {
    mark: re.compile(body, re.DOTALL)
    for mark, body in {
        '"""': r'"""[^"\\]*+(?:(?:\\.|"(?!""))[^"\\]*+)*+"""',
        "'''": r"'''[^'\\]*+(?:(?:\\.|'(?!''))[^'\\]*+)*+'''",
        '"': r'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"',
        "'": r"'[^'\\\n]*+(?:\\.[^'\\\n]*+)*+'",
    }.items()
}
_KEYWORD = re.compile(r"\(\s*+(\w+)\s*+=\s*+[\"'\[{\w-]", re.ASCII)
_TAIL = 200
_NO_OBJECTS = ("string", "integer", "number", "boolean", "array", "null")
_WORDS = {"true": True, "false": False, "null": None}


class Attempt(msgspec.Struct, frozen=True):
    """What stands at a place that may begin a call."""

    end: int
    """Behind the calls, or how far was looked."""
    calls: tuple[RawCall, ...] = ()
    broken: Broken | None = None
    """A call was begun and cannot be read with certainty."""
    evident: bool = False
    """An argument of a declared tool is named, so this is no other function of that name."""


_MAX_BITS = 4096


class _NotLiteralError(Exception):
    """A value that would have to be evaluated."""


def attempt(text: str, at: int, tools: Mapping[str, ToolSchema]) -> Attempt:
    """The call at `at`, or the list of calls; what is begun and not certain is told from text."""
    if text[at : at + 1] != "[":
        return _one(text, at, tools)
    calls: list[RawCall] = []
    evident = False
    at = skip_blanks(text, at + 1)
    while True:
        one = _one(text, at, tools)
        evident = evident or one.evident
        if not one.calls or one.broken:
            return Attempt(one.end, (), one.broken, evident)
        calls += one.calls
        at = skip_blanks(text, one.end)
        if text[at : at + 1] == ",":
            at = skip_blanks(text, at + 1)
        elif text[at : at + 1] != "]":
            return Attempt(at, (), None, evident)
        if text[at : at + 1] == "]":
            return Attempt(at + 1, tuple(calls), None, evident)


def plain_name(name: str) -> str:
    """`name` without one of the usual namespaces."""
    for prefix in NAMESPACES:
        if name.startswith(prefix):
            return name[len(prefix) :]
    return name


def declares(tool: ToolSchema | None, key: str) -> bool:
    """May `key` be an argument of `tool`?"""
    if tool is None:
        return False
    properties, extra = (
        tool.parameters.get("properties"),
        tool.parameters.get("additionalProperties"),
    )
    named = isinstance(properties, dict) and key in properties
    return named or extra is True or isinstance(extra, dict)


def sole_required(tool: ToolSchema | None) -> str | None:
    """The one argument that `tool` cannot do without, if it is one."""
    required = tool.parameters.get("required") if tool else None
    if not isinstance(required, list) or len(required) != 1:
        return None
    return required[0] if isinstance(required[0], str) else None


def takes_object(tool: ToolSchema | None) -> bool:
    """May the one argument that `tool` needs be an object?"""
    key = sole_required(tool)
    properties = tool.parameters.get("properties") if tool else None
    schema = properties.get(key) if isinstance(properties, dict) else None
    return key is not None and not (isinstance(schema, dict) and schema.get("type") in _NO_OBJECTS)


def _one(text: str, at: int, tools: Mapping[str, ToolSchema]) -> Attempt:
    head = _NAME.match(text, at)
    if head is None:
        return Attempt(at)
    name, tool = head.group(), tools.get(plain_name(head.group()))
    end, closed = closing(text, head.end())
    if not closed:
        keyword = _KEYWORD.match(text, head.end())
        evident = keyword is not None and declares(tool, keyword.group(1))
        return _unclosed(text, end, name) if evident else Attempt(end)
    node = _parse(text[head.end() : end])
    if node is None:
        return Attempt(end)
    keys = [keyword.arg for keyword in node.keywords]
    evident = any(key is not None and declares(tool, key) for key in keys)
    repairs: list[str] = []
    try:
        arguments = _arguments(node, tool, repairs)
    except _NotLiteralError:
        return Attempt(end, (), None, evident)
    if isinstance(arguments, str):
        return Attempt(end, (), Broken(arguments, name), evident)
    call = RawCall(name, arguments, (at, end), repairs=tuple(dict.fromkeys(repairs)))
    return Attempt(end, (call,), None, evident)


def _unclosed(text: str, at: int, name: str) -> Attempt:
    """A named argument of a declared tool was begun, and a bracket or a quote was not closed."""
    if at == len(text):
        return Attempt(at, (), Broken("the call is not closed", name), True)
    if text[at] in "\"'" and text[-_TAIL:].rstrip(BLANK + "`~").endswith((")", "]")):
        return Attempt(len(text), (), Broken("a string in quotes holds a raw newline", name), True)
    return Attempt(at, (), None, True)


def closing(text: str, at: int) -> tuple[int, bool]:
    """Behind the bracket that closes the one at `at`; else how far it was looked, and False."""
    closers: list[str] = []
    bound = at + MAX_CHARS
    while at < bound:
        at = _FILLER.match(text, at).end()  # type: ignore[union-attr]
        mark = text[at : at + 1]
        if mark and mark in "\"'":
            triple = mark * 3
            kind = triple if text.startswith(triple, at) else mark
            string = _STRINGS[kind].match(text, at)
            if string is None:
                return (len(text) if kind == triple or text.find("\n", at) < 0 else at), False
            at = string.end()
        elif mark and mark in "([{" and len(closers) < MAX_DEPTH:
            closers.append(")]}"["([{".index(mark)])
            at += 1
        elif closers and mark == closers[-1]:
            closers.pop()
            at += 1
            if not closers:
                return at, True
        else:
            return at, False
    return at, False


def _parse(source: str) -> ast.Call | None:
    # Python reads a carriage return in a string as a newline: not what the model wrote.
    if len(source) > MAX_CHARS or "\r" in source:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            node = ast.parse("_" + source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return node if isinstance(node, ast.Call) else None


def _arguments(node: ast.Call, tool: ToolSchema | None, repairs: list[str]) -> dict[str, Any] | str:
    """The arguments by name, or the defect."""
    named: dict[str, Any] = {}
    for keyword in node.keywords:
        if keyword.arg is None:
            raise _NotLiteralError
        if keyword.arg in named:
            return f"the argument {keyword.arg!r} is given twice"
        named[keyword.arg] = _value(keyword.value, repairs)
    if not node.args:
        return named
    values = [_value(value, repairs) for value in node.args]
    if len(values) == 1:
        placed = _positional(values[0], named, tool)
        if placed is not None:
            return placed
    return "arguments stand without their names"


def _positional(
    value: object, named: dict[str, Any], tool: ToolSchema | None
) -> dict[str, Any] | None:
    """The arguments, if one value without a name can stand for only one thing."""
    key = sole_required(tool)
    fits = key is not None and key not in named
    if isinstance(value, dict):
        # JavaScript's way, f({...}), unless the tool takes an object.
        whole = not named and all(declares(tool, name) for name in value)
        object_fits = fits and takes_object(tool)
        if whole and not object_fits:
            return value
        fits = object_fits and not whole
    return {key: value, **named} if fits and key is not None else None


def _value(node: ast.expr, repairs: list[str]) -> Any:  # noqa: ANN401
    match node:
        case ast.Constant(value=value):
            return _constant(value)
        case ast.Name(id=word) if word in _WORDS:
            repairs.append(JSON_LITERAL)
            return _WORDS[word]
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=value)):
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise _NotLiteralError
            return _constant(-value)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_value(item, repairs) for item in items]
        case ast.Dict(keys=keys, values=values):
            return _dict(keys, values, repairs)
    raise _NotLiteralError


def _dict(
    keys: list[ast.expr | None], values: list[ast.expr], repairs: list[str]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in zip(keys, values, strict=True):
        name = _constant(key.value) if isinstance(key, ast.Constant) else None
        if not isinstance(name, str) or name in found:
            raise _NotLiteralError
        found[name] = _value(value, repairs)
    return found


def _constant(value: object) -> object:
    """`value`, if JSON can hold it."""
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise _NotLiteralError from None
    elif isinstance(value, int) and value.bit_length() > _MAX_BITS:
        # Python writes no longer number in decimal.
        raise _NotLiteralError
    elif not (value is None or isinstance(value, (bool, int))) and not (
        isinstance(value, float) and math.isfinite(value)
    ):
        raise _NotLiteralError
    return value
