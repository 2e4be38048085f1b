"""Where in visible text an opener is a quotation: fences, code spans, block quotes, indentation.

A line-by-line reading of the little Markdown that decides whether markup is shown or meant. It
moves forward only, so a whole turn costs one pass.
"""

from __future__ import annotations

import re

from seatrial.toolcalls.reading import BLANK

_MARKS = re.compile(r"[ \t]{0,12}(?:(?:[-*+>]|\d{1,3}[.)])[ \t]{1,4}){0,4}")
_FENCE = re.compile(r"(`{3,}|~{3,})")
_HIDDEN = (("<!--", "-->"), ("<pre", "</pre>"))
_INLINE = (("<code", "</code"), *_HIDDEN)
_TICKS = re.compile(r"`++")
_QUOTES = "\"'“‘«„`"


class Prose:
    """The state of the visible text up to a place that only grows."""

    def __init__(self, start: int) -> None:
        self._at = start
        self._line = start
        self._fence = ""
        self._hidden = ""
        """The end of the HTML comment or preformatted block that is open."""
        self._ticks = 0
        self._tick_scan = (start, -1)
        """From where the next backtick was looked for, and where it is; -1 = not found so far."""

    def restart(self, at: int) -> None:
        """Go on at `at`, behind markup: a new line of text begins there."""
        self._at = self._line = at
        self._tick_scan = (at, -1)
        self._ticks = 0

    def shift(self, cut: int) -> None:
        """The first `cut` characters of the text were dropped; they end before this line."""
        self._at -= cut
        self._line -= cut
        self._tick_scan = (self._at, -1)

    @property
    def line(self) -> int:
        """Where the current line begins."""
        return self._line

    def line_start(self, text: str, at: int) -> bool:
        """Do only blanks stand before `at` on its line?"""
        self._advance(text, at)
        return not text[max(self._line, at - 100) : at].strip(BLANK)

    def quoted(self, text: str, at: int, final: bool) -> bool | None:
        """Is what stands at `at` shown and not meant? None = the rest of the line decides."""
        self._advance(text, at)
        if self._fence or self._hidden:
            return True
        head = text[self._line : self._line + 40]
        if _FENCE.match(_without_marks(head)):
            return True
        if head.lstrip(" ").startswith(">") and at > self._line + head.find(">"):
            return True
        if (head.startswith("    ") or head.startswith("\t")) and self.line_start(text, at):
            return True
        line = text[max(self._line, at - 400) : at]
        if any(line.rfind(start) > line.rfind(end) for start, end in _INLINE):
            return True
        if self._ticks % 2:
            return self._tick_follows(text, at, final)
        return at > self._line and text[at - 1] in _QUOTES

    def _advance(self, text: str, to: int) -> None:
        while (newline := text.find("\n", self._at, to)) >= 0:
            self._end_line(text[self._line : min(newline, self._line + 200)])
            self._at = self._line = newline + 1
            self._ticks = 0
        # Runs, because a span may be delimited by several.
        self._ticks += len(_TICKS.findall(text, self._at, to))
        self._at = max(self._at, to)

    def _end_line(self, line: str) -> None:
        if self._hidden:
            self._hidden = "" if self._hidden in line else self._hidden
            return
        if not self._fence:
            ends = [end for start, end in _HIDDEN if line.rfind(start) > line.rfind(end)]
            self._hidden = ends[0] if ends else ""
        line = _without_marks(line)
        match = _FENCE.match(line)
        if match is None:
            return
        mark = match.group(1)
        if mark[0] == "`" and "`" in line[match.end() :]:
            return
        if not self._fence:
            self._fence = mark
        elif mark.startswith(self._fence) and not line[match.end() :].strip():
            self._fence = ""

    def _tick_follows(self, text: str, at: int, final: bool) -> bool | None:
        """Is the code span that is open at `at` closed on its line?"""
        scanned, tick = self._tick_scan
        if tick < at:
            scanned = max(scanned, at)
            tick = text.find("`", scanned)
            self._tick_scan = (len(text) if tick < 0 else scanned, tick)
        # A long line is searched once for its end, in steps that the calls before have paid.
        newline = text.find("\n", at, tick if tick >= 0 else len(text))
        if newline >= 0:
            return False
        return True if tick >= 0 else (False if final else None)


def _without_marks(line: str) -> str:
    """`line` without the marks of lists and quotations before its text."""
    match = _MARKS.match(line)
    return line[match.end() :] if match else line
