"""An answer that is nothing but calls, in a wrapper that says so and that no dialect owns.

A fence around an envelope, reasoning in tags with a call at its very end, the wrappers of
Command R, Apertus and functools, and a bare call that holds a tag of reasoning in one of its
values. Each of these may also be shown to a person, so `parse` takes none of them: here the whole
answer must be it, every tool declared, every argument valid as it stands. For who reads text that
a server should have read.

In: the text of a turn that the model ended. Out: its calls, or None.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from seatrial.core.message import Call, ToolSchema
from seatrial.toolcalls import loose
from seatrial.toolcalls.admit import Admission
from seatrial.toolcalls.options import DEFAULTS, Options
from seatrial.toolcalls.reading import Parsed, RawCall
from seatrial.toolcalls.strict_json import StrictJSONError, read_whole
from seatrial.toolcalls.tokens import THINK_CLOSERS, THINK_OPENERS
from seatrial.toolcalls.turn import parse

WHOLE_ANSWER = "whole_answer"
"""The label of calls that were read here."""

_FENCE = re.compile(r"(`{3,}|~{3,})[\w-]{0,20}[ \t]*\n\s*(?P<inner>[<\[].*\S)\s*\n {0,3}\1\Z", re.S)
_THINK = re.compile(r"<think>(?P<inner>.*)</think>\Z", re.S)
_JSON = re.compile(
    r"(?:<\|START_ACTION\|>(?P<action>.*)<\|END_ACTION\|>|functools(?P<functools>\[.*\]))\Z", re.S
)
_NAMED = re.compile(r"<\|tools_prefix\|>(?P<inner>.*)<\|tools_suffix\|>\Z", re.S)
_THINK_TAGS = (*THINK_OPENERS, *THINK_CLOSERS)

_WRAPPERS = ("<|START_ACTION|>", "functools[", "<|tools_prefix|>")
_FENCE_HEAD = re.compile(r"(?:`{1,8}|~{1,8})[\w-]{0,20}[ \t]*(?:\n\s*(?P<body>\S.*)?)?\Z", re.S)
_ENVELOPE_BEGINS = ("<tool_call>", "<function", "<invoke", "<|tool_call", "[TOOL_CALLS]")
HEAD_CHARS = 80
"""So much of the beginning says whether an answer may be one."""


def may_begin(text: str) -> bool:
    """May an answer that begins with `text` become one that is read here?"""
    head = text.lstrip()[:HEAD_CHARS]
    if any(head.startswith(w[: len(head)]) for w in _WRAPPERS):
        return True
    fence = _FENCE_HEAD.match(head)
    if fence is None:
        return False
    body = fence["body"] or ""
    return any(body.startswith(opener[: len(body)]) for opener in _ENVELOPE_BEGINS)


def read_whole_answer(
    text: str,
    tools: tuple[ToolSchema, ...],
    *,
    options: Options = DEFAULTS,
    id_prefix: str = "call",
) -> Parsed | None:
    """The calls that `text` is; never raises on any text."""
    if options.loose != "all":
        return None
    whole = text.strip()
    if (match := _FENCE.match(whole)) is not None:
        parsed = parse(match["inner"], tools, options=options, id_prefix=id_prefix)
        sound = all(call.source == "envelope" for call in parsed.calls)
        return _labelled(parsed) if sound and not parsed.text.strip() else None
    if (match := _THINK.match(whole)) is not None:
        inner = match["inner"]
        parsed = parse(inner, tools, prefill="<think>\n", options=options, id_prefix=id_prefix)
        return None if parsed.text.strip() else _labelled(parsed)
    by_name = {tool.name: tool for tool in tools}
    before, raw = _raw_calls(text, whole, by_name, options)
    calls: list[Call] = []
    repairs: list[str] = []
    for one in raw:
        call = Admission(options, id_prefix).admit(one, by_name, calls, repairs, "loose")
        if not isinstance(call, Call):
            return None
        calls.append(call)
    return _labelled(Parsed("repaired", tuple(calls), before))


_Raw = tuple[str, tuple[RawCall, ...]]
_NONE: _Raw = ("", ())


def _raw_calls(text: str, whole: str, tools: Mapping[str, ToolSchema], options: Options) -> _Raw:
    """What stands before the calls, and the calls."""
    if (match := _JSON.match(whole)) is not None:
        before, raw = _loose(match["action"] or match["functools"] or "", tools, options)
        return _NONE if before.strip() else ("", raw)
    if (match := _NAMED.match(whole)) is not None:
        return "", _named(match["inner"])
    if any(tag in text for tag in _THINK_TAGS):
        before, raw = _loose(text, tools, options)
        return _NONE if any(tag in before for tag in _THINK_TAGS) else (before, raw)
    return _NONE


def _loose(text: str, tools: Mapping[str, ToolSchema], options: Options) -> _Raw:
    """The calls without envelope that end `text`, and what stands before them."""
    found = loose.find(text, tools, options)
    if found is None or found.broken is not None:
        return _NONE
    return text[: found.start], found.calls


def _named(text: str) -> tuple[RawCall, ...]:
    """A list of objects, each a name with its arguments."""
    try:
        items = read_whole(text.strip())
    except StrictJSONError:
        return ()
    if not isinstance(items, list):
        return ()
    calls: list[RawCall] = []
    for item in items:
        if not isinstance(item, dict) or len(item) != 1:
            return ()
        name, arguments = next(iter(item.items()))
        if not isinstance(arguments, dict):
            return ()
        calls.append(RawCall(name, arguments, (0, 0)))
    return tuple(calls)


def _labelled(parsed: Parsed) -> Parsed | None:
    if not parsed.calls or parsed.verdict == "reask":
        return None
    calls = tuple(
        msgspec.structs.replace(call, raw_span=None, repairs=(*call.repairs, WHOLE_ANSWER))
        for call in parsed.calls
    )
    repairs = (*parsed.repairs, WHOLE_ANSWER)
    return msgspec.structs.replace(parsed, verdict="repaired", calls=calls, repairs=repairs)
