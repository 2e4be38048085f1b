"""Mistral: `[TOOL_CALLS]`, then `name[ARGS]{...}`, `name{...}` or a list of JSON calls.

There is no closer: a call ends with its last bracket, so what follows must leave no doubt of that.
Not here: where `name[ARGS]` without the marker is meant as a call (`read_args` reads it).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from seatrial.toolcalls.dialects.json_body import (
    HEAD,
    B,
    arguments_call,
    begins,
    calls_of,
    dumps,
    ends,
    head_name,
    is_template,
    no_arguments,
    read_bodies,
    read_body,
)
from seatrial.toolcalls.envelope_repairs import OPENER_DOUBLED, OPENER_MISSING
from seatrial.toolcalls.reading import (
    Broken,
    Envelope,
    Mention,
    RawCall,
    Read,
    Window,
    skip_blanks,
    starts,
)

_OPENER, _CLOSER, _ARGS = "[TOOL_CALLS]", "[/TOOL_CALLS]", "[ARGS]"
_NAME = r"[A-Za-z_][\w.\-]{0,200}+"
_RUN = re.compile(rf"\[TOOL_CALLS\]{B}")
_CLOSE = re.compile(rf"{B}\[/TOOL_CALLS\]")
_NAMED = re.compile(
    rf"(?P<name>{_NAME}){B}(?:\[CALL_ID\]{B}[\w\-]{{1,100}}+{B})?+(?P<args>\[ARGS\])?+{B}"
)
_MORE = re.compile(rf"{B}[,;]?{B}(?={_NAME}{B}\[(?:ARGS|CALL_ID)\])")
_FOLLOWS = rf"\[TOOL_CALLS\]|{_MORE.pattern}"
_BEHIND = ends(
    r"\[/TOOL_CALLS\]|\[TOOL_RESULTS\]|\[/?INST\]", openers=_FOLLOWS, prose=True, several=True
)
_NOTHING = re.compile(rf"{B}(?:\[/?TOOL_CALLS\]|\[TOOL_RESULTS\])")


class Mistral:
    """The dialect; it holds no state."""

    id = "mistral"
    title = "Mistral, Devstral and Magistral"
    openers = (_OPENER,)
    closers = (_CLOSER,)
    quoted = True

    def opens(self, window: Window, at: int, opener: str) -> bool | None:
        text = window.text
        start = _start(text, at)
        if start - at > HEAD:
            return False
        if start == len(text) or starts(text, start, _OPENER) is None:
            return None
        if (opened := begins(text, start)) is not False:
            return opened
        named = _NAMED.match(text, start, start + HEAD)
        if named is None:
            return False
        behind = named.end()
        if named["args"]:
            return True
        if behind >= len(text) or starts(text, behind, _ARGS, "[CALL_ID]") is None:
            return None
        glued = text[behind - 1] not in " \t"
        return text[behind] == "{" and (glued or named["name"] in window.tools)

    def read(self, window: Window, at: int, opener: str) -> Read:
        start = _start(window.text, at)
        doubled = window.text.startswith(_OPENER, skip_blanks(window.text, at + len(_OPENER)))
        repairs = (OPENER_DOUBLED,) if doubled else ()
        if is_template(window.text, start):
            return Mention(start)
        if begins(window.text, start):
            return _read_objects(window, at, start, repairs)
        return _read_named(window, at, start, repairs)

    def render(self, name: str, arguments: Mapping[str, Any]) -> str:
        return f"{_OPENER}{name}{_ARGS}{dumps(dict(arguments))}"


def _start(text: str, at: int) -> int:
    """Behind the marker at `at`, and behind a second one."""
    for _ in range(2):
        opener = _RUN.match(text, at)
        at = opener.end() if opener else at
    return at


def _read_objects(window: Window, at: int, start: int, repairs: tuple[str, ...]) -> Read:
    bodies = read_bodies(window, start, _BEHIND)
    if isinstance(bodies, Broken):
        return bodies
    end = _closed(window.text, bodies[-1].end)
    calls = calls_of(window, bodies, (at, end), repairs=repairs)
    if calls is None:
        return Mention(end)
    if isinstance(calls, Broken):
        return Broken(calls.reason, calls.name or head_name(window.text, start))
    return Envelope(end, calls, sure=all(body.exact for body in bodies))


def _read_named(window: Window, at: int, start: int, repairs: tuple[str, ...]) -> Read:
    """One call after the other, each its name and its arguments."""
    text = window.text
    calls: list[RawCall] = []
    exact = True
    end = start
    while named := _NAMED.match(text, start):
        name = named["name"]
        first = start if calls else at
        if named["args"] and (_NOTHING.match(text, named.end()) or window.at_end(named.end())):
            end = named.end()
            calls.append(no_arguments(name, (first, end), repairs))
        else:
            body = read_body(window, named.end(), _BEHIND, name=name)
            if isinstance(body, Broken):
                return Envelope(end, tuple(calls), body, sure=exact) if calls else body
            end = body.end
            exact = exact and body.exact
            calls.append(arguments_call(window, name, body, (first, end), repairs))
        more = _MORE.match(text, end)
        if more is None:
            break
        start = more.end()
        repairs = ()
    if not calls:
        return None
    return Envelope(_closed(text, end), tuple(calls), sure=exact)


def _closed(text: str, at: int) -> int:
    closed = _CLOSE.match(text, at)
    return closed.end() if closed else at


def read_args(window: Window, at: int, name: str) -> Read:
    """`name[ARGS]{...}` at `at`, where the marker before it is missing."""
    named = _NAMED.match(window.text, at)
    if named is None or named["name"] != name or not named["args"]:
        return None
    if begins(window.text, named.end()) is not True:
        return None
    return _read_named(window, at, at, (OPENER_MISSING,))


DIALECT = Mistral()
