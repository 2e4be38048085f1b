"""Gemma 4 and FunctionGemma: `<|tool_call>call:NAME{key:<|"|>text<|"|>}<tool_call|>`.

Strings stand between quote tokens, so a payload may hold anything else. With plain quotes in their
place the body is read as JSON with bare keys. Not here: ```tool_code fences, and where a bare
`call:NAME{...}` is meant as a call (`read_bare` reads it).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from seatrial.toolcalls.dialects.gemma_value import (
    QUOTES,
    CutValueError,
    GemmaValueError,
    read_object,
    write_object,
)
from seatrial.toolcalls.dialects.json_body import HEAD, B, ends, read_body
from seatrial.toolcalls.envelope_repairs import (
    CLOSER_FOREIGN,
    CLOSER_MISSING,
    OPENER_DOUBLED,
    OPENER_MISSING,
    SEVERAL_IN_WRAPPER,
    TAG_VARIANT,
)
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
from seatrial.toolcalls.repairs import declare

PLAIN_QUOTES = declare(
    "plain_quotes",
    "envelope",
    "Plain quotes stand where the dialect has tokens for them; the body is read as JSON.",
    '<|tool_call>call:view{file:"a.py"}<tool_call|>',
)

_PAIRS = {"<|tool_call>": "<tool_call|>", "<start_function_call>": "<end_function_call>"}
_VARIANTS = ("<|tool_call|>", "<tool_call>")
_OPENERS = (*_PAIRS, *_VARIANTS)
_CLOSERS = (*_PAIRS.values(), "</tool_call>", "<|tool_call|>", "<|/tool_call|>", "<|tool_call>")
_RUN = re.compile(rf"(?:{'|'.join(map(re.escape, _OPENERS))}){B}")
_CALL = re.compile(rf"call{B}:{B}(?P<name>[A-Za-z_][\w.\-]{{0,200}}+){B}(?=\{{)")
_CALL_BEGUN = re.compile(rf"(?:c(?:a(?:l(?:l{B}(?::{B}[\w.\-]{{0,200}}+{B})?+)?)?)?)?+\Z")
_CLOSE = re.compile(rf"{B}({'|'.join(map(re.escape, _CLOSERS))})")
_OPENED = re.compile(rf"{B}(?:{'|'.join(map(re.escape, _OPENERS))}){B}call{B}:")
_BEHIND = ends("|".join(map(re.escape, _CLOSERS)), openers=rf"call{B}:")
_HOLE = re.compile(r"\{\s*(?:\.\.\.|…|<[\w ]+>|\w+)\s*\}")


class _Call(msgspec.Struct, frozen=True):
    raw: RawCall
    end: int
    sure: bool


class Gemma:
    """The dialect; it holds no state."""

    id = "gemma"
    title = "Gemma 4, FunctionGemma"
    openers = _OPENERS
    closers = tuple(_PAIRS.values())
    quoted = True

    def opens(self, window: Window, at: int, opener: str) -> bool | None:
        start, _ = _start(window.text, at)
        if start - at > HEAD:
            return False
        if _CALL.match(window.text, start, start + HEAD):
            return True
        if starts(window.text, start, *_OPENERS) is None:
            return None
        return None if _CALL_BEGUN.match(window.text, start) else False

    def read(self, window: Window, at: int, opener: str) -> Read:
        start, repairs = _start(window.text, at)
        return _read_calls(window, at, start, repairs, _PAIRS.get(opener))

    def render(self, name: str, arguments: Mapping[str, Any]) -> str:
        return f"<|tool_call>call:{name}{write_object(dict(arguments))}<tool_call|>"


def _start(text: str, at: int) -> tuple[int, tuple[str, ...]]:
    """Where the call behind the opener at `at`, or behind two, begins; and the repairs."""
    repairs: tuple[str, ...] = ()
    if text.startswith(_VARIANTS, at) and not text.startswith(tuple(_PAIRS), at):
        repairs = (TAG_VARIANT,)
    first = _RUN.match(text, at)
    at = first.end() if first else at
    second = _RUN.match(text, at)
    if second is not None:
        return second.end(), (*repairs, OPENER_DOUBLED)
    return at, repairs


def _read_calls(
    window: Window, at: int, start: int, repairs: tuple[str, ...], closer: str | None
) -> Read:
    """The calls from `start` on, and the closing token behind them."""
    text = window.text
    calls: list[_Call] = []
    here = start
    while head := _CALL.match(text, here):
        if _HOLE.match(text, head.end()) and not text.startswith("{}", head.end()):
            return Mention(head.end())
        call = _read_call(window, at if not calls else here, head)
        if isinstance(call, Broken):
            return call
        calls.append(call)
        here = skip_blanks(text, call.end)
    if not calls:
        return None
    closed = _close(window, calls[-1].end, closer)
    if isinstance(closed, str):
        return Broken(closed, calls[-1].raw.name)
    end, found = closed
    if len(calls) > 1:
        found = (SEVERAL_IN_WRAPPER, *found)
    raws = [
        _finished(call, end if len(calls) == 1 else call.end, repairs + found) for call in calls
    ]
    return Envelope(end, tuple(raws), sure=all(call.sure for call in calls))


def _finished(call: _Call, end: int, repairs: tuple[str, ...]) -> RawCall:
    raw = call.raw
    return msgspec.structs.replace(raw, span=(raw.span[0], end), repairs=(*repairs, *raw.repairs))


def _read_call(window: Window, at: int, head: re.Match[str]) -> _Call | Broken:
    """The call whose `call:NAME` is `head`."""
    name, start = head["name"], head.end()
    try:
        read = read_object(window.text, start)
    except CutValueError as error:
        reason = CUT_OFF if not window.stopped else str(error)
    except GemmaValueError as error:
        reason = str(error)
    else:
        repairs = (PLAIN_QUOTES,) if read.plain else ()
        return _Call(RawCall(name, read.value, (at, read.end), None, repairs), read.end, True)
    return _plain(window, at, head) or Broken(reason, name)


def _plain(window: Window, at: int, head: re.Match[str]) -> _Call | None:
    """The same with the body as JSON that needs repairs; None = it is not certain either."""
    body = read_body(window, head.end(), _BEHIND, name=head["name"])
    if isinstance(body, Broken):
        return None
    if any(window.text.find(quote, body.start, body.end) >= 0 for quote in QUOTES):
        return None
    repairs = (PLAIN_QUOTES, *body.repairs)
    raw = RawCall(head["name"], body.value, (at, body.end), None, repairs)
    return _Call(raw, body.end, body.exact)


def _close(window: Window, at: int, closer: str | None) -> tuple[int, tuple[str, ...]] | str:
    """Where the envelope ends whose last call ends at `at`, and the repairs; else the defect."""
    text = window.text
    if _OPENED.match(text, at):
        return at, (CLOSER_MISSING,)
    if match := _CLOSE.match(text, at):
        usual = match.group(1) == closer or (closer is None and match.group(1) in _CLOSERS[:4])
        return match.end(), () if usual else (CLOSER_FOREIGN,)
    if window.at_end(at):
        return at, (CLOSER_MISSING,)
    if not window.stopped and len(text) - skip_blanks(text, at) < HEAD:
        return CUT_OFF
    return "what stands behind the call does not end it"


def read_bare(window: Window, at: int) -> Read:
    """`call:NAME{...}` of a declared tool at `at` without its markers, as the end of the turn."""
    head = _CALL.match(window.text, at, at + HEAD)
    if head is None or head["name"].rpartition(".")[2] not in window.tools:
        return None
    read = _read_calls(window, at, at, (OPENER_MISSING,), None)
    if isinstance(read, Envelope) and not window.at_end(read.end):
        return None
    return read


DIALECT = Gemma()
