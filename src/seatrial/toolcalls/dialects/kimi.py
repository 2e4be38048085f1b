"""Kimi K2: a section of calls, each `functions.NAME:INDEX`, a marker, and JSON arguments.

The markers are single tokens of the model, so one of them inside of a string is no payload that
the model could have meant: such a call is asked for again, and `render` escapes them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from seatrial.toolcalls.dialects.json_body import HEAD, B, begins, dumps, ends
from seatrial.toolcalls.dialects.sections import MARKER_MISSING, Form, Head, read_section
from seatrial.toolcalls.reading import Read, Window, skip_blanks, starts
from seatrial.toolcalls.repairs import declare

CALL_ID_FORM = declare(
    "call_id_form",
    "envelope",
    "The id of a call is not functions.NAME:INDEX; the name in it counts.",
    "<|tool_calls_section_begin|><|tool_call_begin|>view<|tool_call_argument_begin|>"
    '{"file": "a.py"}<|tool_call_end|><|tool_calls_section_end|>',
)

_SECTION, _SECTION_END = "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"
_CALL, _CALL_END = "<|tool_call_begin|>", "<|tool_call_end|>"
_ARGUMENTS = "<|tool_call_argument_begin|>"
_ONE_SECTION, _ONE_SECTION_END = "<|tool_call_section_begin|>", "<|tool_call_section_end|>"

_MARK = r"<\|tool_calls?_(?:section_|argument_)?(?:begin|end)\|>"
_CALL_HEAD = re.compile(
    rf"(?P<call>{re.escape(_CALL)})?+{B}(?P<id>[A-Za-z_][\w.:/\-]{{0,200}}+){B}"
    rf"(?P<mark>{re.escape(_ARGUMENTS)})?+"
)
_CANONICAL_ID = re.compile(r"functions\.([^:]+):\d{1,6}\Z")


def _head(window: Window, at: int) -> Head | None:
    match = _CALL_HEAD.match(window.text, at, at + HEAD)
    if match is None or not (match["call"] or match["mark"]):
        return None
    if not match["mark"] and begins(window.text, match.end()) is not True:
        return None
    canonical = _CANONICAL_ID.match(match["id"])
    repairs: tuple[str, ...] = () if match["call"] and match["mark"] else (MARKER_MISSING,)
    if canonical:
        return Head(match.end(), canonical.group(1), repairs)
    # What stands around the name is dropped with the name.
    return Head(match.end(), match["id"], (*repairs, CALL_ID_FORM))


_FORM = Form(
    begin=re.compile(rf"{B}<\|tool_calls?_section_begin\|>"),
    end=re.compile(rf"{B}<\|tool_calls?_section_end\|>"),
    call_end=re.compile(rf"{B}{re.escape(_CALL_END)}"),
    behind=ends(r"<\|tool_call_end\|>|<\|tool_calls?_section_end\|>", openers=re.escape(_CALL)),
    head=_head,
    foreign=re.compile(_MARK),
    is_variant=lambda marker: "tool_call_section" in marker,
)


class Kimi:
    """The dialect; it holds no state."""

    id = "kimi"
    title = "Kimi K2"
    openers = (_SECTION, _ONE_SECTION, _CALL)
    closers = (_SECTION_END, _ONE_SECTION_END, _CALL_END)
    quoted = True

    def opens(self, window: Window, at: int, opener: str) -> bool | None:
        text = window.text
        here = skip_blanks(text, at + len(opener)) if opener != _CALL else at
        if here - at > HEAD:
            return False
        if opener != _CALL and starts(text, here, _CALL) is None:
            return None
        if _head(window, here) is not None:
            return True
        return None if len(text) - here < HEAD and _unfinished(text, here) else False

    def read(self, window: Window, at: int, opener: str) -> Read:
        return read_section(window, at, _FORM)

    def render(self, name: str, arguments: Mapping[str, Any]) -> str:
        body = dumps(dict(arguments)).replace("<|tool_call", "\\u003c|tool_call")
        return f"{_SECTION}{_CALL}functions.{name}:0{_ARGUMENTS}{body}{_CALL_END}{_SECTION_END}"


def _unfinished(text: str, at: int) -> bool:
    """May the head of a call that begins at `at` go on behind the end of the text?"""
    match = _CALL_HEAD.match(text, at)
    behind = match.end() if match else skip_blanks(text, at + len(_CALL))
    return behind >= len(text) or starts(text, behind, _ARGUMENTS) is None


DIALECT = Kimi()
