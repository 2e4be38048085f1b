"""Llama 3 and 4: `<|python_tag|>{"name", "parameters"}`, Python calls, `<function=NAME>{...}`.

Also read: the Python list between LFM2's markers, and functionary's tags around JSON. Not here:
JSON or Python without any marker, and `<function=NAME>` with parameters in tags.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

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
    read_bodies,
    read_body,
)
from seatrial.toolcalls.envelope_repairs import CLOSER_MISSING
from seatrial.toolcalls.python_calls import attempt
from seatrial.toolcalls.reading import (
    CUT_OFF,
    Broken,
    Envelope,
    Mention,
    RawCall,
    Read,
    Window,
    skip_blanks,
    starts,
)

_TAG = "<|python_tag|>"
_FUNCTION = "<function="
_PYTHON = {"<|python_start|>": "<|python_end|>", "<|tool_call_start|>": "<|tool_call_end|>"}

_TAG_BEHIND = ends(r"<\|python_end\|>", openers=re.escape(_TAG), prose=True, several=True)
_CALL_BEGINS = re.compile(rf"\[?{B}(?P<name>[A-Za-z_][\w.\-]{{0,200}}+)(?P<paren>\()?+", re.ASCII)
_SEPARATOR = re.compile(rf"[ \t]*+[;\r\n]{B}(?=\[?{B}[A-Za-z_][\w.\-]{{0,200}}+\()")
_FUNCTION_TAG = re.compile(
    rf"(?P<wrapper><tool_call>{B})?+<function{B}={B}(?P<quote>[\"']?)"
    rf"(?P<name>[A-Za-z_][\w.\-]{{0,200}}+)(?P=quote){B}>{B}(?=[{{`])"
)
_FUNCTION_BEGUN = re.compile(rf"<function{B}={B}[\"']?[\w.\-]{{0,200}}+[\"']?{B}>?{B}")
_FUNCTION_BEHIND = ends(r"</function>|</tool_call>", openers=r"<function=")
_FUNCTION_CLOSE = re.compile(rf"{B}</function>")
_WRAPPER_CLOSE = re.compile(rf"{B}</tool_call>")


class Llama:
    """The dialect; it holds no state."""

    id = "llama"
    title = "Llama 3.1 to 4, functionary, LFM2"
    openers = (_TAG, *_PYTHON, _FUNCTION, "<tool_call>")
    closers = ("<|python_end|>", "<|tool_call_end|>", "</function>")
    quoted = True

    def opens(self, window: Window, at: int, opener: str) -> bool | None:
        text = window.text
        start = skip_blanks(text, at + len(opener))
        if start - at > HEAD:
            return False
        if opener in (_FUNCTION, "<tool_call>"):
            return _function_opens(text, at, start, opener)
        if start == len(text):
            return None
        if opener != "<|tool_call_start|>" and (opened := begins(text, start)) is not False:
            return opened
        return _python_opens(text, start)

    def read(self, window: Window, at: int, opener: str) -> Read:
        if opener in (_FUNCTION, "<tool_call>"):
            return _read_functions(window, at)
        start = skip_blanks(window.text, at + len(opener))
        if is_template(window.text, start):
            return Mention(start)
        if begins(window.text, start):
            return _read_objects(window, at, start)
        return _read_python(window, at, start, _PYTHON.get(opener))

    def render(self, name: str, arguments: Mapping[str, Any]) -> str:
        return _TAG + dumps({"name": name, "parameters": dict(arguments)})


def _python_opens(text: str, start: int) -> bool | None:
    match = _CALL_BEGINS.match(text, start, start + HEAD)
    if match is not None and match["paren"]:
        return True
    behind = match.end() if match else start + 1
    return None if behind >= len(text) and (match or text[start] == "[") else False


def _function_opens(text: str, at: int, start: int, opener: str) -> bool | None:
    if _FUNCTION_TAG.match(text, at, at + HEAD):
        return True
    if opener == _FUNCTION:
        start = at
    elif starts(text, start, _FUNCTION) is None:
        return None
    begun = _FUNCTION_BEGUN.match(text, start)
    return None if begun and begun.end() >= len(text) and begun.end() - at < HEAD else False


def _read_objects(window: Window, at: int, start: int) -> Read:
    bodies = read_bodies(window, start, _TAG_BEHIND)
    if isinstance(bodies, Broken):
        return bodies
    end = bodies[-1].end
    calls = calls_of(window, bodies, (at, end), key="parameters")
    if calls is None:
        return Mention(end)
    if isinstance(calls, Broken):
        return Broken(calls.reason, calls.name or head_name(window.text, start))
    return Envelope(end, calls, sure=all(body.exact for body in bodies))


def _read_python(window: Window, at: int, start: int, closer: str | None) -> Read:
    """Python calls from `start` on, up to `closer` or, without one, to the end of the turn."""
    text = window.text
    calls: list[RawCall] = []
    end = start
    while True:
        found = attempt(text, start, window.tools)
        if not found.calls or found.broken:
            named = _CALL_BEGINS.match(text, start)
            name = named["name"].removesuffix(".call") if named else None
            if not window.stopped and found.end == len(text):
                return Broken(CUT_OFF, name)
            return found.broken or Broken("no Python call with plain values can be read", name)
        calls += found.calls
        end = found.end
        following = _SEPARATOR.match(text, end)
        if following is None or _closed(window, end, closer) is not None:
            break
        start = following.end()
    closed = _closed(window, end, closer)
    if closed is None:
        ended = skip_blanks(text, end) == len(text)
        return Broken(CUT_OFF if ended else "text follows the call", calls[-1].name)
    repairs = (CLOSER_MISSING,) if closer and closed == end else ()
    return Envelope(closed, tuple(_tidy(call, repairs) for call in calls))


def _closed(window: Window, at: int, closer: str | None) -> int | None:
    """Where the envelope ends whose last call ends at `at`; None = it does not."""
    start = skip_blanks(window.text, at)
    if closer and window.text.startswith(closer, start):
        return start + len(closer)
    follows = window.text.startswith((_TAG, *_PYTHON), start)
    return at if follows or window.at_end(at) else None


def _tidy(call: RawCall, repairs: tuple[str, ...]) -> RawCall:
    """`call` without the method that the built-in tools of Llama are called with."""
    name = call.name.removesuffix(".call")
    return msgspec.structs.replace(call, name=name, repairs=(*repairs, *call.repairs))


def _read_functions(window: Window, at: int) -> Read:
    """One function after the other, each with its own tags, in one wrapper or in none."""
    text = window.text
    calls: list[RawCall] = []
    wrapped = exact = False
    start = end = at
    while tag := _FUNCTION_TAG.match(text, start):
        if calls and tag["wrapper"]:
            break
        wrapped = wrapped or bool(tag["wrapper"])
        body = read_body(window, tag.end(), _FUNCTION_BEHIND, name=tag["name"])
        if isinstance(body, Broken):
            return Envelope(end, tuple(calls), body, sure=exact) if calls else body
        exact = body.exact and (exact or not calls)
        closed = _FUNCTION_CLOSE.match(text, body.end)
        end = closed.end() if closed else body.end
        repairs = () if closed else (CLOSER_MISSING,)
        calls.append(arguments_call(window, tag["name"], body, (start, end), repairs))
        start = skip_blanks(text, end)
    if not calls:
        return None
    return _close_wrapper(window, end, calls, wrapped, exact)


def _close_wrapper(
    window: Window, end: int, calls: list[RawCall], wrapped: bool, exact: bool
) -> Read:
    closed = _WRAPPER_CLOSE.match(window.text, end)
    if not wrapped or closed:
        return Envelope(closed.end() if closed else end, tuple(calls), sure=exact)
    last = calls[-1]
    if not window.at_end(end) and not window.text.startswith(
        "<tool_call>", skip_blanks(window.text, end)
    ):
        broken = Broken("</tool_call> is missing" if window.stopped else CUT_OFF, last.name)
        return Envelope(end, tuple(calls), broken, sure=exact)
    calls[-1] = msgspec.structs.replace(last, repairs=(*last.repairs, CLOSER_MISSING))
    return Envelope(end, tuple(calls), sure=exact)


DIALECT = Llama()
