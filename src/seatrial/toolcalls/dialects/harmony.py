"""Harmony (gpt-oss): messages on channels; one with a recipient is a call.

`<|channel|>commentary to=functions.NAME <|constrain|>json<|message|>{...}<|call|>`, the recipient
also in the role header, the constraint in any form or none, and the same with its markers stripped
by a server. `split_channels` cuts a turn into messages; what a channel means is not decided here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from seatrial.toolcalls.dialects.json_body import (
    HEAD,
    B,
    arguments_call,
    dumps,
    ends,
    is_template,
    no_arguments,
    read_body,
)
from seatrial.toolcalls.envelope_repairs import CLOSER_MISSING, OPENER_DOUBLED
from seatrial.toolcalls.reading import CUT_OFF, Broken, Envelope, Mention, Read, Window, skip_blanks
from seatrial.toolcalls.repairs import declare
from seatrial.toolcalls.strict_json import StrictJSONError, read_value

CHANNEL_MARKERS = declare(
    "channel_markers",
    "envelope",
    "The markers of a channel were stripped from a call of a declared tool and are supplied.",
    'commentary to=functions.view json{"file": "a.py"}',
)

_CHANNEL, _MESSAGE, _CALL = "<|channel|>", "<|message|>", "<|call|>"
_TO = r"to=(?P<{}>[A-Za-z_][\w.\-]{{0,200}}+)"
_HEADER = re.compile(
    rf"(?:<\|start\|>)?+{B}(?P<role>assistant)?+{B}(?:{_TO.format('first')})?+{B}"
    rf"(?P<channel><\|channel\|>)?+{B}(?P<word>analysis|commentary|final)?+{B}"
    rf"(?:{_TO.format('second')})?+{B}(?P<again><\|channel\|>commentary)?+{B}(?P<constrain><\|constrain\|>[\w\-]{{0,20}}+)?+{B}"
    rf"(?:json|code)?+{B}(?P<message><\|message\|>)?+{B}",
    re.IGNORECASE,
)
_GLUED = re.compile(r"(?:analysis|commentary)?(?:json|code)?\Z")
"""What stripped markers leave glued to a name."""
_MESSAGE_HEADER = re.compile(
    r"(?:<\|start\|>(?P<author>[^<>\n]{0,200}+))?+"
    r"(?:<\|channel\|>(?P<channel>analysis|commentary|final|[A-Za-z]{0,30}+)"
    r"(?P<rest>(?:[^<>\n]|<\|constrain\|>){0,300}+"
    r"(?:<\|channel\|>commentary(?:[^<>\n]|<\|constrain\|>){0,100}+)?+))?+<\|message\|>"
)
_RECIPIENT = re.compile(r"to=([\w.\-]+)")
_BEGIN = re.compile(rf"{B}(?:<\|start\|>assistant|<\|channel\|>|assistant{B}<\|channel\|>)")
_LATE_BEGIN = re.compile(r"[^<{\[`]*+<\|end\|>\s*+<\|start\|>assistant")
_CLOSE = re.compile(r"<\|(?:call|end|return)\|>")
_STOP = re.compile(r"<\|(?:call|end|return|start|channel)\|>")
_TRIES = 8
"""After so many calls that are no JSON the next marker ends every message."""
_NO_TOOL = ("assistant", "user", "all", "system", "developer")
_BEHIND = ends(r"<\|call\|>|<\|end\|>|<\|return\|>", openers=r"<\|start\|>|<\|channel\|>")
_STRIPPED_BEHIND = ends(
    r"<\|call\|>|<\|end\|>|<\|return\|>",
    openers=r"assistant(?:analysis|commentary|final)|(?:commentary|analysis) to=functions\.",
)

Channel = tuple[str, str | None, int, int, bool]
"""The channel of a message, its recipient, where its content is, and whether it was ended."""


class Harmony:
    """The dialect; it holds no state."""

    id = "harmony"
    title = "gpt-oss (Harmony)"
    openers = (
        "<|start|>assistant", _CHANNEL, "assistantcommentary to=functions.",
        "assistant to=functions.", "assistantanalysis to=functions.",
        "commentary to=functions.", "analysis to=functions.", "to=functions.",
    )  # fmt: skip
    closers = (_CALL,)
    quoted = True

    def opens(self, window: Window, at: int, opener: str) -> bool | None:
        head = _HEADER.match(window.text, at, at + HEAD)
        if head is None or head.end() - at >= HEAD:
            return False
        if _name(window, head) is not None:
            return True
        # Short of its end a header can still become one of a call.
        return (
            None
            if len(window.text) - at < HEAD and _HEAD_END.match(window.text, head.end())
            else False
        )

    def read(self, window: Window, at: int, opener: str) -> Read:
        text = window.text
        head = _HEADER.match(text, at, at + HEAD)
        name = _name(window, head) if head else None
        if head is None or name is None:
            return None
        if is_template(text, head.end()):
            return Mention(head.end())
        whole = bool(head["channel"] and head["message"])
        repairs: tuple[str, ...] = () if whole else (CHANNEL_MARKERS,)
        if head["again"]:
            repairs += (OPENER_DOUBLED,)
        if whole and (closed := _CLOSE.match(text, head.end())):
            end = closed.end()
            return Envelope(end, (no_arguments(name, (at, end), repairs),))
        body = read_body(window, head.end(), _BEHIND if whole else _STRIPPED_BEHIND, name=name)
        if isinstance(body, Broken):
            return body
        if not body.exact and not window.stopped:
            return Broken(CUT_OFF, name)
        closed = _CLOSE.match(text, skip_blanks(text, body.end))
        end = closed.end() if closed else body.end
        # The closing token is the one that a server stops at and drops.
        if whole and not closed and not window.at_end(end):
            repairs += (CLOSER_MISSING,)
        call = arguments_call(window, name, body, (at, end), repairs)
        return Envelope(end, (call,), sure=body.exact)

    def render(self, name: str, arguments: Mapping[str, Any]) -> str:
        body = dumps(dict(arguments))
        return f"{_CHANNEL}commentary to=functions.{name} <|constrain|>json{_MESSAGE}{body}{_CALL}"


_HEAD_END = re.compile(r"[\w.=<|>\-]{0,40}\Z")


def _name(window: Window, head: re.Match[str]) -> str | None:
    """The tool that the header `head` calls; None = it calls none."""
    recipient = head["second"] or head["first"]
    if recipient is None or recipient in _NO_TOOL:
        return None
    name: str = recipient.removeprefix("functions.")
    if head["channel"] and head["message"]:
        return name
    text = window.text
    line_start = head.start() == 0 or text[head.start() - 1] == "\n" or head["channel"]
    if not (line_start or head["role"]) or text[head.end() : head.end() + 1] != "{":
        return None
    plain = _GLUED.sub("", name)
    return next((known for known in (name, plain) if known in window.tools), None)


def split_channels(text: str) -> list[Channel] | None:
    """The messages of a turn as (channel, recipient, start, end, closed); None = no channels.

    What stands outside of messages has the channel "text", a message of somebody else than the
    assistant "other". The content of a call ends with its JSON, whatever that holds.
    """
    if not (_BEGIN.match(text) or _LATE_BEGIN.match(text)):
        return None
    found: list[Channel] = []
    at, tries = 0, _TRIES
    while at < len(text):
        head = _MESSAGE_HEADER.match(text, at)
        if head is None:
            end = _outside(text, at)
            if text[at:end].strip():
                # A header that cannot be read and names a tool is a call all the same.
                tried = _RECIPIENT.search(text, at, min(end, at + HEAD))
                named = tried is not None and _is_marked(text, at)
                recipient = tried.group(1) if tried and named else None
                found.append(("text", recipient, at, end, end < len(text)))
            closed = _CLOSE.match(text, end)
            at = closed.end() if closed else end
            continue
        channel, recipient = _channel(head)
        whole = _json_end(text, head.end()) if recipient and tries > 0 else None
        tries -= bool(recipient) and whole is None
        stop = _STOP.search(text, head.end()) if whole is None else None
        end = whole or (stop.start() if stop else len(text))
        found.append((channel, recipient, head.end(), end, end < len(text)))
        closed = _CLOSE.match(text, end)
        at = skip_blanks(text, closed.end()) if closed else end
    return found


def _is_marked(text: str, at: int) -> bool:
    return text.startswith((_CHANNEL, "<|start|>assistant"), at)


def _outside(text: str, at: int) -> int:
    """Where text that is no message ends: at the next marker, but not where it begins."""
    stop = _STOP.search(text, at + 1)
    return stop.start() if stop else len(text)


def _channel(head: re.Match[str]) -> tuple[str, str | None]:
    author, rest = head["author"] or "", head["rest"] or ""
    found = _RECIPIENT.search(rest) or _RECIPIENT.search(author)
    recipient = found.group(1) if found and found.group(1) not in _NO_TOOL else None
    if author and not author.lstrip().startswith("assistant"):
        return "other", recipient
    return head["channel"] or "final", recipient


def _json_end(text: str, at: int) -> int | None:
    """Where the content at `at` ends, if it is JSON as it stands."""
    start = skip_blanks(text, at)
    if not text.startswith("{", start):
        return None
    try:
        _, end = read_value(text, start)
    except StrictJSONError:
        return None
    behind = skip_blanks(text, end)
    return behind if behind == len(text) or _STOP.match(text, behind) else None


DIALECT = Harmony()
