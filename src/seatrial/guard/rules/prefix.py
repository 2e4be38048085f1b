"""Prefix stability: what broke the prompt cache between two requests of one conversation.

A server keeps the prompt that it has read and reads only what is new, as long as the beginning is
the same. A date, a working directory or a billing header near the beginning, or a rewritten
message, makes it read everything again, in seconds to minutes. Observes only: nothing is changed.

It has a memory of earlier requests: without it there is nothing to compare with. It never decides
anything, so a restart loses an observation and changes no answer.

In: requests. Out: findings.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from operator import eq

import msgspec

from seatrial.chat.endpoint import Request
from seatrial.core.config import GuardSpec
from seatrial.core.message import Message, tools_digest
from seatrial.guard.protocol import PASS, Decision, Finding, Mode, PassingRule

MAX_CONVERSATIONS = 64
MAX_TEXT_CHARS = 65_536
"""Of each message, so much is kept to show what differs."""
LITTLE_LOST_SHARE = 0.8
"""A break so far back costs little: a retry, a message that was taken back."""
_TEXTS_KEPT = 3
"""Messages whose text is kept; the volatile ones stand at the beginning."""
_AROUND_CHARS = 80

_VOLATILE = (
    ("billing header", re.compile(r"x-anthropic-billing-header|\bcch=", re.I)),
    (
        "date or time",
        re.compile(
            r"\d{4}-\d\d-\d\d|\b\d{1,2}:\d\d(?::\d\d)?\b"
            r"|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b"
            r"|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? \d{1,2}\b"
            r"|today'?s date",
            re.I,
        ),
    ),
    (
        "working directory",
        re.compile(r"working directory|\bcwd\b|(?:^|\s)(?:/[\w.-]+){2,}|[A-Z]:\\", re.I),
    ),
    ("random id", re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-|\b[0-9a-f]{16,}\b", re.I)),
    ("git state", re.compile(r"\bgit (?:status|branch)|current branch", re.I)),
    ("counter", re.compile(r"\d")),
)


class PrefixBreak(msgspec.Struct, frozen=True):
    """Where two requests part."""

    message: int
    """Index of the first message that differs; -1 = the tools."""
    char: int
    """First character that differs; 0 where the text was not kept."""
    kind: str
    before: str
    after: str
    kept_share: float
    """Share of the new prompt's characters that stand before the break."""


class _Seen(msgspec.Struct):
    """What is kept of a request."""

    marks: tuple[int, ...]
    """A number for each message, compared within one process only."""
    texts: tuple[str, ...]
    tools: str
    task: int | None
    """Mark of the first words of the user: a conversation keeps them."""


class PrefixMemory:
    """The last request of each of the latest conversations."""

    def __init__(self, conversations: int = MAX_CONVERSATIONS) -> None:
        self._most = conversations
        self._seen: OrderedDict[int, _Seen] = OrderedDict()
        self._next = 0
        self._last: tuple[tuple[Message, ...], tuple[int, ...]] = ((), ())
        """The last messages and their marks: the next request mostly begins with the same."""

    def compare(self, request: Request) -> PrefixBreak | None:
        """What `request` breaks of the conversation that it belongs to; it is remembered."""
        marks = self._marks(request.messages)
        asked = (mark for mark, m in zip(marks, request.messages, strict=True) if m.role == "user")
        new = _Seen(
            marks,
            tuple(_text(message) for message in request.messages[:_TEXTS_KEPT]),
            tools_digest(request.tools),
            next(asked, None),
        )
        key, old = self._conversation_of(new)
        self._seen.pop(key, None)
        self._seen[key] = new
        if len(self._seen) > self._most:
            self._seen.popitem(last=False)
        return None if old is None else _first_break(old, new, request)

    def _marks(self, messages: tuple[Message, ...]) -> tuple[int, ...]:
        """No digests: half a megabyte of history is not hashed for every turn."""
        before, marks = self._last
        if messages[: len(before)] != before:
            before, marks = (), ()
        marks += tuple(map(hash, messages[len(before) :]))
        self._last = messages, marks
        return marks

    def _conversation_of(self, new: _Seen) -> tuple[int, _Seen | None]:
        """The latest conversation that shares most of its messages, at their places."""
        best, key, most = None, self._next, (False, 0)
        for number, seen in reversed(self._seen.items()):
            shared = sum(map(eq, seen.marks, new.marks))
            likeness = (seen.task == new.task, shared)
            # One common message, the system prompt of a client, is no conversation.
            if likeness > most and (likeness[0] or shared > 1):
                best, key, most = seen, number, likeness
        if best is None:
            self._next += 1
        return key, best


class PrefixRule(PassingRule):
    """Says what made the server read the whole prompt again."""

    id = "prefix"

    def __init__(
        self, spec: GuardSpec, mode: Mode = "observe", memory: PrefixMemory | None = None
    ) -> None:
        super().__init__(spec, "off" if mode == "off" else "observe")
        self._memory = memory

    def on_request(self, request: Request) -> Decision:
        if self._memory is None:
            return PASS
        broken = self._memory.compare(request)
        if broken is None or broken.kept_share >= LITTLE_LOST_SHARE:
            return PASS
        place = "the tools" if broken.message < 0 else f"message {broken.message}"
        finding = Finding(
            detector=self.id,
            mode_id="config.slow_server",
            channel="request",
            detail=f"prompt cache broken in {place} by {broken.kind}, "
            f"{broken.kept_share:.0%} of the prompt was before it",
            quote=broken.after,
            start=broken.char,
        )
        return Decision("pass", finding, before=broken.before)


def _first_break(old: _Seen, new: _Seen, request: Request) -> PrefixBreak | None:
    if old.tools != new.tools:
        return PrefixBreak(-1, 0, "other tools", old.tools, new.tools, 0.0)
    shared = zip(old.marks, new.marks, strict=False)
    index = next((n for n, (a, b) in enumerate(shared) if a != b), None)
    if index is None:
        return None
    sizes = [len(_whole(message)) for message in request.messages]
    if index >= _TEXTS_KEPT or index >= len(old.texts):
        kept = sum(sizes[:index]) / (sum(sizes) or 1)
        return PrefixBreak(index, 0, "a rewritten message", "", "", kept)
    before, after = old.texts[index], new.texts[index]
    char = _common(before, after)
    kept = (sum(sizes[:index]) + char) / (sum(sizes) or 1)
    start = max(0, before.rfind("\n", 0, char) + 1, char - _AROUND_CHARS)
    was, now = (text[start : char + _AROUND_CHARS].split("\n")[0] for text in (before, after))
    kind = next((name for name, sign in _VOLATILE if sign.search(now)), "a rewritten message")
    return PrefixBreak(index, char, kind, was, now, kept)


def _common(left: str, right: str) -> int:
    """Length of the common beginning."""
    low, high = 0, min(len(left), len(right))
    while low < high:
        middle = (low + high + 1) // 2
        if left.startswith(right[:middle]):
            low = middle
        else:
            high = middle - 1
    return low


def _text(message: Message) -> str:
    return message.text[:MAX_TEXT_CHARS]


def _whole(message: Message) -> str:
    return message.text + message.think + "".join(call.arguments for call in message.calls)
