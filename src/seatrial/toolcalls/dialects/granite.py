"""Granite 3: `<|tool_call|>` or `<tool_call>` and a list of JSON calls, up to the end of the turn.

There is no closing tag; one that stands there all the same is taken. Granite 4 writes Hermes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from seatrial.toolcalls.dialects.json_body import (
    HEAD,
    B,
    begins,
    calls_of,
    dumps,
    ends,
    head_name,
    is_template,
    read_bodies,
)
from seatrial.toolcalls.envelope_repairs import OPENER_DOUBLED
from seatrial.toolcalls.reading import Broken, Envelope, Mention, Read, Window, skip_blanks

_OPENERS = ("<|tool_call|>", "<tool_call>")
_CLOSERS = ("<|/tool_call|>", "</|tool_call|>", "</tool_call>")
_CLOSER = "|".join(map(re.escape, _CLOSERS))
_CLOSE = re.compile(rf"{B}(?:{_CLOSER})")
_RUN = re.compile(rf"(?:{'|'.join(map(re.escape, _OPENERS))}){B}")
_BEHIND = ends(_CLOSER, openers="|".join(map(re.escape, _OPENERS)), prose=True)


class Granite:
    """The dialect; it holds no state."""

    id = "granite"
    title = "Granite 3"
    openers = _OPENERS
    closers = ("<|/tool_call|>",)
    quoted = True

    def opens(self, window: Window, at: int, opener: str) -> bool | None:
        start = _body(window.text, at)
        if start - at > HEAD:
            return False
        if start < len(window.text) and window.text[start] not in "[`":
            return False
        return begins(window.text, start)

    def read(self, window: Window, at: int, opener: str) -> Read:
        start = _body(window.text, at)
        if is_template(window.text, start):
            return Mention(start)
        bodies = read_bodies(window, start, _BEHIND)
        shared = opener == _OPENERS[1]
        if isinstance(bodies, Broken):
            # What is not exactly this form may be Hermes with a list.
            return None if shared else bodies
        if not all(isinstance(body.value, list) for body in bodies):
            return None
        closed = _CLOSE.match(window.text, bodies[-1].end)
        if closed and shared:
            return None
        end = closed.end() if closed else bodies[-1].end
        first = _RUN.match(window.text, at)
        doubled = first is not None and first.end() < start
        repairs = (OPENER_DOUBLED,) if doubled else ()
        calls = calls_of(window, bodies, (at, end), repairs=repairs)
        if calls is None:
            return Mention(end)
        if isinstance(calls, Broken):
            return Broken(calls.reason, calls.name or head_name(window.text, start))
        return Envelope(end, calls, sure=all(body.exact for body in bodies))

    def render(self, name: str, arguments: Mapping[str, Any]) -> str:
        return f"{_OPENERS[0]}{dumps([{'name': name, 'arguments': dict(arguments)}])}"


def _body(text: str, at: int) -> int:
    """Behind the opener at `at`, and behind a second one."""
    for _ in range(2):
        opener = _RUN.match(text, at)
        at = opener.end() if opener else at
    return skip_blanks(text, at)


DIALECT = Granite()
