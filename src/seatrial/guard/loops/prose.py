"""Prose out of a growing text: the lines that are sentences, without code, tables and data.

The near-loop rule compares words, and only in prose it means something when words come again:
code, logs and tables repeat theirs by nature. A line in doubt is no prose. In: pieces of text,
cut anywhere. Out: lines with their places. Memory is bounded by one line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.guard.loops.fences import Fences

MAX_LINE = 480
"""A longer line is taken in parts of so many characters."""

_MIN_SPACES = 3
"""A line with fewer words is too short to tell."""

_SYMBOLS_IN = 12
"""At most one character of so many is a digit or a sign that sentences do not have."""

_DATA_START = re.compile(
    r"\s*(?:[-*>] +)?(?:[^\w\s*>`'\"-]|-\S|['\"]|\d+(?![.)] )|[A-Za-z0-9_.]+[=:,]\S)"
)
_SENTENCE_END = re.compile("(?<!\\.)[.!?][\"')*`_\u201d]*(?:\\s|$)|[\u3002\uff01\uff1f]")
_NUMBER = re.compile(r"\s*\d+[.)] ")
_CODE_INDENT = re.compile(r"(?: {4}|\t)\s*\S")
_SYMBOL = re.compile("[^\\w\\s.,;:'\"!?()`*\u2010-\u2026\u3000-\u3003\uff01-\uff1f-]|[\\d_]")
_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


class ProseLines:
    """Cuts a stream into lines and gives those that read as prose, outside of code fences."""

    def __init__(self) -> None:
        self._line = ""
        self._at = 0
        self._fences = Fences()
        self._begins = True
        """Whether the next part begins a line."""
        self._data = False
        """Whether the line that goes on began as data or code."""

    def feed(self, text: str) -> Iterator[tuple[int, str]]:
        """(place, line) of each line of prose that `text` completes."""
        self._line += text
        if "\n" not in text and len(self._line) < MAX_LINE:
            return
        rest, at = self._line, 0
        while True:
            end = rest.find("\n", at, at + MAX_LINE)
            if end < 0 and len(rest) - at < MAX_LINE:
                break
            line = rest[at : end + 1 if end >= 0 else at + MAX_LINE]
            if self._is_prose(line):
                yield self._at, line
            self._begins = end >= 0
            self._at += len(line)
            at += len(line)
        self._line = rest[at:]

    def end(self) -> Iterator[tuple[int, str]]:
        """The last line, if it has no line break."""
        line, self._line = self._line, ""
        if line and self._is_prose(line):
            yield self._at, line

    def _is_prose(self, line: str) -> bool:
        if self._begins:
            if self._fences.turn(line):
                return False
            self._data = begins_as_data(line)
        return not self._fences.open and not self._data and is_prose(line)


def begins_as_data(line: str) -> bool:
    """Whether `line` starts as code, a row, a log or a diff line does."""
    return _CODE_INDENT.match(line) is not None or _DATA_START.match(line) is not None


def is_prose(line: str) -> bool:
    """Whether `line` holds the end of a sentence and little that sentences do not have."""
    number = _NUMBER.match(line)
    if _SENTENCE_END.search(line, number.end() if number else 0) is None:
        return False
    if line.count(" ") < _MIN_SPACES and len(_CJK.findall(line)) < 2 * _MIN_SPACES:
        return False
    if line.count("|") > 1 or '",' in line or ',"' in line:
        return False
    return len(_SYMBOL.findall(line)) * _SYMBOLS_IN <= len(line)
