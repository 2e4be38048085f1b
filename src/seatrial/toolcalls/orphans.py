"""Calls whose opening tag is missing: found from what stands behind them.

In: visible text, and the place of a closing tag or of the next call. Out: where the call began
and what it is, or that one was lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from seatrial.toolcalls.dialects import gemma, hermes
from seatrial.toolcalls.prose import Prose
from seatrial.toolcalls.reading import Broken, Dialect, Envelope, Read, Window, skip_blanks

_READERS: dict[str, tuple[str, Callable[[Window, int], Read], Dialect]] = {
    "</tool_call>": ("{", hermes.read_orphan, hermes.DIALECT),
    "<tool_call|>": ("call:", gemma.read_bare, gemma.DIALECT),
}
CLOSERS = frozenset(_READERS)
_KEY = re.compile(r"""["'](?:name|arguments|parameters)\b""")
_WORD = re.compile(r"[\w.-]++")
_NAMED = re.compile(
    r"([\w.-]{1,200}+)\s*+(?:<｜tool▁sep｜>)?+\s*+\{(?=\s*+[\"'}])|[\w.-](\[ARGS)"
    r"|call:([\w.-]{1,200}+)\{|^([\w.-]{1,200}+)(?:\(|[ \t]*+$)"
    r"|(<(?:parameter|param|arg_key|arg_value|invoke)\b)"
    r"|\bto=(?:functions\.)?+([\w.-]{1,200}+)|<tool_call([\w.-]{1,200}+)",
    re.MULTILINE,
)
_TRIED = 8
"""Lines that may begin the object; more are not tried."""


def find_orphan(
    window: Window, start: int, at: int, closer: str
) -> tuple[Envelope | Broken, int, Dialect] | None:
    """The body at a line start in `text[start:at]` that `closer` at `at` ends, where it begins,
    and its dialect.
    """
    prose = Prose(start)
    head, read_orphan, dialect = _READERS[closer]
    for first in _lines(window.text, start, at, head):
        if prose.quoted(window.text, first, True):
            continue
        read = read_orphan(window, first)
        if isinstance(read, Broken) or (isinstance(read, Envelope) and read.end > at):
            return read, first, dialect
    return None


def lost_call(window: Window, start: int, end: int) -> bool:
    """Does `text[start:end]`, before a call, hold another one of a declared tool, unread?

    Its envelope is broken; to execute only what follows would change the order of things.
    """
    text = window.text
    places = [match.start() for match in _KEY.finditer(text, start, end)]
    if places and not any(word in window.tools for word in _WORD.findall(text, start, end)):
        places = []
    for match in _NAMED.finditer(text, start, end):
        name = next(filter(None, match.groups()))
        if name[0] in "[<" or name.endswith(tuple(window.tools)):
            places.append(match.start())
    prose = Prose(start)
    return any(not prose.quoted(text, place, True) for place in sorted(places))


def _lines(text: str, start: int, end: int, head: str) -> list[int]:
    found: list[int] = []
    at = start
    while len(found) < _TRIED and at < end:
        first = skip_blanks(text, at)
        if text.startswith(head, first) and first < end:
            found.append(first)
        newline = text.find("\n", max(first, at), end)
        if newline < 0:
            break
        at = newline + 1
    return found
