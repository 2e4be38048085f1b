"""The visible text of a turn as a scan goes through it: what is shown, and where markup was.

In: places in the raw text. Out: pieces of prose without call markup. Blanks next to markup belong
to the markup. It decides nothing.
"""

from __future__ import annotations

from seatrial.toolcalls.prose import Prose
from seatrial.toolcalls.reading import BLANK

HELD_BLANKS = 32
"""Blanks next to markup belong to it, up to so many: a stream holds no more of them back."""


class Visible:
    """The text shown so far, and the place up to which the raw text was dealt with."""

    def __init__(self, text: str, start: int) -> None:
        self.pieces: list[str] = []
        self.pos = start
        """What stands before is shown or was markup."""
        self.piece_from = start
        """Where the text after the last markup begins."""
        self.prose = Prose(start)
        self.marked = False
        self._text = text

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def emit(self, end: int, *, markup: bool) -> bool:
        """Show the text up to `end`, where markup stands or the turn ends; False = only blanks."""
        piece = self._text[self.pos : end]
        if markup:
            head = max(0, len(piece) - HELD_BLANKS)
            piece = piece[:head] + piece[head:].rstrip(BLANK)
        self.pieces.append(piece)
        self.pos = end
        return bool(piece.strip(BLANK))

    def restart(self, at: int) -> None:
        """Go on at `at`, behind markup."""
        self.marked = True
        self.pos = self.piece_from = at
        self.prose.restart(at)

    def take_out(self, start: int, end: int) -> str:
        """Show the last piece without `text[start:end]`; gives the text before it."""
        before = self._text[self.piece_from : start].rstrip(BLANK)
        behind = self._text[end : self.pos].rstrip(BLANK)
        lead_in = "".join(self.pieces[:-1]) + before
        self.pieces[-1] = before + behind
        return lead_in

    def replace(self, text: str) -> None:
        """The raw text behind the present place was changed."""
        self._text = text
