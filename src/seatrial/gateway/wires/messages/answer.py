"""Answers of Anthropic's `/v1/messages`: whole and streamed, read and written.

A stream there is a row of blocks, each opened and closed. The size of the prompt is told at its
start, where a server behind chat completions does not know it yet: it stands at the end as well,
which is what the official clients take.

In: events, frames, bodies. Out: frames, events, bodies, `Answer`s.
"""

from __future__ import annotations

from typing import Any

import msgspec

from seatrial.chat.endpoint import CallEvent, End, Event, Text, Think, UsageEvent
from seatrial.chat.sse import SseEvent
from seatrial.core.errors import FormatError
from seatrial.core.generation import Timings, Usage
from seatrial.core.message import Call
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
from seatrial.gateway.wires.errors import messages_error
from seatrial.gateway.wires.fields import (
    Fields,
    number,
    plain,
    read_body,
    read_fields,
    read_list,
    words,
)
from seatrial.gateway.wires.messages.ask import UNSIGNED, tool_use

PING = sse(b'{"type": "ping"}', "ping")
"""Keeps a connection alive while nothing is ready."""

_REASONS = {
    "stop": "end_turn",
    "tool_calls": "tool_use",
    "length": "max_tokens",
    "context": "model_context_window_exceeded",
    "content_filter": "refusal",
}


class MessagesWriter:
    """Writes one stream."""

    def __init__(self, head: Head, *, prompt_tokens: int = 0) -> None:
        self._head = head
        self._prompt_tokens = prompt_tokens
        self._usage = Usage()
        self._calls = 0
        self._index = -1
        self._open: str | None = None
        self._begun = False

    def feed(self, event: Event) -> bytes:
        if isinstance(event, UsageEvent):
            self._usage = event.usage
            return b""
        return self._begin() + self._written(event)

    def alive(self) -> bytes:
        return PING

    def fail(self, error: Exception) -> bytes:
        return sse(messages_error(error), "error")

    def _written(self, event: Event) -> bytes:
        match event:
            case Think():
                delta = {"type": "thinking_delta", "thinking": event.text}
                return self._in_block("thinking") + self._delta(delta)
            case Text():
                return self._in_block("text") + self._delta(
                    {"type": "text_delta", "text": event.text}
                )
            case CallEvent():
                return self._call(event.call)
            case End():
                return self._end(event)
        return b""

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        usage = {"input_tokens": self._prompt_tokens, "output_tokens": 0}
        message = {**_message(self._head), "content": [], "usage": usage}
        return _frame("message_start", message=message)

    def _in_block(self, kind: str) -> bytes:
        """Open a block of `kind`, unless one is open."""
        if self._open == kind:
            return b""
        frames = self._close()
        self._open = kind
        self._index += 1
        empty: dict[str, Any] = {"type": kind, kind: ""}
        if kind == "thinking":
            empty["signature"] = ""
        return frames + _frame("content_block_start", index=self._index, content_block=empty)

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return _frame("content_block_delta", index=self._index, delta=delta)

    def _close(self) -> bytes:
        if self._open is None:
            return b""
        frames = b""
        if self._open == "thinking":
            frames = self._delta({"type": "signature_delta", "signature": UNSIGNED})
        self._open = None
        return frames + _frame("content_block_stop", index=self._index)

    def _call(self, call: Call) -> bytes:
        frames = self._close()
        self._calls += 1
        self._index += 1
        block = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
        frames += _frame("content_block_start", index=self._index, content_block=block)
        frames += self._delta({"type": "input_json_delta", "partial_json": call.arguments})
        return frames + _frame("content_block_stop", index=self._index)

    def _end(self, end: End) -> bytes:
        reason = _REASONS[stop_of(end, self._calls > 0)]
        delta = {"stop_reason": reason, "stop_sequence": None}
        usage = _usage_object(self._usage)
        frames = self._close() + _frame("message_delta", delta=delta, usage=usage)
        return frames + _frame("message_stop")


