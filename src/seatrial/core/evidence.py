"""Evidence: verbatim quotes and the places where they stand.

A place in a trace is `line#json-pointer[start:end]`, in a plain text file `line[start:end]`:
lines count from 1, start and end are code points of the decoded string.
"""

from __future__ import annotations

import re

import msgspec

_PLACE = re.compile(r"([0-9]+)(?:#((?:/.*)?))?\[([0-9]+):([0-9]+)\]", re.DOTALL)
_INDEX = re.compile(r"0|[1-9][0-9]{0,17}")


class Place(msgspec.Struct, frozen=True):
    """Where a quote stands in a file."""

    line: int
    start: int
    end: int
    pointer: str | None = None
    """JSON pointer (RFC 6901) into the object on that line; None = the line itself."""

    def __str__(self) -> str:
        pointer = "" if self.pointer is None else f"#{self.pointer}"
        return f"{self.line}{pointer}[{self.start}:{self.end}]"

    @classmethod
    def parse(cls, text: str) -> Place:
        """Read `12#/output[3:9]`.

        Raises:
            ValueError: not a place.
        """
        match = _PLACE.fullmatch(text)
        if match is None:
            raise ValueError(f"not a place: {text!r}")
        line, pointer, start, end = match.groups()
        return cls(line=int(line), start=int(start), end=int(end), pointer=pointer)


class Evidence(msgspec.Struct, frozen=True):
    """One quote: `quote` is exactly what stands at `where` in `file`."""

    file: str
    where: str
    quote: str


def resolve(line: str, place: Place) -> str:
    """The text at `place` in `line` (the whole line of the file, without its newline).

    A place that reaches beyond the string is refused, not cut: the quote would be another one.

    Raises:
        ValueError, KeyError, IndexError: the line is not JSON, the pointer leads nowhere or not
            to a string, or the string is shorter.
    """
    value: object = line
    if place.pointer is not None:
        value = _decoded(line)
        for token in place.pointer.split("/")[1:]:
            value = _member(value, token.replace("~1", "/").replace("~0", "~"))
    if not isinstance(value, str):
        raise ValueError(f"{place} is not a string")
    if not 0 <= place.start <= place.end <= len(value):
        raise IndexError(f"{place}: the string has {len(value)} code points")
    return value[place.start : place.end]


def _decoded(line: str) -> object:
    try:
        return msgspec.json.decode(line)
    except (UnicodeError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error


def _member(value: object, key: str) -> object:
    if isinstance(value, list):
        # RFC 6901: digits only; -1 would be another element, not none.
        if not _INDEX.fullmatch(key):
            raise ValueError(f"no element {key!r}")
        return value[int(key)]
    if isinstance(value, dict):
        return value[key]
    raise ValueError(f"no member {key!r}")
