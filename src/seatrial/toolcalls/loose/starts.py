"""May a line be the beginning of a loose form? For streams, which must not show such a line early.

In: a text that may go on, where a line of it begins, and the names that can be called. Out: what
kind of block it begins, no, or not known yet.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Literal

from seatrial.toolcalls.loose.find import START
from seatrial.toolcalls.python_calls import NAMESPACES

Block = Literal["fence", "json", "other", ""]

_JSON_HEAD = re.compile(r" {0,3}(?:\[\s*+)?(?:\{\s*+)?[\"'“]?\w{0,40}+\Z")
_FIRST_WORD = re.compile(r"\s*+\[?\s*+(?:(?:functions|default_api)\.)?([\w.-]{0,200}+)")
_ANNOUNCES = re.compile(
    r" {0,3}(?:\*\*)?(?:call|invok|using\b|running\b|execut|tool|function|action)", re.IGNORECASE
)
_ANNOUNCERS = ("call", "invok", "using", "running", "execut", "tool", "function", "action")
_WORDS = 5
"""An announcement is over after so many words."""
_LONGEST = 200
_HEAD = 1024
_FENCE = re.compile(r" {0,3}(?:`{3,}|~{3,})[ \t]*([\w+#-]*)[^\n]*\n")
_CALL_LANGUAGES = ("", "json", "json5", "jsonc", "python", "py", "tool_call", "tool_code", "tool")
_FENCE_HEAD = re.compile(r"\s*+(?:[\[{\"'(<]|(?:print\()?[\w.]+\s*[({\[])")
"""How the body of a fence begins that may hold a call."""


def may_start(text: str, at: int, names: Collection[str]) -> Block | None:
    """The block that the line at `at` begins; empty = none; None = the line is too short to say."""
    # A slice, because behind markup a line begins in the middle of one.
    match = START.match(text[at : at + _HEAD])
    if match is not None:
        kind = str(match.lastgroup)
        if kind == "json":
            return "json"
        if kind == "fence":
            return _fence(text, at)
        named = kind in ("python", "named")
        return "other" if not named or _first_word(text, at) in names else ""
    newline = text.find("\n", at)
    line = text[at : newline if newline >= 0 else min(len(text), at + _LONGEST + 1)]
    if line.lstrip()[:1] in ("{", "[") and _JSON_HEAD.match(text, at):
        return None
    announces = _ANNOUNCES.match(line) is not None and len(line.split()) < _WORDS
    if newline >= 0 or len(line) > _LONGEST:
        return "other" if announces else ""
    return None if announces or _undecided(line, names) else ""


def _fence(text: str, at: int) -> Block | None:
    """Whether a fence may hold a call: by its language and the beginning of its body."""
    head = _FENCE.match(text, at)
    if head is None:
        return None if len(text) - at < _LONGEST else ""
    if head.group(1).lower() not in _CALL_LANGUAGES:
        return ""
    body = text[head.end() : head.end() + _LONGEST]
    if not body.strip() or (len(body) < 64 and "\n" not in body.lstrip()):
        return None
    return "fence" if _FENCE_HEAD.match(body) else ""


def _first_word(text: str, at: int) -> str:
    match = _FIRST_WORD.match(text, at)
    return match.group(1) if match else ""


def _undecided(line: str, names: Collection[str]) -> bool:
    """Can the beginning of a line still become a fence, a name or an announcement?"""
    word = line.strip(" \t*")
    if not word or word in ("`", "``", "~", "~~", "["):
        return True
    if any(word.lower() == announcer[: len(word)] for announcer in _ANNOUNCERS):
        return True
    plain = word.removeprefix("[").strip()
    for namespace in NAMESPACES:
        if namespace.startswith(plain):
            return True
        plain = plain.removeprefix(namespace)
    return any(name.startswith(plain) for name in names)
