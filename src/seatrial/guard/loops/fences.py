"""Code fences of a growing text: which parts of it are inside of one.

In: lines, or pieces of text that are cut anywhere. Memory is bounded: of a line only its
beginning is kept, and only the latest fences.
"""

from __future__ import annotations

import re
from collections import deque

_HEAD = 80
"""So much of a line tells whether it is a fence."""

_LATEST = 64
"""So many of the last fences are known."""

_FENCE = re.compile(r"\s*(?:[-*+>] |\d{1,3}[.)] )*(`{3,}|~{3,})")


class Fences:
    """The fence that is open, if any."""

    def __init__(self) -> None:
        self.open = ""
        """Its signs; empty outside."""
        self._turns: deque[tuple[int, bool]] = deque(maxlen=_LATEST)
        """Where a line that was a fence ended, code points; whether one was open behind it."""
        self._line = ""
        self._at = 0

    def turn(self, line: str) -> bool:
        """Whether the whole `line` is a fence, which it opens or closes."""
        if "```" not in line and "~~~" not in line:
            return False
        match = _FENCE.match(line)
        if match is None:
            return False
        fence, after = match[1], line[match.end() :]
        if not self.open:
            # A fence that closes on its own line is code within the line.
            self.open = "" if fence[0] in after else fence
        elif fence.startswith(self.open) and not after.strip():
            self.open = ""
        return True

    def feed(self, piece: str) -> None:
        """The text goes on with `piece`."""
        start = 0
        while (end := piece.find("\n", start)) >= 0:
            if self.turn(self._line + piece[start:end]):
                self._turns.append((self._at + end + 1, bool(self.open)))
            self._line, start = "", end + 1
        if len(self._line) < _HEAD:
            self._line += piece[start:]
        self._at += len(piece)

    def encloses(self, start: int, end: int) -> bool:
        """Whether the text from `start` to `end` is inside of one fence, and holds none itself."""
        for at, is_open in reversed(self._turns):
            if at <= start:
                return is_open
            if at <= end:
                return False
        return False
