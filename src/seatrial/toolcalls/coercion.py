"""A value of the wrong type -> the value that was meant, where only one can be meant.

By the declared schema, with nothing lost: exact text of a number, a boolean or null, JSON text of
an array or an object, one item where a list of such items is wanted, an enum value in other case.
An argument that may be a string is never read as anything else. Whether the result fits is for
`schema_check` to say. Also reads the values of markup dialects, which are text without types.
"""

from __future__ import annotations

import json
import re
from copy import copy
from decimal import Decimal
from typing import Any

from seatrial.toolcalls.reading import BLANK
from seatrial.toolcalls.repairs import declare
from seatrial.toolcalls.schema_check import ANY, Declared, Forms, are_scalars, is_type
from seatrial.toolcalls.strict_json import StrictJSONError, read_whole


def _example(name: str, arguments: dict[str, object]) -> str:
    call = json.dumps({"name": name, "arguments": arguments})
    return f"<tool_call>\n{call}\n</tool_call>"


TYPE_COERCED = declare(
    "type_coerced",
    "argument",
    "A number, a boolean or null that is written as a string, or a whole float for an integer, is "
    "read as declared. Never where a string is allowed.",
    _example("sh", {"cmd": "id", "secs": "30"}),
)
VALUE_DECODED = declare(
    "value_decoded",
    "argument",
    "An array or an object that is written as a string of JSON is decoded.",
    _example("find", {"pattern": "a", "ignore": '["*.o"]'}),
)
VALUE_LISTED = declare(
    "value_listed",
    "argument",
    "One item stands where an array of such items is declared; it becomes an array of one.",
    _example("find", {"pattern": "a", "ignore": "*.o"}),
)
ENUM_CASE = declare(
    "enum_case",
    "argument",
    "A value of an enum is in other case.",
    _example("find", {"pattern": "a", "show": "Files"}),
)

_WORDS: dict[str, object] = {"True": True, "False": False, "None": None}
"""As Python writes them, and with it the templates of some models."""
_MAX_DEPTH = 32
_LONGEST_SCALAR = 64
_ONE_ITEM = re.compile(r"""[^\s,;\[\]{}"'`]++\Z""")
"""Text that cannot be a list in some other notation."""
_LIST_KEY = re.compile(r"[0-9]+\Z|(?:item|items|element|elements|list|array|value|values)\Z")
"""Keys of an object that stands for a list rather than for one item of it."""

Coerced = tuple[object, tuple[str, ...]]


class TwoReadingsError(ValueError):
    """A text that can be read as a string or as JSON, and both are allowed."""


def typed(text: str, schema: object, declared: Declared) -> object:
    """What `text` without a type is by its schema; the text itself if it reads as nothing else.

    Raises:
        TwoReadingsError: it can be two things.
        BrokenSchemaError: the schema cannot be used.
    """
    types = declared.forms(schema).types
    if types == {"string"}:
        return text
    word = text.strip(BLANK)
    try:
        value = _WORDS[word] if word in _WORDS else read_whole(text)
    except StrictJSONError:
        return text
    if "string" not in types:
        # Quotes around an item of a list may be its own or those of JSON.
        return text if isinstance(value, str) and "array" in types else value
    if isinstance(value, str) or not declared.fits(value, schema):
        return text
    if declared.fits(text, schema):
        raise TwoReadingsError
    return value


def coerced(value: object, schema: object, declared: Declared) -> Coerced:
    """`value` as `schema` wants it, and the repairs that it took.

    Raises:
        BrokenSchemaError: the schema cannot be used.
    """
    forms = declared.forms(schema)
    if (option := _option(value, schema, forms, declared)) is not None:
        return option, (ENUM_CASE,)
    value, repairs = _converted(value, forms.types)
    if "array" in forms.types and not is_type(value, forms.types):
        value, more = _one_item(value, forms.part("array", "items"), declared)
        repairs = (*repairs, *more)
    value, more = _inside(value, forms, declared, 0)
    return value, tuple(dict.fromkeys((*repairs, *more)))


