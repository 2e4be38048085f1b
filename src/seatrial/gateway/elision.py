"""Shortening a conversation that does not fit, for clients that do not do it themselves.

What tools said goes first, the oldest first; then long texts and thoughts of the model. A marker
says how many characters were removed. The instructions, what the user said, every call and the
newest turns stay as they are.

The past is walked through again: what was too long at an earlier request is shortened now in the
same places, and then well below the limit. So most turns change nothing before their end, and the
server's prompt cache survives them. Nothing is remembered from one request to the next.

Not when to do it, which is `shortening`. Pure. In: messages, a `Room`. Out: as many messages, with
the same roles, calls and ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from seatrial.chat.window import text_tokens
from seatrial.core.message import Message

_KEPT_TURNS = (3, 1)
"""The newest turns that stay whole; fewer only where that is not enough."""
_LONG_RESULT_CHARS = 400
_LONG_SPEECH_CHARS = 1_000
_KEPT_SPEECH_CHARS = 200
_TOKENS_PER_MESSAGE = 4


class Room(msgspec.Struct, frozen=True):
    """How long a conversation may be, in estimated tokens."""

    limit_tokens: float
    low_tokens: float
    """What is too long is shortened to this, so that it fits for some turns."""
    base_tokens: float = 0.0
    """What the declared tools take."""


class Elided(msgspec.Struct, frozen=True):
    """A conversation after shortening."""

    messages: tuple[Message, ...]
    """Those that were left alone are the same objects."""
    shortened: int
    """How many messages were shortened."""
    characters: int
    """How many characters were removed, without the markers."""
    tokens: int
    """What is left, tools included, by estimate."""
    fits: bool


def elide(messages: Sequence[Message], room: Room) -> Elided:
    """`messages`, shortened as far as `room` asks for; unchanged where they fit."""
    walk = _Walk(messages, room)
    for end in _requests(messages):
        walk.reach(end)
    return walk.done()


def estimated_tokens(messages: Sequence[Message]) -> float:
    """About how many tokens `messages` take."""
    return sum(map(_tokens, messages))


def _requests(messages: Sequence[Message]) -> Iterator[int]:
    """Where each earlier request of the conversation ended, and where this one does."""
    yield from (i for i, message in enumerate(messages) if message.role == "assistant" and i)
    yield len(messages)


class _Walk:
    """From request to request through one conversation."""

    def __init__(self, messages: Sequence[Message], room: Room) -> None:
        self._room = room
        self._now = list(messages)
        self._tokens = room.base_tokens
        self._reached = 0
        self._turns: list[int] = []
        """Where the turns of the model begin, as far as was reached."""
        self._next = [0] * len(_WAYS)
        """For each way to shorten: the first message that it has not tried."""
        self._shortened: set[int] = set()
        self._characters = 0

    def reach(self, end: int) -> None:
        """Go on to the request that ends at `end`, and shorten it if it is too long."""
        for index in range(self._reached, end):
            self._tokens += _tokens(self._now[index])
            if self._now[index].role == "assistant":
                self._turns.append(index)
        self._reached = end
        for kept in _KEPT_TURNS:
            if self._tokens <= self._room.limit_tokens:
                return
            border = self._turns[-kept] if len(self._turns) >= kept else 0
            for way in range(len(_WAYS)):
                if self._tokens > self._room.limit_tokens:
                    self._shorten(way, border)

    def _shorten(self, way: int, border: int) -> None:
        index = self._next[way]
        while index < border and self._tokens > self._room.low_tokens:
            shorter = _WAYS[way](self._now[index])
            if shorter is not None:
                message, characters = shorter
                self._tokens += _tokens(message) - _tokens(self._now[index])
                self._now[index] = message
                self._shortened.add(index)
                self._characters += characters
            index += 1
        self._next[way] = index

    def done(self) -> Elided:
        return Elided(
            tuple(self._now),
            len(self._shortened),
            self._characters,
            int(self._tokens),
            self._tokens <= self._room.limit_tokens,
        )


def _result(message: Message) -> _Shorter:
    """What a tool said, shortened, and by how much; None where there is nothing to gain."""
    length = len(message.text)
    if message.role != "tool" or length <= _LONG_RESULT_CHARS:
        return None
    return msgspec.structs.replace(message, text=_marker(length, "this result")), length


def _speech(message: Message) -> _Shorter:
    """What the model said beside its calls, shortened, and by how much."""
    text, think = message.text, message.think
    if message.role != "assistant" or max(len(text), len(think)) <= _LONG_SPEECH_CHARS:
        return None
    removed = 0
    if len(text) > _LONG_SPEECH_CHARS:
        removed = len(text) - _KEPT_SPEECH_CHARS
        text = f"{text[:_KEPT_SPEECH_CHARS]}\n{_marker(removed, 'this message')}"
    if len(think) > _LONG_SPEECH_CHARS:
        removed, think = removed + len(think), ""
    return msgspec.structs.replace(message, text=text, think=think), removed


_Shorter = tuple[Message, int] | None
_WAYS: tuple[Callable[[Message], _Shorter], ...] = (_result, _speech)


def _marker(characters: int, where: str) -> str:
    return (
        f"[{characters:,} characters of {where} were removed by the gateway, because the "
        "conversation had outgrown the context window.]"
    )


def _tokens(message: Message) -> float:
    calls = sum(text_tokens(call.name) + text_tokens(call.arguments) for call in message.calls)
    return _TOKENS_PER_MESSAGE + text_tokens(message.text) + text_tokens(message.think) + calls
