"""Answers of OpenAI's `/v1/responses`, written: whole and streamed.

Every frame is numbered, every item is announced, filled and repeated whole when it is done, and
the last frame repeats the whole answer. codex executes a call when its item is done, so an item
of a call appears only complete.

In: events, `Answer`s. Out: frames, bodies.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from seatrial.chat.endpoint import CallEvent, End, Event, Text, Think, UsageEvent
from seatrial.core.generation import Usage
from seatrial.core.message import Call
from seatrial.gateway.wires.answer import Answer, Head, sse, stop_of
from seatrial.gateway.wires.ask import Asked
from seatrial.gateway.wires.errors import responses_error
from seatrial.gateway.wires.responses.items import (
    Item,
    call_item,
    message_item,
    reasoning_item,
    response,
    status_of,
    text_part,
)

_Kind = Literal["message", "reasoning"]
_TEXT_FIELDS: dict[_Kind, tuple[str, str]] = {
    "message": ("response.output_text", "msg"),
    "reasoning": ("response.reasoning_text", "rs"),
}


class ResponsesWriter:
    """Writes one stream."""

    def __init__(self, head: Head, asked: Asked) -> None:
        self._head = head
        self._asked = asked
        self._output: list[Item] = []
        self._open: _Kind | None = None
        self._pieces: list[str] = []
        self._calls = 0
        self._number = 0
        self._usage: Usage | None = None
        self._begun = False

    def feed(self, event: Event) -> bytes:
        match event:
            case Think():
                return self._begin() + self._add("reasoning", event.text)
            case Text():
                return self._begin() + self._add("message", event.text)
            case CallEvent():
                return self._begin() + self._close() + self._call(event.call)
            case UsageEvent():
                self._usage = event.usage
                return b""
            case End():
                return self._begin() + self._end(event)

    def alive(self) -> bytes:
        """An event and no comment: codex counts the silence between events.

        OpenAI's libraries take none before `response.created`.
        """
        if not self._begun:
            return self._begin()
        begun = response(self._head, self._asked, "in_progress", self._output)
        return self._frame("response.in_progress", response=begun)

    def fail(self, error: Exception) -> bytes:
        failed = response(
            self._head, self._asked, "failed", self._output, error=responses_error(error)
        )
        return self._begin() + self._frame("response.failed", response=failed)

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        empty = response(self._head, self._asked, "in_progress", [])
        frames = self._frame("response.created", response=empty)
        return frames + self._frame("response.in_progress", response=empty)

    def _add(self, kind: _Kind, text: str) -> bytes:
        frames = b"" if self._open == kind else self._close() + self._start(kind)
        self._pieces.append(text)
        extra: dict[str, Any] = {"logprobs": []} if kind == "message" else {}
        name = f"{_TEXT_FIELDS[kind][0]}.delta"
        return frames + self._frame(name, **self._place(), content_index=0, delta=text, **extra)

    def _start(self, kind: _Kind) -> bytes:
        self._open = kind
        if kind == "message":
            empty = message_item(self._id(kind), "", "in_progress")
            part = text_part("")
        else:
            empty = reasoning_item(self._id(kind), "", self._asked)
            part = {"type": "reasoning_text", "text": ""}
        frames = self._frame("response.output_item.added", output_index=self._index, item=empty)
        return frames + self._frame(
            "response.content_part.added", **self._place(), content_index=0, part=part
        )

    def _close(self) -> bytes:
        """Finish the item that is open."""
        kind = self._open
        if kind is None:
            return b""
        text = "".join(self._pieces)
        if kind == "message":
            item, part = message_item(self._id(kind), text), text_part(text)
        else:
            item = reasoning_item(self._id(kind), text, self._asked)
            part = {"type": "reasoning_text", "text": text}
        extra: dict[str, Any] = {"logprobs": []} if kind == "message" else {}
        name = f"{_TEXT_FIELDS[kind][0]}.done"
        frames = self._frame(name, **self._place(), content_index=0, text=text, **extra)
        frames += self._frame(
            "response.content_part.done", **self._place(), content_index=0, part=part
        )
        self._open = None
        self._pieces = []
        return frames + self._done(item)

    def _call(self, call: Call) -> bytes:
        self._calls += 1
        item = call_item(f"fc_{self._head.id}_{self._index}", call, self._asked)
        freeform = item["type"] == "custom_tool_call"
        field = "input" if freeform else "arguments"
        name = f"response.{'custom_tool_call_input' if freeform else 'function_call_arguments'}"
        place = {"item_id": item["id"], "output_index": self._index}
        begun = {**item, "status": "in_progress", field: ""}
        frames = self._frame("response.output_item.added", output_index=self._index, item=begun)
        frames += self._frame(f"{name}.delta", **place, delta=item[field])
        named = {} if freeform else {"name": item["name"]}
        frames += self._frame(f"{name}.done", **place, **named, **{field: item[field]})
        return frames + self._done(item)

    def _done(self, item: Item) -> bytes:
        frame = self._frame("response.output_item.done", output_index=self._index, item=item)
        self._output.append(item)
        return frame

    def _end(self, end: End) -> bytes:
        stop = stop_of(end, self._calls > 0)
        frames = self._close()
        status = status_of(stop)
        whole = response(self._head, self._asked, status, self._output, self._usage, stop)
        return frames + self._frame(f"response.{status}", response=whole)

    @property
    def _index(self) -> int:
        return len(self._output)

    def _id(self, kind: _Kind) -> str:
        return f"{_TEXT_FIELDS[kind][1]}_{self._head.id}_{self._index}"

    def _place(self) -> dict[str, Any]:
        kind = self._open or "message"
        return {"item_id": self._id(kind), "output_index": self._index}

    def _frame(self, kind: str, **fields: object) -> bytes:
        data = {"type": kind, "sequence_number": self._number, **fields}
        self._number += 1
        return sse(msgspec.json.encode(data), kind)


def write_answer(answer: Answer, asked: Asked) -> bytes:
    """A whole answer as a body."""
    items: list[Item] = []
    head = answer.head.id
    if answer.think:
        items.append(reasoning_item(f"rs_{head}_0", answer.think, asked))
    if answer.text:
        items.append(message_item(f"msg_{head}_{len(items)}", answer.text))
    for call in answer.calls:
        items.append(call_item(f"fc_{head}_{len(items)}", call, asked))
    status = status_of(answer.stop)
    return msgspec.json.encode(
        response(answer.head, asked, status, items, answer.usage, answer.stop)
    )
