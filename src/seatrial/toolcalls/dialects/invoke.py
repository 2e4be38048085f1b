"""The invoke form: a section of calls, `invoke name="NAME"` tags, `parameter name="KEY"` tags.

Claude's form; MiniMax M2 writes it in a wrapper of its own, other models write it now and then. A
value stands directly between its tags and every byte of it counts, a newline before the closing
tag too. Models that imitate it also write values on lines of their own: where the opening tag is
followed by a newline and the closing tag begins a line, those two newlines are taken off, unless
another value of several lines stands directly between its tags. In MiniMax's wrapper, whose
template knows no such lines, they are text, unless a path stands on lines of its own as well.
Elsewhere a newline behind the opening tag alone can mean either: not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from seatrial.toolcalls.markup import WORD, B, Grammar
from seatrial.toolcalls.markup_envelope import (
    EnvelopeReader,
    header_follows,
    orphan_follows,
    rendered,
)
from seatrial.toolcalls.names import resolve
from seatrial.toolcalls.reading import CUT_OFF, Broken, Read, Window

_PREFIX = "antml:"
_NS = rf"(?:{_PREFIX})?"
_WRAPPERS = rf"{_NS}function_calls?|minimax:tool_call|tool_calls?"


def _named(word: str, group: str) -> str:
    return rf"{word}\s{{1,8}}name{B}={B}[\"']?(?P<{group}>{WORD})[\"']?{B}>"


_GRAMMAR = Grammar(
    tag=re.compile(
        rf"<(?=[ \t/afimpt]){B}"
        rf"(?:{_NS}(?:(?P<open>{_named('parameter', 'key')})|(?P<head>{_named('invoke', 'name')}))"
        rf"|(?P<wrap>(?:{_WRAPPERS}){B}>)|/{B}(?:(?P<unwrap>(?:{_WRAPPERS}){B}>)"
        rf"|{_NS}(?:(?P<close>parameter{B}>)|(?P<tail>invoke{B}>))))",
        re.IGNORECASE,
    ),
    exact=re.compile(
        rf"<{_NS}(?:parameter|invoke) name=\"[^\"]+\">|</{_NS}(?:parameter|invoke)>"
        rf"|</?(?:{_NS}function_calls|minimax:tool_call)>"
    ),
    variant=re.compile(rf"</?(?:{_WRAPPERS})>"),
    damaged=re.compile(rf"<{B}/?{B}{_NS}(?:parameter|invoke)(?=[\s<]|\Z)", re.IGNORECASE),
    several=True,
)
_MINIMAX = "<minimax:tool_call>"
_VERBATIM = msgspec.structs.replace(_GRAMMAR, strips=False)
_HEADS = ("<invokename=", f"<{_PREFIX}invokename=")
_ORPHANS = ("<invoke ", f"<{_PREFIX}invoke ")


class Invoke:
    """The dialect; it holds no state."""

    id = "invoke"
    title = "MiniMax M2, and models that imitate Claude (invoke tags)"
    openers = (
        "<function_calls>", f"<{_PREFIX}function_calls>", _MINIMAX,
        "<function_call>", "<tool_call>", "<tool_calls>", *_ORPHANS,
    )  # fmt: skip
    closers = (
        *(f"</{_PREFIX}{word}>" for word in ("parameter", "invoke", "function_calls")),
        "</parameter>", "</invoke>", "</function_calls>", "</minimax:tool_call>",
    )  # fmt: skip
    quoted = False

    def opens(self, window: Window, at: int, opener: str) -> bool | None:
        found = header_follows(window, at, _GRAMMAR, _HEADS)
        return (
            found if not found or opener not in _ORPHANS else orphan_follows(window, at, _GRAMMAR)
        )

    def read(self, window: Window, at: int, opener: str) -> Read:
        grammar = _VERBATIM if opener == _MINIMAX else _GRAMMAR
        read = EnvelopeReader(window, grammar).read(at)
        if opener in _ORPHANS and isinstance(read, Broken) and read.reason != CUT_OFF:
            return read if read.name and resolve(read.name, window.tools) else None
        return read

    def render(self, name: str, arguments: Mapping[str, Any]) -> str:
        rows = rendered(arguments, '<parameter name="{}">', "</parameter>", block=False)
        inner = "\n".join([f'<invoke name="{name}">', *rows, "</invoke>"])
        return f"<function_calls>\n{inner}\n</function_calls>"


DIALECT = Invoke()
