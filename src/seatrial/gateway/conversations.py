"""Which conversation a request belongs to: the one whose messages it extends.

A client sends its own history with every request. So the next request of a conversation begins
with the messages of the one before, and goes on with the answer that was given. System prompts
are left out: clients write the time into them. Where a history was edited or compacted, the
answers that still stand in it are what tells, or a text that quotes one.

Two runs of one task begin alike: a request that was answered whole is not asked again, so the
same request once more opens a conversation of its own.

In: messages. Out: how well they fit. Holds hashes and the latest answers, no messages.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import cached_property

from seatrial.core.message import Message

MAX_ANSWERS = 2_048
"""Answers of one conversation that are looked for in edited histories."""
MIN_ANSWER_CHARS = 40
"""A shorter text is said in many conversations."""
MIN_QUOTE_CHARS = 200
_LATEST = 4

Fit = tuple[int, int]
"""How sure, and by how much; the larger one is the better one."""
_EXTENDS, _AGAIN, _DIFFERS, _SHARES, _QUOTES = 5, 4, 3, 2, 1


class Said:
    """The messages of a request, looked at once."""

    def __init__(self, messages: Sequence[Message]) -> None:
        # System prompts only where there is nothing else.
        self.messages = [m for m in messages if m.role != "system"] or list(messages)
        self.keys = tuple(map(_key, self.messages))

    @cached_property
    def answers(self) -> frozenset[int]:
        """What may be answers to earlier requests."""
        return frozenset(_answer_key(m) for m in self.messages if m.role == "assistant")


class Conversation:
    """What is known of one conversation."""

    def __init__(self) -> None:
        self._trail: tuple[int, ...] = ()
        self._answer: int | None = None
        self._whole = False
        self._answers: deque[int] = deque(maxlen=MAX_ANSWERS)
        self._latest: deque[str] = deque(maxlen=_LATEST)

    def asked(self, said: Said, answer: Message, *, whole: bool) -> None:
        """A request and what was answered; `whole`: the client has no reason to ask it again."""
        self._trail, self._whole = said.keys, whole
        self._answer = _answer_key(answer)
        if answer.calls or len(answer.text.strip()) >= MIN_ANSWER_CHARS:
            self._answers.append(self._answer)
        self.heard(answer)

    def heard(self, answer: Message) -> None:
        """An answer that a summary may be made of, also one beside the work."""
        text = answer.text.strip()
        if len(text) >= MIN_QUOTE_CHARS:
            self._latest.append(text)

    def edited(self, said: Said) -> Fit | None:
        """How much of it stands in a history that begins otherwise; None = nothing.

        Slow: only for a request that extends no conversation.
        """
        size = len(self._trail)
        if size and said.keys[:size] == self._trail:
            # It begins alike and is known to be another one.
            return None
        shared = sum(answer in said.answers for answer in self._answers)
        if shared:
            return _SHARES, shared
        if any(text in m.text for text in self._latest for m in said.messages if m.role == "user"):
            return _QUOTES, size
        return None

    def extended(self, said: Said) -> Fit | None:
        """How well a request goes on from the last one; None = it does not."""
        size = len(self._trail)
        if not size or said.keys[:size] != self._trail:
            return None
        rest = said.messages[size:]
        if not rest:
            return None if self._whole else (_AGAIN, size)
        if rest[0].role == "assistant" and _answer_key(rest[0]) == self._answer:
            return _EXTENDS, size
        if rest[0].role != "assistant" and not self._whole:
            return _AGAIN, size
        # Some clients change the answer before they send it back; more than one is not ours.
        others = sum(message.role == "assistant" for message in rest)
        return (_DIFFERS, size) if others <= 1 else None


def _key(message: Message) -> int:
    calls = tuple((call.id, call.name, call.arguments) for call in message.calls)
    return hash((message.role, message.text, calls, message.call_id))


def _answer_key(message: Message) -> int:
    """The same for an answer as it was given and as a client sends it back."""
    if not message.calls:
        return hash(message.text.strip())
    # Their text is changed by many clients, and the blanks in their arguments by some.
    return hash(tuple((c.id, c.name, "".join(c.arguments.split())) for c in message.calls))
