"""JSON, also with comments and commas at the end, to items with their lines.

`json` of the standard library knows no lines and no comments, and a lint must say which line. In:
text. Out: `Item`.
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_right

from seatrial.core.errors import UserError
from seatrial.serve.lint.readers.document import Counter, Item
from seatrial.serve.lint.subject import Value

_GAP = re.compile(r"(?:[ \t\r\n\ufeff]++|//[^\n]*+|/\*.*?\*/)*+", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*+"')
_WORD = re.compile(r"[^\s,\]\}:\"/]+")
_INT = re.compile(r"-?[0-9]{1,19}")
_FLOAT = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?")
_CONSTANTS: dict[str, Value] = {"true": True, "false": False, "null": None}


def parse_json(text: str, source: str) -> Item:
    """Read one JSON document.

    Raises:
        UserError: it is not JSON, has a key twice, or is larger than any configuration.
    """
    return _Parser(text, source).document()


class _Parser:
    """One pass over one text."""

    def __init__(self, text: str, source: str) -> None:
        self._text = text
        self._source = source
        self._at = 0
        self._counter = Counter(source)
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def document(self) -> Item:
        item = self._item(None, 0)
        self._skip()
        if self._at < len(self._text):
            raise self._error("something stands behind the end")
        return item

    def _item(self, key_at: int | None, depth: int) -> Item:
        self._skip()
        start = self._at if key_at is None else key_at
        line = self._line(start)
        self._counter.count(depth, line)
        opening = self._text[self._at : self._at + 1]
        head = "" if key_at is None else self._text[key_at : self._at].rstrip(" \t\r\n:")
        if opening == "{":
            return Item(self._members(depth), line, head)
        if opening == "[":
            return Item(self._list(depth), line, head)
        value, text = self._scalar()
        written = self._text[start : self._at]
        return Item(value, line, head if "\n" in written else written, text)

    def _members(self, depth: int) -> dict[str, Item]:
        found: dict[str, Item] = {}
        self._at += 1
        while not self._closed("}"):
            key_at = self._at
            match = _STRING.match(self._text, key_at)
            if match is None:
                raise self._error("a key in double quotes is expected")
            name = self._string(match.group())
            self._at = match.end()
            self._skip()
            if self._text[self._at : self._at + 1] != ":":
                raise self._error("a colon is expected")
            self._at += 1
            if name in found:
                raise UserError(
                    f"{self._source}, line {self._line(key_at)}: {name[:80]!r} stands twice, "
                    f"first in line {found[name].line}",
                    hint="the first one is ignored: remove one",
                )
            found[name] = self._item(key_at, depth + 1)
            self._comma("}")
        return found

    def _list(self, depth: int) -> list[Item]:
        found: list[Item] = []
        self._at += 1
        while not self._closed("]"):
            found.append(self._item(None, depth + 1))
            self._comma("]")
        return found

    def _closed(self, closing: str) -> bool:
        self._skip()
        if self._text[self._at : self._at + 1] != closing:
            return False
        self._at += 1
        return True

    def _comma(self, closing: str) -> None:
        self._skip()
        following = self._text[self._at : self._at + 1]
        if following == ",":
            self._at += 1
        elif following != closing:
            raise self._error(f"a comma or {closing} is expected")

    def _scalar(self) -> tuple[Value, str]:
        match = _STRING.match(self._text, self._at)
        if match is not None:
            self._at = match.end()
            value = self._string(match.group())
            return value, value
        match = _WORD.match(self._text, self._at)
        word = match.group() if match is not None else ""
        value_found = self._constant(word)
        self._at += len(word)
        return value_found, word

    def _constant(self, word: str) -> Value:
        if word in _CONSTANTS:
            return _CONSTANTS[word]
        if _INT.fullmatch(word) or (_FLOAT.fullmatch(word) and math.isfinite(float(word))):
            return int(word) if _INT.fullmatch(word) else float(word)
        raise self._error("a value is expected")

    def _string(self, raw: str) -> str:
        try:
            return str(json.loads(raw, strict=False))
        except ValueError:
            raise self._error("a broken escape") from None

    def _skip(self) -> None:
        match = _GAP.match(self._text, self._at)
        if match is not None:
            self._at = match.end()

    def _line(self, at: int) -> int:
        return bisect_right(self._starts, at)

    def _error(self, said: str) -> UserError:
        return UserError(
            f"{self._source}, line {self._line(min(self._at, len(self._text)))}: {said}",
            hint="mend the line: this is no JSON",
        )
