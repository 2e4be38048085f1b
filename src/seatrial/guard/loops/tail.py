"""The end of a growing text, watched for a piece that comes again and again, exactly.

One class for every channel: text, reasoning, tool arguments. It knows no events and no modes;
`exact` and `arguments` do. In: pieces of text, cut anywhere. Out: the first `Run` that is long
enough, the same one whatever the cuts were. Memory and work per character are bounded.
"""

from __future__ import annotations

import msgspec

from seatrial.guard.loops.fences import Fences

MAX_PERIOD = 1500
"""The longest repeated piece that is looked for, characters."""

THIN_CHARS = 1024
"""The least length of a run of thin pieces: `=====`, blanks, `0, 0, 0`, `ha ha`."""

ROW_CHARS = 65_536
"""The least length of a run of data rows: grids, tables of numbers, lists in code."""

FENCE_FACTOR = 4
"""Inside of a code fence a run must be so many times as long: logs, tracebacks and tables are
quoted there, and models go round there too."""

_THIN_LETTERS = 4
_STRIDE = 32
_NEEDLE = 64


class Run(msgspec.Struct, frozen=True):
    """A piece of `period` characters that comes again and again, without a gap."""

    chars: int
    """How much it fills."""
    period: int
    start: int
    """Where `quote` begins, code points of the channel; in a long run not at its first repeat."""
    quote: str
    """Two of its repeats."""

    @property
    def count(self) -> int:
        return self.chars // self.period


