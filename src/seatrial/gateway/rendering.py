"""Events as the bytes of a chat answer, for what a rule changed; everything else is passed on.

Only `stop`, `length`, `tool_calls` and `content_filter` are ever said as the reason of an end:
clients take any other word for a broken provider.

In: events, the first frame of the server or its whole body. Out: frames, bodies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from seatrial.chat.endpoint import CallEvent, End, Event, Text, Think, UsageEvent
from seatrial.chat.finish_words import is_filtered
from seatrial.core.generation import Finish, Usage
from seatrial.core.message import Call

DONE = b"data: [DONE]\n\n"

_HEAD = ("id", "created", "model", "system_fingerprint", "service_tier")
_ORDINARY = (Finish.STOP, Finish.TOOL_CALLS)


def finish_word(end: End, has_calls: bool) -> str:
    """How an end is told to a client.

    Whatever is not known to be an end of the answer's own is `length`: `stop` is a final answer.
    """
    if is_filtered(end.raw_finish):
        return "content_filter"
    if has_calls and end.finish in (*_ORDINARY, Finish.OTHER):
        return "tool_calls"
    return "stop" if end.finish in _ORDINARY else "length"


def frame(value: object) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


class FrameWriter:
    """Renders the events of one streamed answer."""

    def __init__(self, head: bytes) -> None:
        """`head`: data of a frame of the server, whose id, time and model are kept."""
        known = _object(head)
        self._head = {key: known[key] for key in _HEAD if key in known}
        self._head.setdefault("id", "chatcmpl-seatrial")
        self._head.setdefault("created", 0)
        self._head.setdefault("model", "")
        self._head["object"] = "chat.completion.chunk"
        self.begun = False
        """The client knows whose answer it is."""

    def event(self, event: Text | Think) -> bytes:
        key = "content" if isinstance(event, Text) else "reasoning_content"
        return self._delta({key: event.text})

    def tail(
        self,
        events: Sequence[Event],
        with_usage: bool,
        closing: Mapping[str, Any] = MappingProxyType({}),
    ) -> bytes:
        """Everything from the first call on, to the mark of the end.

        `closing` are fields of the last frame, as llama.cpp puts its timings there.
        """
        parts: list[bytes] = []
        calls = 0
        usage: UsageEvent | None = None
        end = End(Finish.STOP)
        for event in events:
            match event:
                case Text() | Think():
                    parts.append(self.event(event))
                case CallEvent(call=call):
                    parts.append(self._delta({"tool_calls": [_call(call, calls)]}))
                    calls += 1
                case UsageEvent():
                    usage = event
                case End():
                    end = event
        apart = usage is not None and with_usage
        last = {} if apart else closing
        parts.append(self._delta({}, finish_word(end, calls > 0), last))
        if usage is not None and apart:
            body = {"choices": [], **self._head, "usage": usage_body(usage.usage), **closing}
            parts.append(frame(body))
        return b"".join((*parts, DONE))

    def _delta(
        self,
        fields: dict[str, Any],
        finish: str | None = None,
        beside: Mapping[str, Any] = MappingProxyType({}),
    ) -> bytes:
        if not self.begun:
            self.begun = True
            fields = {"role": "assistant", **fields}
        choice = {"index": 0, "delta": fields, "finish_reason": finish}
        return frame({**self._head, "choices": [choice], **beside})


def whole_body(body: bytes, events: Sequence[Event]) -> bytes:
    """The answer `body` of a server, with what `events` say in place of its own."""
    answer = _object(body)
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else {}
    choice = dict(choice) if isinstance(choice, dict) else {}
    message = choice.get("message")
    message = dict(message) if isinstance(message, dict) else {"role": "assistant"}
    texts = [event.text for event in events if isinstance(event, Text)]
    thinks = [event.text for event in events if isinstance(event, Think)]
    calls = [event.call for event in events if isinstance(event, CallEvent)]
    end = next((event for event in events if isinstance(event, End)), End(Finish.STOP))
    message["content"] = "".join(texts) if texts or not calls else None
    message.pop("reasoning", None)
    message.pop("reasoning_content", None)
    message.pop("tool_calls", None)
    if thinks:
        message["reasoning_content"] = "".join(thinks)
    if calls:
        message["tool_calls"] = [_call(call, index) for index, call in enumerate(calls)]
    choice |= {"message": message, "finish_reason": finish_word(end, bool(calls))}
    choice.setdefault("index", 0)
    # A server may have streamed although nobody asked it to.
    choice.pop("delta", None)
    answer["object"] = "chat.completion"
    return msgspec.json.encode({**answer, "choices": [choice]})


def usage_body(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
    }


def _call(call: Call, index: int) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"index": index, "id": call.id, "type": "function", "function": function}


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return {}
    return value if isinstance(value, dict) else {}
