"""DeepSeek V3, R1 and V3.1: calls between markers with wide pipes, arguments as JSON.

V3 and R1 write a type, the name and a fenced object; V3.1 writes the name and a bare object. Both
are read, also with plain pipes and underscores. The markup of later models is `dsml`'s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from seatrial.toolcalls.dialects.json_body import HEAD, B, begins, dumps, ends
from seatrial.toolcalls.dialects.sections import MARKER_MISSING, Form, Head, read_section
from seatrial.toolcalls.envelope_repairs import FENCE_IN_WRAPPER, TAG_VARIANT
from seatrial.toolcalls.reading import Envelope, Read, Window, skip_blanks, starts

_SPELLINGS = (("｜", "▁"), ("｜", "_"), ("|", "▁"), ("|", "_"))
_NAME = r"[A-Za-z_][\w.\-]{0,200}+"


def _mark(*words: str) -> str:
    return r"<[｜|]" + "[▁_]".join(words) + r"[｜|]>"


def _spelled(*words: str) -> tuple[str, ...]:
    return tuple(f"<{pipe}{gap.join(words)}{pipe}>" for pipe, gap in _SPELLINGS)


_SECTIONS = _spelled("tool", "calls", "begin")
_CALLS = _spelled("tool", "call", "begin")
_SEPARATORS = _spelled("tool", "sep")
_CALL_HEAD = re.compile(
    rf"(?P<call>{_mark('tool', 'call', 'begin')})?+{B}(?P<first>{_NAME}){B}"
    rf"(?P<mark>{_mark('tool', 'sep')}){B}(?:(?P<second>{_NAME}){B})?+"
)


def _is_variant(marker: str) -> bool:
    return "|" in marker or "_" in marker


def _head(window: Window, at: int) -> Head | None:
    match = _CALL_HEAD.match(window.text, at, at + HEAD)
    if match is None:
        return None
    typed = match["second"] is not None and match["first"] == "function"
    if match["second"] is not None and not typed:
        return None
    repairs: tuple[str, ...] = () if match["call"] else (MARKER_MISSING,)
    if _is_variant((match["call"] or "") + match["mark"]):
        repairs += (TAG_VARIANT,)
    return Head(match.end(), match["second"] or match["first"], repairs)


_FORM = Form(
    begin=re.compile(B + _mark("tool", "calls", "begin")),
    end=re.compile(B + _mark("tool", "calls", "end")),
    call_end=re.compile(B + _mark("tool", "call", "end")),
    behind=ends(
        f"{_mark('tool', 'call', 'end')}|{_mark('tool', 'calls', 'end')}",
        openers=_mark("tool", "call", "begin"),
    ),
    head=_head,
    foreign=re.compile("(?!)"),
    is_variant=_is_variant,
)


class DeepSeek:
    """The dialect; it holds no state."""

    id = "deepseek"
    title = "DeepSeek V3, R1 and V3.1"
    openers = (*_SECTIONS, *_CALLS)
    closers = (*_spelled("tool", "calls", "end"), *_spelled("tool", "call", "end"))
    quoted = True

    def opens(self, window: Window, at: int, opener: str) -> bool | None:
        text = window.text
        here = skip_blanks(text, at + len(opener)) if opener in _SECTIONS else at
        if here - at > HEAD:
            return False
        if opener in _SECTIONS and starts(text, here, *_CALLS) is None:
            return None
        if head := _head(window, here):
            closed = _FORM.call_end.match(text, head.end)
            return begins(text, head.end) if closed is None else True
        return None if len(text) - here < HEAD and _unfinished(text, here) else False

    def read(self, window: Window, at: int, opener: str) -> Read:
        read = read_section(window, at, _FORM)
        return _without_fences(read) if isinstance(read, Envelope) else read

    def render(self, name: str, arguments: Mapping[str, Any]) -> str:
        body = dumps(dict(arguments))
        return (
            f"{_SECTIONS[0]}{_CALLS[0]}{name}{_SEPARATORS[0]}{body}"
            "<｜tool▁call▁end｜><｜tool▁calls▁end｜>"
        )


def _without_fences(envelope: Envelope) -> Envelope:
    """The fence is V3's own form: no repair."""
    calls = tuple(
        msgspec.structs.replace(
            call, repairs=tuple(id for id in call.repairs if id != FENCE_IN_WRAPPER)
        )
        for call in envelope.calls
    )
    return msgspec.structs.replace(envelope, calls=calls)


def _unfinished(text: str, at: int) -> bool:
    """May the head of a call that begins at `at` go on behind the end of the text?"""
    rest = _HEAD_BEGUN.match(text, at)
    behind = rest.end() if rest else at
    return behind >= len(text) or starts(text, behind, *_SEPARATORS) is None


_HEAD_BEGUN = re.compile(rf"(?:{_mark('tool', 'call', 'begin')})?+{B}(?:{_NAME})?+{B}")

DIALECT = DeepSeek()
