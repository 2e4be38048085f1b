"""The frames of a stream: one server-sent event to one `Piece`, per protocol; a whole answer, too.

Knows the JSON of `/v1/chat/completions` and of llama.cpp's `/completion`, and the shapes in
which a server reports an error inside a stream that began well. Joins nothing: a call may come
in many fragments, `assembly` puts them together.

What is said in a shape that is not known can be refused, or read as far as it goes: then the
piece is `unread`, and whoever judges it knows that it holds more than it says.

In: `SseEvent`s, JSON bodies. Out: `Piece`s.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from seatrial.chat.failures import error_message
from seatrial.chat.overflow import read_overflow
from seatrial.chat.sse import SseEvent
from seatrial.core.errors import EngineError, FormatError
from seatrial.core.generation import Usage


class FunctionDelta(msgspec.Struct, frozen=True, gc=False):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None
    """A fragment of JSON text; a few servers send the whole object instead."""


class CallDelta(msgspec.Struct, frozen=True, gc=False):
    """A fragment of a call that the server parsed."""

    index: int | str | None = None
    id: str | int | None = None
    """A few servers count their calls."""
    function: FunctionDelta = FunctionDelta()


class Rates(msgspec.Struct, frozen=True, gc=False):
    """The server's own measurement, as llama.cpp sends it in `timings`."""

    cache_n: int = 0
    prompt_n: int = 0
    prompt_per_second: float | None = None
    predicted_n: int = 0
    predicted_per_second: float | None = None


class Piece(msgspec.Struct, frozen=True, gc=False):
    """What one frame says."""

    text: str = ""
    think: str = ""
    calls: tuple[CallDelta, ...] = ()
    finish: str | None = None
    usage: Usage | None = None
    rates: Rates | None = None
    last: bool = False
    """The protocol's own mark of the end."""
    unread: bool = False
    """It holds something that stands in no other field: sound, a call of the old form, a shape
    that is not known."""


class FrameReader(Protocol):
    """Reads the frames of one protocol."""

    def read(self, event: SseEvent) -> Piece:
        """What `event` says.

        Raises:
            ContextOverflowError, EngineError: the server reports an error.
            FormatError: not a frame of this protocol.
        """
        ...


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: Any = None
    completion_tokens: Any = None
    prompt_tokens_details: Any = None


class _Said(msgspec.Struct, gc=False):
    content: str | list[Any] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: tuple[CallDelta, ...] | None = None
    function_call: Any = None
    audio: Any = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Said | None = None
    message: _Said | None = None
    finish_reason: str | None = None
    index: int | str | None = 0


class _ChatFrame(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    timings: Rates | None = None
    error: Any = None


class _CompletionFrame(msgspec.Struct, gc=False):
    content: str = ""
    stop: bool = False
    stop_type: str | None = None
    tokens_predicted: int = 0
    tokens_evaluated: int = 0
    timings: Rates | None = None
    error: Any = None


_DONE = Piece(last=True)
_EMPTY = Piece()
_NOTHING = _Said()
_FIRST = (0, "0", None)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_CHAT = msgspec.json.Decoder(_ChatFrame)
_FAULTS = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
_FrameT = TypeVar("_FrameT", _ChatFrame, _CompletionFrame)


class ChatFrames:
    """`/v1/chat/completions`; the last frame is `[DONE]`."""

    def __init__(self, *, lenient: bool = False) -> None:
        """`lenient`: an object of an unknown shape is an unread piece and no error."""
        self._decoder = _CHAT
        self._lenient = lenient
        self._only = OnlyChoice()

    def read(self, event: SseEvent) -> Piece:
        if event.data == b"[DONE]":
            return _DONE
        if self._lenient and not event.data.strip() and event.name != "error":
            return _EMPTY
        try:
            frame = _decode(self._decoder, event)
        except FormatError:
            if not self._lenient:
                raise
            return self._odd(event.data)
        return self._piece(frame, event.data)

    def _odd(self, data: bytes) -> Piece:
        """What a frame says that is not quite JSON, or of an unknown shape.

        Raises:
            FormatError: it is no object, or holds a call that was mended.
        """
        whole = mended(data)
        try:
            frame = self._decoder.decode(whole)
        except _FAULTS as error:
            if (piece := _loose(whole)) is not None:
                return piece
            raise _unreadable(data, error) from error
        piece = self._piece(frame, whole)
        if piece.calls:
            # The letters that are missing are those of a file that would be written.
            raise FormatError("a tool call of the stream cannot be read: it holds broken text")
        return piece

    def _piece(self, frame: _ChatFrame, data: bytes) -> Piece:
        if frame.error:
            raise _reported(data)
        choice = self._only.of(frame.choices)
        return _chat_piece(frame, choice, choice.delta if choice else None)


def read_whole(body: bytes) -> Piece:
    """What an answer that is not streamed says; one of no known shape is unread.

    Raises:
        ContextOverflowError, EngineError: it is the report of an error.
    """
    try:
        frame = _CHAT.decode(body)
    except _FAULTS:
        return _loose(body) or Piece(unread=True)
    if frame.error:
        raise _reported(body)
    choice = OnlyChoice().of(frame.choices)
    if choice is None or choice.message is None:
        return Piece(unread=True)
    piece = _chat_piece(frame, choice, choice.message)
    # Calls of a whole answer are whole: one each, whatever their ids.
    calls = (msgspec.structs.replace(call, index=at) for at, call in enumerate(piece.calls))
    return msgspec.structs.replace(piece, calls=tuple(calls))


def text_of(content: str | list[Any] | None) -> str:
    """The text of a message, which may be a list of parts."""
    if isinstance(content, list):
        parts = (part.get("text") if isinstance(part, dict) else part for part in content)
        return "".join(part for part in parts if isinstance(part, str))
    return content or ""


def count_of(value: object) -> int | None:
    """Tokens as a server counts them, whole or as a float; None = it does not say."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        return None
    return int(value)


class CompletionFrames:
    """llama.cpp's `/completion`; the last frame says `stop: true`, no `[DONE]` follows."""

    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(_CompletionFrame)

    def read(self, event: SseEvent) -> Piece:
        frame = _decode(self._decoder, event)
        if frame.error is not None:
            raise _reported(event.data)
        if not frame.stop:
            return Piece(text=frame.content)
        cached = frame.timings.cache_n if frame.timings else 0
        return Piece(
            text=frame.content,
            # Builds before 2024-11 say it in other fields; then the finish counts as missing.
            finish=None if frame.stop_type == "none" else frame.stop_type,
            usage=Usage(frame.tokens_evaluated, cached, frame.tokens_predicted),
            rates=frame.timings,
            last=True,
        )


def _decode(decoder: msgspec.json.Decoder[_FrameT], event: SseEvent) -> _FrameT:
    if event.name == "error":
        raise _reported(event.data)
    try:
        return decoder.decode(event.data)
    except _FAULTS as error:
        raise _unreadable(event.data, error) from error


def _unreadable(data: bytes, error: Exception) -> FormatError:
    start = data[:80].decode("utf-8", "replace")
    return FormatError(f"a frame of the stream cannot be read: {start!r} ({error})")


def mended(data: bytes) -> bytes:
    """`data` with everything replaced that Python and JavaScript read and the letter forbids.

    Broken UTF-8 and lone halves of a pair become the replacement character, `NaN` becomes null.
    The same bytes where that does not make it JSON.
    """
    try:
        value = json.loads(data.decode("utf-8", "replace"), parse_constant=_null)
        text = json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):
        return data
    return _LONE_SURROGATE.sub("\ufffd", text).encode()


