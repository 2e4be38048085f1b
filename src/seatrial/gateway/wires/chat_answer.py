"""Answers of `/v1/chat/completions`: whole and streamed, read and written.

In: bodies, frames, events. Out: `Answer`s, events, bodies, frames.
"""

from __future__ import annotations

from typing import Any

import msgspec

from seatrial.chat.endpoint import CallEvent, End, Event, Text, Think, UsageEvent
from seatrial.chat.frames import OnlyChoice, count_of, mended, text_of
from seatrial.chat.sse import SseEvent
from seatrial.core.errors import FormatError
from seatrial.core.generation import Timings, Usage
from seatrial.gateway.wires.answer import (
    Answer,
    Fragments,
    Head,
    finish_word,
    reported,
    sse,
    stop_of,
    was_cut,
)
from seatrial.gateway.wires.chat_request import call_object
from seatrial.gateway.wires.errors import chat_error
from seatrial.gateway.wires.fields import is_text, words

_NULL = msgspec.Raw(b"null")


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: msgspec.Raw = _NULL


class _Call(msgspec.Struct, gc=False):
    index: int | str | None = None
    id: str | int | None = None
    function: _Function = msgspec.field(default_factory=_Function)


class _Said(msgspec.Struct, gc=False):
    content: str | list[Any] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None
    function_call: _Function | None = None
    """The form of before tools: one call, without an id."""


class _Choice(msgspec.Struct, gc=False):
    delta: _Said | None = None
    message: _Said | None = None
    finish_reason: str | None = None
    index: int | str | None = 0


class _Details(msgspec.Struct, gc=False):
    cached_tokens: Any = None
    reasoning_tokens: Any = None


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: Any = None
    completion_tokens: Any = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None


class _Frame(msgspec.Struct, gc=False):
    id: str | None = None
    model: str | None = None
    created: int | None = None
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None


_OLD = object()
"""The key of the one call that the old form has room for."""
_FAULTS = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
_decoder = msgspec.json.Decoder(_Frame)


class ChatReader:
    """Reads one stream."""

    def __init__(self) -> None:
        self.head: Head | None = None
        self._fragments = Fragments()
        self._word: str | None = None
        self._usage: Usage | None = None
        self._ended = False
        self._only = OnlyChoice()

    def feed(self, frame: SseEvent) -> list[Event]:
        if frame.data == b"[DONE]":
            return self.finish()
        if not frame.data.strip() and frame.name != "error":
            return []
        decoded = _decode(frame.data)
        if frame.name == "error" or decoded.error:
            raise reported(frame.data)
        if self.head is None:
            self.head = _head(decoded)
        self._usage = _usage(decoded.usage) or self._usage
        choice = self._only.of(decoded.choices)
        if choice is None:
            return []
        self._word = choice.finish_reason or self._word
        return self._said(choice.delta) if choice.delta else []

    def finish(self) -> list[Event]:
        if self._ended:
            return []
        if self._word is None:
            raise FormatError("the stream was closed before its end")
        self._ended = True
        finish = finish_word(self._word)
        prefix = self.head.id if self.head else ""
        calls = self._fragments.calls(prefix, cut=was_cut(finish, self._word))
        events: list[Event] = [CallEvent(call) for call in calls]
        if self._usage is not None:
            events.append(UsageEvent(self._usage, Timings()))
        return [*events, End(finish, self._word)]

    def _said(self, said: _Said) -> list[Event]:
        _add_calls(said, self._fragments)
        think, text = said.reasoning_content or said.reasoning, _text(said)
        events: list[Event] = [Think(think)] if think else []
        return [*events, Text(text)] if text else events


class ChatWriter:
    """Writes one stream."""

    def __init__(self, head: Head, *, with_usage: bool = True) -> None:
        self._start = {
            "id": f"chatcmpl-{head.id}",
            "object": "chat.completion.chunk",
            "created": head.created,
            "model": head.model,
        }
        self._with_usage = with_usage
        self._usage: Usage | None = None
        self._calls = 0
        self._begun = False

    def feed(self, event: Event) -> bytes:
        match event:
            case Think():
                return self._chunk({"reasoning_content": event.text})
            case Text():
                return self._chunk({"content": event.text})
            case CallEvent():
                call = {"index": self._calls, **call_object(event.call)}
                self._calls += 1
                return self._chunk({"tool_calls": [call]})
            case UsageEvent():
                self._usage = event.usage
                return b""
            case End():
                return self._end(event)

    def alive(self) -> bytes:
        return b": keep-alive\n\n"

    def fail(self, error: Exception) -> bytes:
        return sse(chat_error(error))

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        if not self._begun:
            self._begun = True
            delta = {"role": "assistant", **delta}
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return sse(msgspec.json.encode({**self._start, "choices": [choice]}))

    def _end(self, end: End) -> bytes:
        frames = self._chunk({}, _word(stop_of(end, self._calls > 0)))
        if self._with_usage and self._usage is not None:
            last = {**self._start, "choices": [], "usage": _usage_object(self._usage)}
            frames += sse(msgspec.json.encode(last))
        return frames + sse(b"[DONE]")


