"""The newlines around a value that no tag explains: part of the value, or the frame around it?

Where a template writes values directly between their tags (`Grammar.strips` is off), a newline
there is text. A model that writes all values of a call on lines of their own all the same shows
it at a path, which holds no newline. Where both ways are usual (`strips` is on), a value of
several lines that stands directly between its tags shows that this call has no frames.

In: the values of one call. Out: the same, with or without those newlines.
"""

from __future__ import annotations

import msgspec

from seatrial.toolcalls.arguments import PATHS
from seatrial.toolcalls.markup import Grammar, Value


def settled(values: dict[str, Value], grammar: Grammar) -> dict[str, Value]:
    """`values` with their newlines decided by what the whole call shows."""
    if grammar.block or grammar.values is not None:
        return values
    if not grammar.strips:
        if not all_framed({key: value.text for key, value in values.items()}):
            return values
        return {key: _with(value, value.text[1:-1]) for key, value in values.items()}
    if not any(value.framed is None and "\n" in value.text for value in values.values()):
        return values
    return {
        key: value if value.framed is None else _with(value, value.framed)
        for key, value in values.items()
    }


def all_framed(texts: dict[str, str]) -> bool:
    """Do all values stand on lines of their own, a path among them?"""
    on_lines = all(
        len(text) > 1 and text[0] == "\n" and text[-1] == "\n" for text in texts.values()
    )
    return on_lines and any(key in PATHS for key in texts)


def _with(value: Value, text: str) -> Value:
    return msgspec.structs.replace(value, text=text, framed=None)
