"""Tags that are named like the tool and its parameters: `<view><file>a</file></view>`.

Models write it that were trained on such prompts. Any XML looks like it, so it is a call only if
the tool and every tag in it are declared, it begins a line, the model stopped by itself and
nothing but such calls follows. A value is taken as in `invoke`. Nothing in it is repaired.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from seatrial.toolcalls.markup import Grammar, Reader, Unclear
from seatrial.toolcalls.markup_envelope import read_parameters, rendered
from seatrial.toolcalls.reading import (
    CUT_OFF,
    Broken,
    Envelope,
    RawCall,
    Read,
    Window,
    skip_blanks,
    starts,
)


def openers_for(tools: Iterable[str]) -> tuple[str, ...]:
    """The openers, given the names of the declared tools."""
    return tuple(f"<{name}>" for name in tools)


@lru_cache(maxsize=256)
def _grammar(name: str, keys: tuple[str, ...]) -> Grammar:
    words = "|".join(re.escape(key) for key in sorted(keys, key=len, reverse=True)) or "(?!)"
    return Grammar(
        tag=re.compile(
            rf"(?P<head><{re.escape(name)}>)|(?P<tail></{re.escape(name)}>)"
            rf"|(?P<open><(?P<key>{words})>)|(?P<close></(?P<closed>{words})>)"
        ),
        exact=re.compile(r"<[^<>]*>"),
        sections=False,
        keyed=True,
    )


class ToolTags:
    """The dialect; it holds no state."""

    id = "tool_tags"
    title = "Tags named like the tools (prompts of Cline and Roo)"
    openers: tuple[str, ...] = ()
    closers: tuple[str, ...] = ()
    quoted = False

    def opens(self, window: Window, at: int, opener: str) -> bool | None:
        text = window.text
        line = text[max(0, at - 100) : at].rstrip(" \t")
        if opener[1:-1] not in window.tools or (line and not line.endswith("\n")):
            return False
        inside = skip_blanks(text, at + len(opener))
        tags = [f"<{key}>" for key in _keys(window, opener[1:-1])]
        return starts(text, inside, *tags, f"</{opener[1:-1]}")

    def read(self, window: Window, at: int, opener: str) -> Read:
        name = opener[1:-1]
        if name not in window.tools:
            return None
        grammar = _grammar(name, tuple(_keys(window, name)))
        reader = Reader(window, grammar, name, wrapped=False)
        try:
            read = read_parameters(reader, at + len(opener))
            tail = reader.next(read.end)
            if tail is None or tail.kind != "tail":
                raise Unclear("text stands between the parameters", ended=not window.stopped)
        except Unclear as unclear:
            return Broken(unclear.reason if window.stopped else CUT_OFF, name)
        if not window.stopped and skip_blanks(window.text, tail.end) == len(window.text):
            return Broken(CUT_OFF, name)
        if not window.stopped or not _terminal(window, tail.end):
            return None
        arguments = {key: value.text for key, value in read.values.items()}
        call = RawCall(name, arguments, (at, tail.end), repairs=read.repairs, untyped=True)
        return Envelope(tail.end, (call,), sure=False)

    def render(self, name: str, arguments: Mapping[str, Any]) -> str:
        rows = rendered(arguments, "<{}>", "</{}>", block=False)
        return "\n".join([f"<{name}>", *rows, f"</{name}>"])


def _keys(window: Window, name: str) -> list[str]:
    properties = window.tools[name].parameters.get("properties")
    return list(properties) if isinstance(properties, dict) else []


def _terminal(window: Window, at: int) -> bool:
    """Does the turn end at `at`, or go on with another such call?"""
    behind = skip_blanks(window.text, at)
    return window.at_end(at) or any(
        starts(window.text, behind, opener) and DIALECT.opens(window, behind, opener)
        for opener in openers_for(window.tools)
    )


DIALECT = ToolTags()