def _option(value: object, schema: object, forms: Forms, declared: Declared) -> str | None:
    """The one allowed text that `value` is in other case; None = it fits, or fits none."""
    if not isinstance(value, str) or not forms.options or declared.fits(value, schema):
        return None
    same = {option for option in forms.options if option.casefold() == value.casefold()}
    return same.pop() if len(same) == 1 else None


def _converted(value: object, types: frozenset[str]) -> Coerced:
    """One value, without a look at what is inside of it."""
    if "string" in types or is_type(value, types):
        return value, ()
    if isinstance(value, float):
        whole = _whole(value, types)
        return whole, (TYPE_COERCED,) if isinstance(whole, int) else ()
    if not isinstance(value, str):
        return value, ()
    if len(value) > _LONGEST_SCALAR and value.lstrip(BLANK)[:1] not in ("[", "{"):
        return value, ()
    try:
        read = _WORDS[value] if value in _WORDS else read_whole(value)
    except StrictJSONError:
        return value, ()
    if isinstance(read, (list, dict)):
        return (read, (VALUE_DECODED,)) if is_type(read, types) else (value, ())
    exact = _exact(read, value)
    read = _whole(read, types)
    return (read, (TYPE_COERCED,)) if exact and is_type(read, types) else (value, ())


def _exact(read: object, text: str) -> bool:
    """Does `text` say what `read` is, and nothing more?"""
    if isinstance(read, str) or text != text.strip():
        return False
    if isinstance(read, float):
        return Decimal(text) == Decimal(repr(read))
    return not isinstance(read, int) or isinstance(read, bool) or str(read) == text


def _whole(value: object, types: frozenset[str]) -> object:
    """A whole float as the integer that is asked for."""
    if not isinstance(value, float) or "integer" not in types or "number" in types:
        return value
    # Beyond 2**53 a whole float may stand for several integers.
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _one_item(value: object, schema: object, declared: Declared) -> Coerced:
    """`value` as the only item of a list, or as it is."""
    if schema is None or value is None:
        return value, ()
    forms = declared.forms(schema)
    types = forms.types
    if types == ANY:
        return value, ()
    if isinstance(value, str) and "string" in types:
        return ([value], (VALUE_LISTED,)) if _ONE_ITEM.match(value) else (value, ())
    item, repairs = _converted(value, types)
    if not is_type(item, types) or item is None or isinstance(item, list):
        return value, ()
    if isinstance(item, dict):
        known = forms.part("object", "properties")
        if isinstance(known, dict) and not item.keys() <= known.keys():
            return value, ()
        if not item or any(_LIST_KEY.match(key) for key in item if not known):
            return value, ()
    return [item], (*repairs, VALUE_LISTED)


def _inside(value: object, forms: Forms, declared: Declared, depth: int) -> Coerced:
    """The items of a list and the members of an object, by their own schemas, all the way down."""
    inner: dict[Any, object] = {}
    if isinstance(value, list) and (items := forms.part("array", "items")) is not None:
        each = declared.forms(items)
        if each.options or not are_scalars(value, each.types):
            inner = dict.fromkeys(range(len(value)), items)
    elif isinstance(value, dict):
        members = forms.part("object", "properties")
        if isinstance(members, dict):
            inner = {key: part for key, part in members.items() if key in value}
    if not inner or depth > _MAX_DEPTH:
        return value, ()
    new: Any = copy(value)
    repairs: dict[str, None] = {}
    for place, part in inner.items():
        here = declared.forms(part)
        if (option := _option(new[place], part, here, declared)) is not None:
            new[place] = option
            repairs[ENUM_CASE] = None
            continue
        item, found = _converted(new[place], here.types)
        new[place], deeper = _inside(item, here, declared, depth + 1)
        repairs |= dict.fromkeys((*found, *deeper))
    return (new, tuple(repairs)) if repairs else (value, ())
