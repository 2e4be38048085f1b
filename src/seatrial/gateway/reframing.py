"""Answers in shapes that clients of a stream do not read, as the frames that they do.

A server may ignore that a stream was asked for, send its frames as lines without `data:`, say
`message` where a stream says `delta`, or call in the form of before tools. The answer is whole and
good; without this, clients take it for an empty one, or for a broken stream.

In: bodies, frames. Out: frames.
"""

from __future__ import annotations

import secrets
from typing import Any

import msgspec

from seatrial.chat.endpoint import Request
from seatrial.chat.sse import SseEvent
from seatrial.gateway.rendering import DONE, frame

_OLD_WORD = "function_call"


def as_frames(body: bytes) -> bytes | None:
    """A whole answer, or the report of an error, as a stream says it; None = it is neither."""
    answer = _object(body)
    if answer is None:
        return _lines(body)
    if answer.get("error"):
        return frame(answer)
    choices, usage = answer.pop("choices", None), answer.pop("usage", None)
    if not isinstance(choices, list):
        return None
    head = {**answer, "object": "chat.completion.chunk"}
    frames = frame({**head, "choices": [_ended(_as_delta(choice)) for choice in choices]})
    if usage is not None:
        frames += frame({**head, "choices": [], "usage": usage})
    return frames + DONE


class Reframing:
    """The frames of one stream."""

    def __init__(self, request: Request | None) -> None:
        self._has_tools = request is not None and bool(request.tools)
        self._called = False

    def __call__(self, event: SseEvent) -> SseEvent:
        """`event` in a shape that clients read; the same object where it is in one."""
        data = event.data
        whole = b'"delta"' not in data and b'"message"' in data and b'"choices"' in data
        # Where tools were offered, nobody asked for the old form.
        old = self._has_tools and (self._called or b'"function_call"' in data)
        if not (whole or old):
            return event
        value = _object(data)
        choices = value.get("choices") if value else None
        if value is None or not isinstance(choices, list):
            return event
        new = [_as_delta(choice) for choice in choices] if whole else choices
        new = [self._modern(choice) for choice in new] if old else new
        if new == choices:
            return event
        raw = frame({**value, "choices": new})
        return msgspec.structs.replace(event, data=raw[len(b"data: ") : -2], raw=raw)

    def _modern(self, choice: object) -> object:
        if not isinstance(choice, dict):
            return choice
        new, delta = dict(choice), choice.get("delta")
        call = delta.get("function_call") if isinstance(delta, dict) else None
        if isinstance(delta, dict) and isinstance(call, dict):
            rest = {key: value for key, value in delta.items() if key != "function_call"}
            tool: dict[str, Any] = {"index": 0, "function": call}
            if not self._called:
                tool |= {"id": f"call_{secrets.token_hex(8)}", "type": "function"}
            self._called = True
            new["delta"] = {**rest, "tool_calls": [tool]}
        if self._called and new.get("finish_reason") == _OLD_WORD:
            new["finish_reason"] = "tool_calls"
        return new


def _lines(body: bytes) -> bytes | None:
    """Frames that came as lines of JSON, as a stream says them."""
    lines = [line for line in body.splitlines() if line.strip()]
    values = [_object(line) for line in lines]
    if len(lines) < 2 or not all(
        v is not None and ("choices" in v or "error" in v) for v in values
    ):
        return None
    # No mark of the end: whether it is complete, its last word says.
    return b"".join(b"data: %b\n\n" % line for line in lines)


def _as_delta(choice: object) -> object:
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        return choice
    said = {**choice, "delta": dict(message)}
    del said["message"]
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        said["delta"]["tool_calls"] = [
            {"index": at, **call} for at, call in enumerate(calls) if isinstance(call, dict)
        ]
    return said


def _ended(choice: object) -> object:
    """`choice` with a word for its end: text that came whole is whole; calls need a word."""
    delta = choice.get("delta") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(delta, dict):
        return choice
    wordless = choice.get("finish_reason") is None and not delta.get("tool_calls")
    return {**choice, "finish_reason": "stop"} if wordless and delta.get("content") else choice


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    return value if isinstance(value, dict) else None
