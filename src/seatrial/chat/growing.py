"""A text that grows by small pieces, in about the memory that it has as one string.

A piece of a few characters is an object of seventy bytes; several who watch one answer each keep
its text, and a gateway does so for every stream at once. So pieces are joined now and then.
Linear: each character is joined once, and once more when the whole is asked for.

In: strings. Out: one string.
"""

from __future__ import annotations

_PIECES = 64


class GrowingText:
    """Collects pieces in order."""

    __slots__ = ("_joined", "_pieces")

    def __init__(self) -> None:
        self._joined: list[str] = []
        self._pieces: list[str] = []

    def add(self, piece: str) -> None:
        pieces = self._pieces
        pieces.append(piece)
        if len(pieces) == _PIECES:
            self._joined.append("".join(pieces))
            pieces.clear()

    def whole(self) -> str:
        """All of it so far."""
        return "".join((*self._joined, *self._pieces))
