"""The value notation of Gemma: `{key:<|"|>text<|"|>,n:3,list:[true]}`, with tokens for quotes.

Text between two quote tokens is raw. A plain JSON string is read as one; that it stands there is
reported. In: text and the place of the brace. Out: the object, its end, and if it was plain.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from seatrial.toolcalls.dialects.json_body import B
from seatrial.toolcalls.reading import skip_blanks, starts
from seatrial.toolcalls.strict_json import MAX_DEPTH, StrictJSONError, read_value

QUOTES = ('<|"|>', "<escape>")
_KEY = re.compile(r"[A-Za-z_$][\w.$\-]{0,200}+")
_COLON = re.compile(rf"{B}:{B}")


class GemmaValueError(ValueError):
    """Not this notation, or not certainly; the message is the reason, one line."""


class CutValueError(GemmaValueError):
    """The text ended inside the value."""


class Object(msgspec.Struct, frozen=True):
    """The arguments of one call."""

    value: dict[str, Any]
    end: int
    plain: bool
    """A string or a key stands in plain quotes."""


def read_object(text: str, at: int) -> Object:
    """The object at the brace at `at`.

    Raises:
        GemmaValueError: no such object stands there.
    """
    reader = _Reader(text)
    value, end = reader.object(at, 0)
    if reader.mixed:
        raise GemmaValueError("the plain quotes may be a text that lost its own")
    try:
        text[at:end].encode("utf-8")
    except UnicodeEncodeError:
        raise GemmaValueError("half of a surrogate pair") from None
    return Object(value, end, reader.plain)


def write_object(value: dict[str, Any]) -> str:
    """`value` in this notation; a string that holds a quote token stands in plain quotes."""
    items = [f"{_write_key(key)}:{_write(item)}" for key, item in value.items()]
    return "{" + ",".join(items) + "}"


def _write_key(key: str) -> str:
    match = _KEY.fullmatch(key)
    return key if match else _write(key)


def _write(value: object) -> str:
    if isinstance(value, str) and not any(quote in value for quote in QUOTES):
        return f"{QUOTES[0]}{value}{QUOTES[0]}"
    if isinstance(value, dict):
        return write_object(value)
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_write, value)) + "]"
    text = msgspec.json.encode(value).decode()
    # No quote token may stand in a plain string either.
    return text.replace("<escape>", "\\u003cescape>")


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self.plain = False
        self._tokens = self._doubtful = False
        """A text stands between quote tokens; nothing stands between plain quotes."""

    @property
    def mixed(self) -> bool:
        """Both kinds of quotes, and nothing in the plain ones: they may be the text."""
        return self._tokens and self._doubtful

    def object(self, at: int, depth: int) -> tuple[dict[str, Any], int]:
        """The object at the brace at `at`, and the place behind it."""
        found: dict[str, Any] = {}
        at = self._first(at, depth)
        while not self._stands("}", at):
            key, at = self._key(at)
            if key in found:
                raise GemmaValueError(f"the key {key!r} stands twice")
            found[key], at = self._value(at, depth + 1)
            at = self._next(at, "}")
        return found, at + 1

    def _list(self, at: int, depth: int) -> tuple[list[Any], int]:
        found: list[Any] = []
        at = self._first(at, depth)
        while not self._stands("]", at):
            value, at = self._value(at, depth + 1)
            found.append(value)
            at = self._next(at, "]")
        return found, at + 1

    def _first(self, at: int, depth: int) -> int:
        if depth >= MAX_DEPTH:
            raise GemmaValueError("nested too deeply")
        return skip_blanks(self._text, at + 1)

    def _next(self, at: int, closer: str) -> int:
        """Where the next item or the closer stands."""
        at = skip_blanks(self._text, at)
        if self._stands(closer, at):
            return at
        if not self._stands(",", at):
            raise GemmaValueError(f"a comma or {closer} is missing between two values")
        at = skip_blanks(self._text, at + 1)
        if self._stands(closer, at):
            raise GemmaValueError("a value is missing behind a comma")
        return at

    def _stands(self, mark: str, at: int) -> bool:
        if at >= len(self._text):
            raise CutValueError("the call is not closed")
        return self._text[at] == mark

    def _key(self, at: int) -> tuple[str, int]:
        match = _KEY.match(self._text, at)
        if match is not None:
            key, at = match.group(), match.end()
        else:
            key, at = self._string(at)
        colon = _COLON.match(self._text, at)
        if colon is None:
            self._stands(":", skip_blanks(self._text, at))
            raise GemmaValueError("a colon is missing behind a key")
        return key, colon.end()

    def _string(self, at: int) -> tuple[str, int]:
        """A string between quote tokens, or in plain quotes."""
        quote = next((quote for quote in QUOTES if self._text.startswith(quote, at)), None)
        if quote is not None:
            self._tokens = True
            start = at + len(quote)
            end = self._text.find(quote, start)
            if end < 0:
                raise CutValueError("a string is not closed")
            return self._text[start:end], end + len(quote)
        if starts(self._text, at, *QUOTES) is None:
            raise CutValueError("the call is not closed")
        if not self._stands('"', at):
            raise GemmaValueError("a string in quotes is missing")
        self.plain = True
        value, end = self._json(at)
        self._doubtful = self._doubtful or not value
        return str(value), end

    def _value(self, at: int, depth: int) -> tuple[Any, int]:
        if self._stands("{", at):
            return self.object(at, depth)
        if self._stands("[", at):
            return self._list(at, depth)
        if self._text[at] in '<"':
            return self._string(at)
        return self._json(at)

    def _json(self, at: int) -> tuple[Any, int]:
        try:
            return read_value(self._text, at)
        except StrictJSONError as error:
            raise GemmaValueError(str(error)) from None
