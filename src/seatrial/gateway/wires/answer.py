"""An answer between two protocols: the events of `chat`, and how one ends.

A stream is translated by a reader, which makes the five kinds of event of its frames, and a
writer, which makes frames of events; what a guard rule does stands between the two. Text and
thoughts pass as they come. A call passes when it is complete and proven to be one JSON object:
clients act on a call as soon as they have it, and some mend a cut one into something else.

In: frames, bodies. Out: `Event`s, `Answer`s, frames, bodies.
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from seatrial.chat.endpoint import End, Event
from seatrial.chat.failures import error_message
from seatrial.chat.finish_words import is_broken_off, is_filtered
from seatrial.chat.overflow import finish_of, read_overflow
from seatrial.chat.sse import SseEvent
from seatrial.core.errors import EngineError, FormatError
from seatrial.core.generation import Finish, Usage
from seatrial.core.message import Call
from seatrial.gateway.wires.fields import is_object

Stop = Literal["stop", "tool_calls", "length", "context", "content_filter"]
"""Why an answer ended, as far as any of the protocols can say it."""


class Head(msgspec.Struct, frozen=True):
    """What an answer is headed by."""

    id: str
    """Of this answer, without the prefix that a protocol gives it."""
    model: str
    created: int = 0
    """Seconds since 1970."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer."""

    head: Head
    stop: Stop
    think: str = ""
    text: str = ""
    calls: tuple[Call, ...] = ()
    usage: Usage | None = None


class Reader(Protocol):
    """Makes events of the frames of one stream."""

    @property
    def head(self) -> Head | None:
        """What the server called the answer, as soon as it did."""
        ...

    def feed(self, frame: SseEvent) -> list[Event]:
        """The events that `frame` completes.

        Raises:
            ContextOverflowError, EngineError: the server reports an error.
            FormatError: not a frame of this protocol, or a call that cannot be executed.
        """
        ...

    def finish(self) -> list[Event]:
        """The events that the end of the stream completes.

        Raises:
            FormatError: it was closed before its end.
        """
        ...


class Writer(Protocol):
    """Makes frames of the events of one stream."""

    def feed(self, event: Event) -> bytes:
        """The frames that `event` completes; after an `End` the stream is complete."""
        ...

    def alive(self) -> bytes:
        """A frame that says nothing, in place of silence."""
        ...

    def fail(self, error: Exception) -> bytes:
        """The frames that end the stream as failed, in a way that clients try again after."""
        ...


class BrokenCallError(FormatError):
    """A call whose arguments are not one JSON object: nobody can know what it meant."""


class BrokenOffError(EngineError):
    """An answer that did not come to an end of its own."""


class Fragments:
    """Calls that come in pieces, joined."""

    def __init__(self) -> None:
        self._keys: list[object] = []
        self._ids: list[str] = []
        self._names: list[str] = []
        self._arguments: list[list[str]] = []

    def add(self, key: object, identifier: str, name: str, arguments: str) -> None:
        """A piece of the call `key`; without a key, an id that is new begins the next one."""
        place = self._place(key, identifier)
        # Some servers repeat the name in every piece, none splits it.
        self._ids[place] = self._ids[place] or identifier
        self._names[place] = self._names[place] or name
        if arguments:
            self._arguments[place].append(arguments)

    def calls(self, id_prefix: str, *, cut: bool) -> list[Call]:
        """The calls of an answer.

        The last one of an answer that was cut is left out even where it reads well: servers
        close the brackets of what they cut, and half a file would be written.

        Raises:
            BrokenCallError: one cannot be executed.
        """
        whole = len(self._keys) - cut
        return [self._call(place, id_prefix) for place in range(max(0, whole))]

    def _call(self, place: int, id_prefix: str) -> Call:
        name, arguments = self._names[place], "".join(self._arguments[place]) or "{}"
        if not name or not is_object(arguments):
            raise BrokenCallError(
                f"a tool call cannot be read: {name or 'no name'} {arguments[:80]!r}",
                hint="the request may be sent again",
            )
        # An id that is missing or given twice would answer the wrong call.
        given = self._ids[place]
        usable = given and given not in self._ids[:place]
        return Call(given if usable else f"call_{id_prefix}_{place}", name, arguments)

    def _place(self, key: object, identifier: str) -> int:
        for place in reversed(range(len(self._keys))):
            if key is not None:
                if self._keys[place] == key:
                    return place
            elif not identifier or self._ids[place] == identifier:
                return place
        self._keys.append(key)
        self._ids.append("")
        self._names.append("")
        self._arguments.append([])
        return len(self._keys) - 1


def finish_word(word: str | None) -> Finish:
    """What a server's word for the end means."""
    return finish_of(word, None, 0, None)


def was_cut(finish: Finish, word: str | None) -> bool:
    """Whether an answer may have ended in the middle of a call."""
    return finish in (Finish.LENGTH, Finish.CONTEXT) or is_filtered(word)


def stop_of(end: End, has_calls: bool) -> Stop:
    """What a client is told of an end; an unknown word of the server counts as an ordinary one.

    Raises:
        BrokenOffError: it is none: the stream was stopped, cut off, or failed. Told as an
            ordinary end, the client would take what there is for the final answer.
    """
    word = end.raw_finish or ""
    if end.finish in (Finish.GUARD, Finish.CANCELLED, Finish.MISSING) or is_broken_off(word):
        why = end.reason or f"it ended with {word or 'no word'}"
        raise BrokenOffError(f"the answer was broken off: {why}")
    if is_filtered(word):
        return "content_filter"
    if end.finish is Finish.CONTEXT:
        return "context"
    if end.finish is Finish.LENGTH:
        return "length"
    # Some servers say `stop` after calls, and some promise calls that never came.
    return "tool_calls" if has_calls else "stop"


def reported(data: bytes) -> EngineError:
    """The error that a frame reports."""
    return read_overflow(data) or EngineError(f"the server broke off: {error_message(data)}")


def sse(data: bytes, name: str = "") -> bytes:
    """One frame of a stream."""
    return (b"event: %b\n" % name.encode() if name else b"") + b"data: %b\n\n" % data
