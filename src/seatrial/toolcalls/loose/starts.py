"""May a line be the beginning of a loose form? For streams, which must not show such a line early.

In: a text that may go on, where a line of it begins, and the names that can be called. Out: what
kind of block it begins, no, or not known yet.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Literal

from seatrial.toolcalls.loose.find import START

Block = Literal["fence", "json", "other", ""]

_JSON_HEAD = re.compile(r" {0,3}(?:\[\s*+)?(?:\{\s*+)?[\"'“]?\w{0,40}+\Z")
_FIRST_WORD = re.compile(r"\s*+\[?\s*+(?:(?:functions|default_api)\.)?([\w.-]{0,200}+)")
_NAMESPACES = ("functions.", "default_api.")
_ANNOUNCES = re.compile(
    r" {0,3}(?:\*\*)?(?:call|invok|using\b|running\b|execut|tool|function|action)", re.IGNORECASE
)
_ANNOUNCERS = ("call", "invok", "using", "running", "execut", "tool", "function", "action")
_WORDS = 5
"""An announcement is over after so many words."""
_LONGEST = 200


def may_start(text: str, at: int, names: Collection[str]) -> Block | None:
    """The block that the line at `at` begins; empty = none; None = the line is too short to say."""
    match = START.match(text, at)
    if match is not None:
        kind = str(match.lastgroup)
        if kind in ("fence", "json"):
            return "fence" if kind == "fence" else "json"
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
    for namespace in _NAMESPACES:
        if namespace.startswith(plain):
            return True
        plain = plain.removeprefix(namespace)
    return any(name.startswith(plain) for name in names)
