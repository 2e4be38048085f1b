"""The frames of a stream: one server-sent event to one `Piece`, per protocol.

Knows the JSON of `/v1/chat/completions` and of llama.cpp's `/completion`, and the shapes in
which a server reports an error inside a stream that began well. Joins nothing: a call may come
in many fragments, `assembly` puts them together.

In: `SseEvent`s. Out: `Piece`s.
"""

from __future__ import annotations

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

    index: int | None = None
    id: str | None = None
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


class FrameReader(Protocol):
    """Reads the frames of one protocol."""

    def read(self, event: SseEvent) -> Piece:
        """What `event` says.

        Raises:
            ContextOverflowError, EngineError: the server reports an error.
            FormatError: not a frame of this protocol.
        """
        ...


class _Details(msgspec.Struct, gc=False):
    cached_tokens: int | None = 0


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _Details | None = None


class _Delta(msgspec.Struct, gc=False):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: tuple[CallDelta, ...] | None = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Delta | None = None
    finish_reason: str | None = None
    index: int = 0


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
_FrameT = TypeVar("_FrameT", _ChatFrame, _CompletionFrame)


class ChatFrames:
    """`/v1/chat/completions`; the last frame is `[DONE]`."""

    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(_ChatFrame)

    def read(self, event: SseEvent) -> Piece:
        if event.data == b"[DONE]":
            return _DONE
        frame = _decode(self._decoder, event)
        if frame.error is not None:
            raise _reported(event.data)
        choice = next((c for c in frame.choices or () if c.index == 0), None)
        delta = (choice and choice.delta) or _Delta()
        return Piece(
            text=delta.content or "",
            think=delta.reasoning_content or delta.reasoning or "",
            calls=delta.tool_calls or (),
            finish=choice.finish_reason if choice else None,
            usage=_chat_usage(frame.usage),
            rates=frame.timings,
        )


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
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        start = event.data[:80].decode("utf-8", "replace")
        raise FormatError(f"a frame of the stream cannot be read: {start!r} ({error})") from error


def _chat_usage(usage: _Usage | None) -> Usage | None:
    if usage is None:
        return None
    details = usage.prompt_tokens_details
    cached = (details.cached_tokens or 0) if details else 0
    return Usage(usage.prompt_tokens, cached, usage.completion_tokens)


def _reported(data: bytes) -> EngineError:
    """The error that a frame reports."""
    overflow = read_overflow(data)
    if overflow is not None:
        return overflow
    return EngineError(f"the server broke off: {error_message(data)}")