class PeriodicTail:
    """A run of at least `chars` characters in which a piece comes at least `repeats` times.

    Text is looked at after every `_STRIDE` characters, so a finding does not depend on how it
    was cut. At each place the piece just before the last stride is searched for further back:
    every period that can matter makes it occur there, so few candidates are compared.

    Two kinds of pieces are what sound answers hold too and must cover more: thin ones (fewer
    than four different letters or digits) and data rows (lines without letters or with a comma
    at the end of each). With `fences`, so must what lies inside of a code fence. While such a
    run goes on, only its growth is looked at.
    """

    def __init__(
        self,
        chars: int,
        repeats: int,
        thin_chars: int = THIN_CHARS,
        row_chars: int = ROW_CHARS,
        *,
        fences: bool = False,
    ) -> None:
        if chars < 8 or repeats < 2:
            raise ValueError("a loop has at least 8 characters and 2 repeats")
        self._chars = chars
        self._repeats = repeats
        self._thin_chars = max(chars, thin_chars)
        self._row_chars = max(chars, row_chars)
        self._stride = max(1, min(max(_STRIDE, chars // 32), chars // 8))
        self._needle = max(1, min(_NEEDLE, chars - chars // repeats - self._stride - 1))
        self._window = max(repeats * MAX_PERIOD, chars) + 2 * self._stride
        self._text = ""
        self._pending = ""
        self._dropped = 0
        self._going: tuple[int, int, int] | None = None
        """A run under its bar: start, period, bar."""
        self._found = False
        self.suspects = False
        """Whether the text ends in what outside of a fence would be a run by now."""
        self._fences = Fences() if fences else None

    def feed(self, text: str) -> Run | None:
        if self._found:
            return None
        self._pending += text
        if len(self._pending) < self._stride:
            return None
        pending, at = self._pending, 0
        while len(pending) - at >= self._stride:
            self._take(pending[at : at + self._stride])
            at += self._stride
            if (run := self._look()) is not None:
                self._found = True
                return run
        self._pending = pending[at:]
        return None

    def end(self) -> Run | None:
        if self._found:
            return None
        self._take(self._pending)
        self._pending = ""
        return self._look()

    def _take(self, piece: str) -> None:
        self._text += piece
        if self._fences is not None:
            self._fences.feed(piece)

    def _look(self) -> Run | None:
        run = self._grow() if self._going is not None else None
        self.suspects = self.suspects and self._going is not None
        if run is None and self._going is None:
            run = self._search()
        if len(self._text) > 2 * self._window:
            self._dropped += len(self._text) - self._window
            self._text = self._text[-self._window :]
        return run

    def _grow(self) -> Run | None:
        """The run that goes on, once it has reached its bar; forgotten where it breaks."""
        if self._going is None:
            return None
        start, period, bar = self._going
        text = self._text
        fresh = len(text) - self._stride
        if text[fresh:] != text[fresh - period : len(text) - period]:
            self._going = None
            return None
        end = self._dropped + len(text)
        if end - start < bar:
            return None
        shown = max(0, start - self._dropped)
        # The head of a long run is gone; every place in it reads the same.
        shown += -(self._dropped + shown - start) % period
        quote = text[shown : shown + 2 * period]
        return Run(end - start, period, self._dropped + shown, quote)

    def _search(self) -> Run | None:
        text, size = self._text, self._needle
        before = len(text) - self._stride
        at = found = before - size
        moved = at < 0
        while (found := _before(text, at, size, found)) >= 0:
            period = at - found
            end, start = _extent(text, before, period, max(self._chars, self._repeats * period))
            if start is not None:
                bar = self._bar(text[end - period : end])
                fenced = FENCE_FACTOR * max(self._chars, self._repeats * period)
                if is_fenced := bar < fenced and self._is_fenced(start + period, end):
                    bar = fenced
                if end - start >= bar:
                    quote = text[start : start + 2 * period]
                    return Run(end - start, period, self._dropped + start, quote)
                if end == len(text):
                    self._going = (self._dropped + start, period, bar)
                    self.suspects = is_fenced
                    return None
            if period <= size and not moved:
                # Inside of a short run the needle is everywhere; where the run begins is one
                # place in each repeat of a longer piece.
                at = found = max(0, _begin(text, before, period) - size // 2)
                moved = True
        return None

    def _is_fenced(self, start: int, end: int) -> bool:
        """Whether a run is inside of a fence, judged from its second repeat on.

        Before the first, it may share signs with the line of the fence.
        """
        fences, dropped = self._fences, self._dropped
        return fences is not None and fences.encloses(dropped + start, dropped + end)

    def _bar(self, piece: str) -> int:
        """How many characters the repeats of `piece` must cover at least."""
        thin = len({char for char in piece if char.isalnum()}) < _THIN_LETTERS
        if "\n" in piece and not piece.isspace() and (thin or _is_data(piece)):
            return self._row_chars
        return self._thin_chars if thin else self._chars


def _is_data(piece: str) -> bool:
    """Whether every line, read around the cut, is a row of numbers or an entry of a list."""
    lines = [line.strip() for line in (piece + piece).split("\n")[1:-1]]
    if all(line.endswith(",") for line in lines if line):
        return True
    return not any(char.isalpha() for char in piece)


def _before(text: str, at: int, size: int, found: int) -> int:
    """The next place before `found` where the `size` characters at `at` stand too, or -1."""
    if at < 0:
        return -1
    return text.rfind(text[at : at + size], max(0, at - MAX_PERIOD), found + size - 1)


def _extent(text: str, at: int, period: int, need: int) -> tuple[int, int | None]:
    """End and start of the run around `at` that has `period`; no start = shorter than `need`."""
    end = len(text)
    if text[at:] != text[at - period : end - period]:
        end = at
        while text[end] == text[end - period]:
            end += 1
    start = end - need
    if start < 0 or text[start : end - period] != text[start + period : end]:
        return end, None
    return end, _begin(text, end, period, start)


def _begin(text: str, end: int, period: int, known: int | None = None) -> int:
    """Where the run of `period` that fills the text up to `end` begins."""
    inside, outside = end - period if known is None else known, -1
    while inside - outside > 1:
        middle = (inside + outside) // 2
        if text[middle : end - period] == text[middle + period : end]:
            inside = middle
        else:
            outside = middle
    return inside
