"""Calls with markers of their own inside a section, as DeepSeek and Kimi write them.

The markers differ by dialect (`Form`); that a marker is missing, and what may stand instead, is
the same. In: a window, a place, a form. Out: one envelope with the calls of one section. Each call
with its own end is certain, whatever happens to the next one.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from seatrial.toolcalls.dialects.json_body import Ends, arguments_call, no_arguments, read_body
from seatrial.toolcalls.envelope_repairs import CLOSER_MISSING, TAG_VARIANT
from seatrial.toolcalls.reading import CUT_OFF, Broken, Envelope, RawCall, Read, Window, skip_blanks
from seatrial.toolcalls.repairs import declare

MARKER_MISSING = declare(
    "marker_missing",
    "envelope",
    "The marker before a section of calls, before a call or before its arguments is missing.",
    '<|tool_call_begin|>functions.view:0<|tool_call_argument_begin|>{"file": "a.py"}'
    "<|tool_call_end|>",
)


class Head(msgspec.Struct, frozen=True):
    """What stands before the arguments of one call."""

    end: int
    name: str
    repairs: tuple[str, ...] = ()


class Form(msgspec.Struct, frozen=True):
    """The markers of one dialect; the patterns begin with blanks."""

    begin: re.Pattern[str]
    end: re.Pattern[str]
    call_end: re.Pattern[str]
    behind: Ends
    head: Callable[[Window, int], Head | None]
    """What stands before the arguments of the call at a place; None = no call begins there."""
    foreign: re.Pattern[str]
    """What the text of arguments must not hold."""
    is_variant: Callable[[str], bool]
    """Is a marker spelled in another way than the model's own?"""


def read_section(window: Window, at: int, form: Form) -> Read:
    """The section, or the calls without one, at `at`."""
    text = window.text
    begin = form.begin.match(text, at)
    here = begin.end() if begin else at
    calls: list[RawCall] = []
    opened: tuple[str, ...] = () if begin else (MARKER_MISSING,)
    if begin and form.is_variant(begin.group()):
        opened += (TAG_VARIANT,)
    exact = True
    while (head := form.head(window, skip_blanks(text, here))) is not None:
        start = at if not calls else skip_blanks(text, here)
        read = _read_call(window, start, head, form, () if calls else opened)
        if isinstance(read, Broken):
            return Envelope(here, tuple(calls), read, sure=exact) if calls else read
        call, here, as_it_stands = read
        exact = exact and as_it_stands
        calls.append(call)
    if not calls:
        return Broken("no call follows the beginning of the section") if begin else None
    return _close(window, here, calls, form, begin is not None, exact)


def _read_call(
    window: Window, start: int, head: Head, form: Form, repairs: tuple[str, ...]
) -> tuple[RawCall, int, bool] | Broken:
    """The call whose arguments stand behind `head`, its end, and whether it is exact JSON."""
    text = window.text
    repairs = (*repairs, *head.repairs)
    if closed := form.call_end.match(text, head.end):
        return no_arguments(head.name, (start, closed.end()), repairs), closed.end(), True
    body = read_body(window, head.end, form.behind, name=head.name)
    if isinstance(body, Broken):
        return body
    if form.foreign.search(text, body.start, body.stop):
        return Broken("a marker of the call syntax stands in its arguments", head.name)
    closed = form.call_end.match(text, body.end)
    if closed is None:
        repairs += (CLOSER_MISSING,)
    elif form.is_variant(closed.group()):
        repairs += (TAG_VARIANT,)
    end = closed.end() if closed else body.end
    repairs = tuple(dict.fromkeys(repairs))
    return arguments_call(window, head.name, body, (start, end), repairs), end, body.exact


def _close(
    window: Window, here: int, calls: list[RawCall], form: Form, opened: bool, exact: bool
) -> Read:
    """Demand the end of the section, if it has a beginning."""
    end = form.end.match(window.text, here)
    if end is not None:
        return Envelope(end.end(), tuple(calls), sure=exact)
    if not opened:
        return Envelope(here, tuple(calls), sure=exact)
    rest = skip_blanks(window.text, here)
    if not window.stopped and len(window.text) - rest < _LONGEST_MARKER:
        return Envelope(here, tuple(calls), Broken(CUT_OFF, calls[-1].name), sure=exact)
    last = calls[-1]
    if CLOSER_MISSING not in last.repairs:
        calls[-1] = msgspec.structs.replace(last, repairs=(*last.repairs, CLOSER_MISSING))
    return Envelope(here, tuple(calls), sure=exact)


_LONGEST_MARKER = 40
