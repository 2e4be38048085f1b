"""The items and the frame of an answer of `/v1/responses`.

In: calls, texts, heads, usage. Out: objects of that protocol.
"""

from __future__ import annotations

from typing import Any

import msgspec

from seatrial.core.generation import Usage
from seatrial.core.message import Call
from seatrial.gateway.wires.answer import BrokenCallError, Head, Stop
from seatrial.gateway.wires.ask import Asked
from seatrial.gateway.wires.fields import Fields
from seatrial.gateway.wires.responses.request import PLAIN_REASONING

Item = dict[str, Any]

_INCOMPLETE = {
    "length": "max_output_tokens",
    "context": "max_output_tokens",
    "content_filter": "content_filter",
}


def response(
    head: Head,
    asked: Asked,
    status: str,
    output: list[Item],
    usage: Usage | None = None,
    stop: Stop | None = None,
    error: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The object that stands around an answer; `asked` is repeated without its large fields."""
    reason = _INCOMPLETE.get(stop or "")
    defaults: dict[str, Any] = {"tool_choice": "auto", "parallel_tool_calls": True}
    fixed: dict[str, Any] = {
        "id": f"resp_{head.id}",
        "object": "response",
        "created_at": head.created,
        "status": status,
        "error": error,
        "incomplete_details": {"reason": reason} if reason else None,
        "instructions": None,
        "model": head.model,
        "output": output,
        "previous_response_id": None,
        "store": False,
        "tools": [],
        "usage": usage_object(usage) if usage is not None else None,
    }
    echo: Fields = asked.echo
    return {**defaults, **echo, **fixed}


def status_of(stop: Stop) -> str:
    return "incomplete" if stop in _INCOMPLETE else "completed"


def usage_object(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": 0},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.think or 0},
        "total_tokens": usage.prompt + usage.completion,
    }


def message_item(identifier: str, text: str, status: str = "completed") -> Item:
    content = [text_part(text)] if text or status == "completed" else []
    return {
        "id": identifier,
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    }


def text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def reasoning_item(identifier: str, think: str, asked: Asked) -> Item:
    item: Item = {"id": identifier, "type": "reasoning", "summary": []}
    if think:
        item["content"] = [{"type": "reasoning_text", "text": think}]
        if asked.keeps_reasoning:
            item["encrypted_content"] = PLAIN_REASONING + think
    return item


def call_item(identifier: str, call: Call, asked: Asked, status: str = "completed") -> Item:
    """A call, in the form of the tool that the client offered.

    Raises:
        BrokenCallError: the tool takes one text, and there is none.
    """
    offer = asked.offers.get(call.name)
    item: Item = {"id": identifier, "status": status, "call_id": call.id, "name": call.name}
    if offer is not None:
        item["name"] = offer.own_name
        if offer.namespace:
            item["namespace"] = offer.namespace
        if offer.freeform:
            return {**item, "type": "custom_tool_call", "input": _input(call)}
    return {**item, "type": "function_call", "arguments": call.arguments}


class _Input(msgspec.Struct, forbid_unknown_fields=True):
    input: str


def _input(call: Call) -> str:
    try:
        return msgspec.json.decode(call.arguments, type=_Input).input
    except msgspec.DecodeError as error:
        raise BrokenCallError(
            f"a call of {call.name} does not hold its one text: {call.arguments[:80]!r}"
        ) from error
