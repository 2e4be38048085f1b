"""JSON read strictly, with places: what a model wrote, or a reason why that is not certain.

Duplicate keys, NaN, infinities, half surrogates and deep nesting are refused: for each of them
two readers may see two values. Not a repairer. In: text and an offset. Out: values, spans, ends.
"""

from __future__ import annotations

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from seatrial.toolcalls.reading import skip_blanks

MAX_DEPTH = 64

_MARK = re.compile(r'["{}\[\]]')
_STRING_REST = re.compile(r'[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_SCALAR = re.compile(r"[\w+.\-]++")


class StrictJSONError(ValueError):
    """Not JSON that has exactly one meaning; the message is the reason, one line."""


class CutJSONError(StrictJSONError):
    """The text ended inside the value."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise StrictJSONError(f"the key {twice!r} stands twice")
    return found


def _constant(word: str) -> object:
    raise StrictJSONError(f"{word} is not JSON")


def _float(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise StrictJSONError(f"the number {digits[:20]} is too large")
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_constant, parse_float=_float)


def read_value(text: str, at: int) -> tuple[Any, int]:
    """The value at `at` and where it ends.

    Raises:
        StrictJSONError: no JSON value stands there, or not exactly one meaning.
    """
    try:
        value, end = _DECODER.raw_decode(text, at)
        # Half surrogates cannot be written to a file or a socket.
        if not text.isascii():
            text[at:end].encode("utf-8")
        if text.find("\\u", at, end) >= 0:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except StrictJSONError:
        raise
    except json.JSONDecodeError as error:
        raise StrictJSONError(f"not JSON: {error.msg}") from None
    except RecursionError:
        raise StrictJSONError("nested too deeply") from None
    except UnicodeEncodeError:
        raise StrictJSONError("half of a surrogate pair") from None
    except ValueError:
        raise StrictJSONError("a number has too many digits") from None
    _check_depth(value, text, at, end)
    return value, end


def read_whole(text: str) -> object:
    """The one value that `text` is, blanks around it allowed.

    Raises:
        StrictJSONError: it is not one, or more than one.
    """
    value, end = read_value(text, skip_blanks(text, 0))
    if skip_blanks(text, end) != len(text):
        raise StrictJSONError("text after the JSON value")
    return value


def member_span(text: str, at: int, key: str) -> tuple[int, int] | None:
    """Where the value of `key` stands in the strict JSON object at `at`; decodes no value."""
    at = skip_blanks(text, at + 1)
    while text.startswith('"', at):
        name, at = _key(text, at)
        start = skip_blanks(text, at)
        end = _value_end(text, start)
        if end is None or name == key:
            return None if end is None else (start, end)
        at = skip_blanks(text, end)
        if not text.startswith(",", at):
            break
        at = skip_blanks(text, at + 1)
    return None


def _value_end(text: str, at: int) -> int | None:
    if text[at : at + 1] in ("{", "["):
        return object_end(text, at)
    match = (_STRING if text.startswith('"', at) else _SCALAR).match(text, at)
    return match.end() if match else None


def _key(text: str, at: int) -> tuple[str, int]:
    if text[at : at + 1] != '"':
        raise StrictJSONError("not JSON: a key in double quotes is missing")
    try:
        key, at = scanstring(text, at + 1, True)
    except json.JSONDecodeError as error:
        raise StrictJSONError(f"not JSON: {error.msg}") from None
    at = skip_blanks(text, at)
    if text[at : at + 1] != ":":
        raise StrictJSONError("not JSON: a colon is missing")
    return key, at + 1


def object_end(text: str, at: int) -> int | None:
    """Where the brackets that open at `at` are closed again; None = not in this text.

    Counts brackets outside of strings and checks nothing else, so that the end of broken JSON
    is known too. Nesting beyond `MAX_DEPTH` ends it at once.
    """
    depth = 0
    while (match := _MARK.search(text, at)) is not None:
        at = match.end()
        mark = match.group()
        if mark == '"':
            string = _STRING_REST.match(text, at)
            if string is None:
                return None
            at = string.end()
        elif mark in "{[":
            depth += 1
            if depth > MAX_DEPTH:
                return at
        else:
            depth -= 1
            if depth <= 0:
                return at
    return None


def _check_depth(value: object, text: str, start: int, end: int) -> None:
    if not isinstance(value, (dict, list)):
        return
    if text.count("[", start, end) + text.count("{", start, end) <= MAX_DEPTH:
        return
    level: list[Any] = [value]
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise StrictJSONError("nested too deeply")
        level = [
            item
            for node in level
            for item in (node.values() if isinstance(node, dict) else node)
            if isinstance(item, (dict, list))
        ]