class MessagesReader:
    """Reads one stream."""

    def __init__(self) -> None:
        self.head: Head | None = None
        self._fragments = Fragments()
        self._usage = Usage()
        self._word: str | None = None
        self._ended = False

    def feed(self, frame: SseEvent) -> list[Event]:
        fields = read_body(frame.data)
        match words(fields.get("type")):
            case "message_start":
                message = read_fields(fields.get("message"))
                self.head = _head(message)
                self._usage = _usage(read_fields(message.get("usage")), self._usage)
            case "content_block_start":
                return self._block(fields)
            case "content_block_delta":
                return self._delta(fields)
            case "message_delta":
                self._word = words(read_fields(fields.get("delta")).get("stop_reason"))
                self._usage = _usage(read_fields(fields.get("usage")), self._usage)
            case "message_stop":
                return self.finish()
            case "error":
                raise reported(frame.data)
        return []

    def finish(self) -> list[Event]:
        if self._ended:
            return []
        if not self._word:
            raise FormatError("the stream was closed before its end")
        self._ended = True
        finish = finish_word(self._word)
        prefix = self.head.id if self.head else ""
        calls = self._fragments.calls(prefix, cut=was_cut(finish, self._word))
        events: list[Event] = [CallEvent(call) for call in calls]
        return [*events, UsageEvent(self._usage, Timings()), End(finish, self._word)]

    def _block(self, fields: Fields) -> list[Event]:
        block = read_fields(fields.get("content_block"))
        match words(block.get("type")):
            case "tool_use":
                given = bytes(block.get("input") or b"{}").decode()
                # The whole input may stand here, with no piece to follow.
                arguments = "" if given.strip() in ("{}", "") else given
                index = plain(fields.get("index"))
                self._fragments.add(
                    index, words(block.get("id")), words(block.get("name")), arguments
                )
            case "text":
                return _texts(Text, words(block.get("text")))
            case "thinking":
                return _texts(Think, words(block.get("thinking")))
        return []

    def _delta(self, fields: Fields) -> list[Event]:
        delta = read_fields(fields.get("delta"))
        match words(delta.get("type")):
            case "text_delta":
                return _texts(Text, words(delta.get("text")))
            case "thinking_delta":
                return _texts(Think, words(delta.get("thinking")))
            case "input_json_delta":
                index = plain(fields.get("index"))
                self._fragments.add(index, "", "", words(delta.get("partial_json")))
        return []


def read_answer(body: bytes) -> Answer:
    """A whole answer.

    Raises:
        ContextOverflowError, EngineError: the body reports an error.
        BrokenOffError, FormatError: not an answer, or not a whole one.
    """
    fields = read_body(body)
    if words(fields.get("type")) == "error":
        raise reported(body)
    if "content" not in fields:
        raise FormatError("an answer without a message")
    fragments = Fragments()
    said: dict[str, list[str]] = {"text": [], "thinking": []}
    for place, item in enumerate(read_list(fields["content"])):
        block = read_fields(item)
        kind = words(block.get("type"))
        if kind == "tool_use":
            arguments = bytes(block.get("input") or b"{}").decode()
            fragments.add(place, words(block.get("id")), words(block.get("name")), arguments)
        elif kind in said:
            said[kind].append(words(block.get(kind)))
    head, word = _head(fields), words(fields.get("stop_reason"))
    finish = finish_word(word or None)
    calls = tuple(fragments.calls(head.id, cut=was_cut(finish, word)))
    return Answer(
        head=head,
        stop=stop_of(End(finish, word or None), bool(calls)),
        think="\n\n".join(said["thinking"]),
        text="".join(said["text"]),
        calls=calls,
        usage=_usage(read_fields(fields.get("usage")), Usage()),
    )


def write_answer(answer: Answer) -> bytes:
    """A whole answer as a body."""
    content: list[dict[str, Any]] = []
    if answer.think:
        content.append({"type": "thinking", "thinking": answer.think, "signature": UNSIGNED})
    if answer.text:
        content.append({"type": "text", "text": answer.text})
    content += [tool_use(call) for call in answer.calls]
    body = {
        **_message(answer.head),
        "content": content,
        "stop_reason": _REASONS[answer.stop],
        "usage": _usage_object(answer.usage or Usage()),
    }
    return msgspec.json.encode(body)


def write_count(prompt_tokens: int) -> bytes:
    """The answer of `/v1/messages/count_tokens`."""
    return msgspec.json.encode({"input_tokens": prompt_tokens})


def _frame(kind: str, **fields: object) -> bytes:
    return sse(msgspec.json.encode({"type": kind, **fields}), kind)


def _texts(kind: type[Text] | type[Think], text: str) -> list[Event]:
    return [kind(text)] if text else []


def _message(head: Head) -> dict[str, Any]:
    return {
        "id": f"msg_{head.id}",
        "type": "message",
        "role": "assistant",
        "model": head.model,
        "stop_reason": None,
        "stop_sequence": None,
    }


def _head(message: Fields) -> Head:
    return Head(words(message.get("id")).removeprefix("msg_"), words(message.get("model")))


def _usage(fields: Fields, before: Usage) -> Usage:
    """What a frame says of usage, over what an earlier one said."""
    numbers = {name: number(value) for name, value in fields.items() if name in _COUNTS}
    if not any(numbers.values()):
        return before
    completion = numbers.get("output_tokens", 0)
    if "input_tokens" not in numbers:
        return Usage(before.prompt, before.cached, completion)
    cached = numbers.get("cache_read_input_tokens", 0)
    created = numbers.get("cache_creation_input_tokens", 0)
    return Usage(numbers["input_tokens"] + cached + created, cached, completion)


_COUNTS = frozenset(
    "input_tokens output_tokens cache_read_input_tokens cache_creation_input_tokens".split()
)


def _usage_object(usage: Usage) -> dict[str, int]:
    """There the prompt is counted without what came from the cache."""
    return {
        "input_tokens": max(0, usage.prompt - usage.cached),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": min(usage.cached, usage.prompt),
        "output_tokens": usage.completion,
    }