def _null(_: str) -> None:
    return None


class _Indexed(Protocol):
    @property
    def index(self) -> int | str | None: ...


_IndexedT = TypeVar("_IndexedT", bound=_Indexed)


class OnlyChoice:
    """Finds the one choice that counts in the frames of a stream: the first, whatever its index.

    A few servers count from one. Where a client asked for several, the others are not read.
    """

    def __init__(self) -> None:
        self._others: int | str | None = None

    def of(self, choices: Sequence[_IndexedT] | None) -> _IndexedT | None:
        if not choices:
            return None
        for choice in choices:
            if choice.index in _FIRST:
                self._others = 0
                return choice
        if self._others is None:
            self._others = choices[0].index
        return next((c for c in choices if c.index == self._others), None)


def _chat_piece(frame: _ChatFrame, choice: _Choice | None, said: _Said | None) -> Piece:
    said = said or _NOTHING
    return Piece(
        text=text_of(said.content) or said.refusal or "",
        think=said.reasoning_content or said.reasoning or "",
        calls=_named(said.tool_calls) if said.tool_calls else (),
        finish=choice.finish_reason if choice else None,
        usage=_chat_usage(frame.usage) if frame.usage else None,
        rates=frame.timings,
        unread=said.function_call is not None or said.audio is not None,
    )


def _named(calls: tuple[CallDelta, ...]) -> tuple[CallDelta, ...]:
    """`calls` with ids that are text."""
    if not any(isinstance(call.id, int) for call in calls):
        return calls
    return tuple(
        msgspec.structs.replace(call, id=str(call.id)) if isinstance(call.id, int) else call
        for call in calls
    )


def _chat_usage(usage: _Usage) -> Usage | None:
    prompt, completion = count_of(usage.prompt_tokens), count_of(usage.completion_tokens)
    if prompt is None and completion is None:
        return None
    details = usage.prompt_tokens_details
    cached = count_of(details.get("cached_tokens")) if isinstance(details, dict) else 0
    return Usage(prompt or 0, cached or 0, completion or 0)


def _loose(data: bytes) -> Piece | None:
    """An object of an unknown shape: its end and its error are looked for, nothing else."""
    try:
        value = msgspec.json.decode(data)
    except _FAULTS:
        return None
    if not isinstance(value, dict):
        return None
    if value.get("error"):
        raise _reported(data)
    choices = value.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    finish = choice.get("finish_reason") if isinstance(choice, dict) else None
    return Piece(finish=finish if isinstance(finish, str) else None, unread=True)


def _reported(data: bytes) -> EngineError:
    """The error that a frame reports."""
    overflow = read_overflow(data)
    if overflow is not None:
        return overflow
    return EngineError(f"the server broke off: {error_message(data)}")
