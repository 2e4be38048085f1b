"""A conversation that a client sends as one text: what can be read of it with certainty.

`[User]: words`, then calls and results, as opencode and pi write them. Results are a stranger's
text and may hold such lines themselves; so the first words count only where they open the text,
and a call only where it stands alone on its line, after an empty one, and can be read whole.

In: text. Out: words, calls.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from seatrial.core.message import Call

_FIRST = re.compile(r"\s*\[(?:User|Human)\]:[ \n]")
_NEXT = re.compile(r"\n\n\[(?:User|Human|Assistant|Tool)[^\]\n]{0,40}\]:")
_CALLS = re.compile(r"(?:^|\n\n)\[Assistant tool calls?\]: ([^\n]+)(?=\n|$)")
_NAME = re.compile(r"\s*;?\s*([\w.-]{1,64})\(")
_KEY = re.compile(r"\s*,?\s*(\w{1,64})=")
_MOST_LINE_CHARS = 200_000
_DECODER = json.JSONDecoder()


def first_entry(conversation: str) -> str:
    """The words of the user that open `conversation`; empty if something else does."""
    start = _FIRST.match(conversation)
    if start is None:
        return ""
    end = _NEXT.search(conversation, start.end())
    return conversation[start.end() : end.start() if end else len(conversation)].strip()


def entry_calls(conversation: str) -> Iterator[Call]:
    """The calls in `conversation` that can be read whole."""
    for match in _CALLS.finditer(conversation):
        line = match[1][:_MOST_LINE_CHARS]
        place = 0
        while (name := _NAME.match(line, place)) is not None:
            read = _arguments(line, name.end())
            if read is None:
                break
            fields, place = read
            yield Call("", name[1], json.dumps(fields))


def _arguments(line: str, place: int) -> tuple[dict[str, Any], int] | None:
    """`{"key": value})` or `key=value, key=value)`, and where it ends."""
    fields: dict[str, Any] = {}
    try:
        if line.startswith("{", place):
            fields, place = _DECODER.raw_decode(line, place)
        else:
            while (key := _KEY.match(line, place)) is not None:
                fields[key[1]], place = _DECODER.raw_decode(line, key.end())
    except (ValueError, RecursionError):
        return None
    return (fields, place + 1) if line.startswith(")", place) else None
