"""The fragments of one call that a server parsed, and the one reading that they have.

Servers number calls wrongly, repeat what they sent, or send an object where text belongs; each
client makes something else of it. Read here is only what has one meaning.

In: `CallDelta`s. Out: the name and the arguments of one call, or why they cannot be read.
"""

from __future__ import annotations

import json
from collections.abc import Container
from itertools import pairwise

from seatrial.chat.frames import CallDelta
from seatrial.toolcalls import StrictJSONError, read_whole

FRAMES_REWRITTEN = "frames_rewritten"
"""Of a call: clients may read the server's own frames differently, so they are written anew."""


class Fragments:
    """One call, as far as it has come."""

    def __init__(self, index: int | str | None, *, odd: bool) -> None:
        self.index = index
        self.id = ""
        self.odd = odd
        """Clients may read the frames differently."""
        self._names: list[str] = []
        self._pieces: list[str] = []

    @property
    def joined(self) -> str:
        """What a client reads."""
        return "".join(self._pieces)

    @property
    def first_name(self) -> str:
        return self._names[0] if self._names else ""

    def add(self, delta: CallDelta) -> None:
        self.id = self.id or str(delta.id or "")
        self.odd = self.odd or not isinstance(delta.index, int)
        if delta.function.name:
            self._names.append(delta.function.name)
        arguments = delta.function.arguments
        if isinstance(arguments, dict):
            self.odd = True
            arguments = json.dumps(arguments, ensure_ascii=False)
        if arguments:
            self._pieces.append(arguments)

    def is_followed_by(self, delta: CallDelta) -> bool:
        """Does `delta`, with the same index, begin another call? Its id and name say so."""
        other = bool(delta.id and self.id) and delta.id != self.id
        return other and bool(delta.function.name) and _is_object(self.joined)

    def name(self, tools: Container[str]) -> tuple[str, bool]:
        """The name, and whether it came in pieces."""
        first, whole = self.first_name, "".join(self._names)
        # Some servers repeat the name in every fragment, a few split it.
        pieces = first not in tools and whole != first and whole in tools
        return (whole, True) if pieces else (first, False)

    def read(self) -> tuple[str, object, str]:
        """The text of the arguments, what it says, and why it cannot be read if so."""
        reason = ""
        for text in (self.joined or "{}", *self._other_readings()):
            try:
                value = read_whole(text)
            except StrictJSONError as error:
                reason = reason or f"the arguments are not valid JSON: {error}"
                continue
            if isinstance(value, dict | str):
                return text, value, ""
            reason = reason or "the arguments are not an object"
        return self.joined, None, reason

    def written(self) -> str:
        return f"{self.first_name} {self.joined}"

    def _other_readings(self) -> list[str]:
        """The arguments without what a server sent twice or as a placeholder."""
        pieces = self._pieces
        if len(pieces) < 2:
            return []
        if all(later.startswith(earlier) for earlier, later in pairwise(pieces)):
            return [pieces[-1]]
        return ["".join(pieces[1:])] if pieces[0].strip() == "{}" else []


def _is_object(text: str) -> bool:
    try:
        return isinstance(read_whole(text), dict)
    except StrictJSONError:
        return False