def read_answer(body: bytes) -> Answer:
    """A whole answer.

    Raises:
        ContextOverflowError, EngineError: the body reports an error.
        BrokenOffError, FormatError: not an answer, or not a whole one.
    """
    decoded = _decode(body)
    if decoded.error:
        raise reported(body)
    choice = OnlyChoice().of(decoded.choices)
    if choice is None or choice.message is None:
        raise FormatError("an answer without a message")
    said, head = choice.message, _head(decoded)
    fragments = Fragments()
    _add_calls(said, fragments, whole=True)
    finish = finish_word(choice.finish_reason)
    calls = tuple(fragments.calls(head.id, cut=was_cut(finish, choice.finish_reason)))
    return Answer(
        head=head,
        stop=stop_of(End(finish, choice.finish_reason), bool(calls)),
        think=said.reasoning_content or said.reasoning or "",
        text=_text(said),
        calls=calls,
        usage=_usage(decoded.usage),
    )


def write_answer(answer: Answer) -> bytes:
    """A whole answer as a body."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None}
    if answer.think:
        message["reasoning_content"] = answer.think
    if answer.calls:
        message["tool_calls"] = [call_object(call) for call in answer.calls]
    choice = {"index": 0, "message": message, "finish_reason": _word(answer.stop)}
    body: dict[str, Any] = {
        "id": f"chatcmpl-{answer.head.id}",
        "object": "chat.completion",
        "created": answer.head.created,
        "model": answer.head.model,
        "choices": [choice],
    }
    if answer.usage is not None:
        body["usage"] = _usage_object(answer.usage)
    return msgspec.json.encode(body)


def _word(stop: str) -> str:
    return "length" if stop == "context" else stop


def _decode(data: bytes) -> _Frame:
    try:
        return _decoder.decode(data)
    except _FAULTS as error:
        try:
            frame = _decoder.decode(mended(data))
        except _FAULTS:
            frame = None
        # A call that was mended is another one than the model meant.
        if frame is None or any(map(_has_calls, frame.choices or ())):
            start = data[:80].decode("utf-8", "replace")
            raise FormatError(f"an answer cannot be read: {start!r} ({error})") from error
        return frame


def _has_calls(choice: _Choice) -> bool:
    both = (choice.delta, choice.message)
    return any(said is not None and (said.tool_calls or said.function_call) for said in both)


def _head(frame: _Frame) -> Head:
    return Head((frame.id or "").removeprefix("chatcmpl-"), frame.model or "", frame.created or 0)


def _add_calls(said: _Said, fragments: Fragments, *, whole: bool = False) -> None:
    for place, call in enumerate(said.tool_calls or ()):
        # A whole answer lists each call once, mostly without an index.
        key = place if whole else call.index
        fragments.add(key, _id(call), call.function.name or "", _written(call.function))
    if (old := said.function_call) is not None and not said.tool_calls:
        fragments.add(_OLD, "", old.name or "", _written(old))


def _written(function: _Function) -> str:
    return "" if function.arguments == _NULL else _arguments(function.arguments)


def _id(call: _Call) -> str:
    return "" if call.id is None else str(call.id)


def _text(said: _Said) -> str:
    return text_of(said.content) or said.refusal or ""


def _arguments(written: msgspec.Raw) -> str:
    """The text of the arguments; a few servers send the object itself, whose bytes it is."""
    return words(written) if is_text(written) else bytes(written).decode()


def _usage(usage: _Usage | None) -> Usage | None:
    if usage is None:
        return None
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    return Usage(
        count_of(usage.prompt_tokens) or 0,
        (count_of(prompt.cached_tokens) or 0) if prompt else 0,
        count_of(usage.completion_tokens) or 0,
        think=count_of(completion.reasoning_tokens) if completion else None,
    )


def _usage_object(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": usage.think or 0},
    }
