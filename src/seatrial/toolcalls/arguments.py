"""The arguments of a call as a model wrote them -> the arguments that the tool declares.

Unwrapped, with declared keys, typed by the schema and checked. Every change is one of a closed
list and has a repair id; where two things could be meant, and where something is missing, the
answer is a defect. Knows nothing of names of tools and of the text of a call.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from seatrial.toolcalls.coercion import TwoReadingsError, coerced, typed
from seatrial.toolcalls.names import shorten, snake
from seatrial.toolcalls.reading import BLANK, Broken
from seatrial.toolcalls.repairs import declare
from seatrial.toolcalls.schema_check import (
    BrokenSchemaError,
    Declared,
    check,
    is_type,
)
from seatrial.toolcalls.strict_json import StrictJSONError, read_whole


def _example(name: str, arguments: object) -> str:
    call = json.dumps({"name": name, "arguments": arguments})
    return f"<tool_call>\n{call}\n</tool_call>"


ARGUMENTS_STRING = declare(
    "arguments_string",
    "shape",
    "The arguments are a string of JSON; it is decoded.",
    _example("view", '{"file": "a.py"}'),
)
ARGUMENTS_WRAPPED = declare(
    "arguments_wrapped",
    "shape",
    "The arguments are wrapped once more, under a key such as arguments or in a list of one.",
    _example("view", {"arguments": {"file": "a.py"}}),
)
ARGUMENTS_MISSING = declare(
    "arguments_missing",
    "shape",
    "There are no arguments, and the tool needs none.",
    '<tool_call>\n{"name": "status"}\n</tool_call>',
)
KEY_SPELLING = declare(
    "key_spelling",
    "argument",
    "The name of an argument is in other case, in camel case, or with hyphens or blanks.",
    _example("view", {"File": "a.py"}),
)
KEY_ALIAS = declare(
    "key_alias",
    "argument",
    "The name of an argument is another usual word for the declared one, which is missing.",
    _example("view", {"path": "a.py"}),
)
ANNOTATION_DROPPED = declare(
    "annotation_dropped",
    "argument",
    "A remark beside the arguments (description, reason ...) that the tool does not take is "
    "dropped.",
    _example("view", {"file": "a.py", "reason": "to see it"}),
)
NULL_DROPPED = declare(
    "null_dropped",
    "argument",
    "An optional argument that is null although it may not be is left out.",
    _example("sh", {"cmd": "id", "secs": None}),
)

WRAPPERS = ("arguments", "input", "parameters", "args", "kwargs", "params")
ANNOTATIONS = frozenset(
    ("description", "explanation", "reason", "thought", "rationale", "justification", "summary")
)
PATHS = ("path", "file", "file_path", "filepath", "filename", "file_name", "absolute_path")
ALIASES = (
    PATHS,
    ("command", "cmd", "shell_command", "bash_command"),
    ("content", "contents", "file_text", "text", "file_content"),
    ("old_string", "old_str", "old_text", "old"),
    ("new_string", "new_str", "new_text", "new"),
    ("pattern", "query", "regex", "search"),
    ("code", "script", "source", "python_code"),
)
_CLASS_OF = {word: number for number, words in enumerate(ALIASES) for word in words}
_BODIES = frozenset(
    ("body", "content", "contents", "text", "message", "comment", "note", "notes", "details")
)
"""Where a tool takes such a text and none is given, a remark may be that text."""
_LONGEST_KEY = 256
_MAX_WRAPS = 6


class Fitted(msgspec.Struct, frozen=True):
    """Arguments that the tool takes."""

    arguments: dict[str, Any]
    repairs: tuple[str, ...]
    """Empty = they are what the model wrote."""


class _DefectError(ValueError):
    """The arguments cannot be used; the message is the reason, one line."""


def fit(arguments: object, schema: object, *, untyped: bool = False) -> Fitted | Broken:
    """`arguments` as the tool with the parameters `schema` takes them, or why they do not fit."""
    try:
        declared = Declared.of(schema)
        repairs: list[str] = []
        given, untyped = _unwrapped(arguments, declared, untyped, repairs)
        found = _with_types(_with_keys(given, declared, repairs), declared, untyped, repairs)
    except (BrokenSchemaError, _DefectError) as error:
        return Broken(str(error))
    defect = check(found, schema)
    return Fitted(found, tuple(dict.fromkeys(repairs))) if defect is None else Broken(defect)


def schema_defect(schema: object) -> str | None:
    """Why no arguments at all can be checked by `schema`."""
    try:
        Declared.of(schema)
    except BrokenSchemaError as error:
        return str(error)
    return None


def names_argument(key: str, schema: object) -> bool:
    """Does `key` stand for a declared argument, in whatever spelling?"""
    try:
        declared = Declared.of(schema)
        return key in declared.properties or _Keys(declared).target(key) is not None
    except (BrokenSchemaError, _DefectError):
        return False


def is_annotation(key: str, value: object) -> bool:
    """Is this a remark that may be left out?"""
    scalar = not isinstance(value, (dict, list))
    return scalar and len(key) <= _LONGEST_KEY and snake(key) in ANNOTATIONS


def _unwrapped(
    value: object, declared: Declared, untyped: bool, repairs: list[str]
) -> tuple[dict[str, Any], bool]:
    """The object of arguments inside of `value`, and whether its values are text without types."""
    for _ in range(_MAX_WRAPS):
        if isinstance(value, str) and not _is_nothing(value):
            value, repair = _decoded(value), ARGUMENTS_STRING
        elif isinstance(value, list) and len(value) == 1:
            value, repair = value[0], ARGUMENTS_WRAPPED
        elif isinstance(value, dict) and (key := _wrapper(value, declared)) is not None:
            value, repair = value[key], ARGUMENTS_WRAPPED
            if untyped and isinstance(value, str):
                # Text in markup is JSON by its own right, not a string that holds JSON.
                value, untyped = _decoded(value), False
        else:
            break
        repairs.append(repair)
    if isinstance(value, dict) and all([isinstance(key, str) for key in value]):
        return value, untyped
    if not _is_nothing(value):
        raise _DefectError("the arguments are not an object")
    if declared.required:
        names = ", ".join(map(repr, declared.required))
        raise _DefectError(f"the arguments are missing (required: {names})")
    repairs.append(ARGUMENTS_MISSING)
    return {}, untyped


def _decoded(text: str) -> object:
    try:
        return read_whole(text)
    except StrictJSONError as error:
        raise _DefectError(f"the arguments are a string that cannot be read: {error}") from None


def _wrapper(given: dict[str, Any], declared: Declared) -> str | None:
    """The only key, if it is a word for arguments that the tool does not declare."""
    key, value = next(iter(given.items())) if len(given) == 1 else (None, None)
    if key not in WRAPPERS or declared.others is not False:
        return None
    holds = isinstance(value, (dict, list)) or _is_nothing(value)
    holds = holds or (isinstance(value, str) and value.lstrip(BLANK)[:1] in ("{", "["))
    return key if holds and key not in map(snake, declared.properties) else None


def _is_nothing(value: object) -> bool:
    return value is None or value == [] or (isinstance(value, str) and not value.strip(BLANK))


class _Keys:
    """What keys may stand for, by the declared names."""

    def __init__(self, declared: Declared) -> None:
        self._spelled: dict[str, dict[str, None]] = {}
        self._classes: dict[int, list[str]] = {}
        for name in declared.properties:
            for spelling in (snake(name), name.casefold()):
                self._spelled.setdefault(spelling, {})[name] = None
            if (number := _CLASS_OF.get(snake(name))) is not None:
                self._classes.setdefault(number, []).append(name)

    def target(self, key: str) -> tuple[str, str] | None:
        """The declared name that `key`, which is not declared, stands for, and the repair."""
        if len(key) > _LONGEST_KEY:
            return None
        word = snake(key)
        names = {**self._spelled.get(word, {}), **self._spelled.get(key.strip().casefold(), {})}
        found, repair = list(names), KEY_SPELLING
        if not found and word in _CLASS_OF:
            found, repair = self._classes.get(_CLASS_OF[word], []), KEY_ALIAS
        if not found:
            return None
        if len(found) > 1:
            choices = " or ".join(map(repr, found))
            raise _DefectError(f"unknown argument {shorten(key)!r}; it could be {choices}")
        return found[0], repair


def _with_keys(given: dict[str, Any], declared: Declared, repairs: list[str]) -> dict[str, Any]:
    """`given` under the declared names."""
    if given.keys() <= declared.properties.keys():
        return given
    keys = _Keys(declared)
    found: dict[str, Any] = {}
    for key, value in given.items():
        name = key if key in declared.properties else _renamed(key, given, keys, declared, repairs)
        if name is None:
            continue
        if name in found or (name != key and name in given):
            raise _DefectError(f"the argument {shorten(name)!r} is given twice, under two names")
        found[name] = value
    return found


def _renamed(
    key: str, given: dict[str, Any], keys: _Keys, declared: Declared, repairs: list[str]
) -> str | None:
    """The name of an argument whose key is not declared; None = it is left out."""
    if declared.others is not False:
        # Other arguments are allowed: it is one, unless a required one is missing without it.
        missing = set(declared.required) - given.keys()
        target = keys.target(key) if missing else None
        target = target if target and target[0] in missing else (key, "")
    else:
        target = keys.target(key)
    if target is not None:
        repairs += filter(None, target[1:])
        return target[0]
    if is_annotation(key, given[key]) and not (_BODIES & declared.properties.keys() - given.keys()):
        repairs.append(ANNOTATION_DROPPED)
        return None
    takes = ", ".join(declared.properties) or "none"
    raise _DefectError(f"unknown argument {shorten(key)!r} (the tool takes: {takes})")


def _with_types(
    given: dict[str, Any], declared: Declared, untyped: bool, repairs: list[str]
) -> dict[str, Any]:
    """`given` with values of the declared types, as far as one can say."""
    found: dict[str, Any] = {}
    for key, value in given.items():
        schema = declared.schema_of(key)
        try:
            if untyped and isinstance(value, str):
                value = typed(value, schema, declared)
        except TwoReadingsError:
            # Nobody gives an optional argument to say "null".
            if key in declared.required or value.strip(BLANK) not in ("null", "None"):
                raise _DefectError(
                    f"the argument {shorten(key)!r} can be read as a string or as JSON"
                ) from None
            value = None
        value, changes = coerced(value, schema, declared)
        optional = key not in declared.required
        if value is None and optional and not is_type(None, declared.forms(schema).types):
            repairs.append(NULL_DROPPED)
            continue
        repairs += changes
        found[key] = value
    return found
