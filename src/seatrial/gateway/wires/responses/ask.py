"""Requests of OpenAI's `/v1/responses`, written.

In: `Ask`s. Out: bodies for a server that speaks this protocol.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from seatrial.core.message import Call
from seatrial.gateway.wires.ask import Ask, Choice, Format, Ledger, Media, Offer, Part, Turn

_KEPT = frozenset(
    "temperature top_p top_logprobs user metadata service_tier store prompt_cache_key"
    " safety_identifier".split()
)


def write(ask: Ask, ledger: Ledger) -> bytes:
    """The body for a server that speaks `/v1/responses`."""
    body: dict[str, Any] = {"model": ask.model, "store": False}
    turns = ask.turns
    if turns and turns[0].role == "system":
        body["instructions"] = "\n\n".join(turns[0].texts)
        turns = turns[1:]
    body["input"] = [item for turn in turns for item in _items(turn)]
    if ask.offers:
        body |= _tools(ask)
    if ask.max_tokens is not None:
        body["max_output_tokens"] = ask.max_tokens
    if ask.format is not None:
        body["text"] = {"format": _format(ask.format)}
    if ask.effort is not None:
        body["reasoning"] = {"effort": ask.effort}
    if ask.stream:
        body["stream"] = True
    if ask.stop:
        ledger.lose("request.stop")
    if ask.thinking is not None:
        ledger.lose("thinking on or off")
    ledger.leave(ask.fields, _KEPT, "request")
    kept = {name: value for name, value in ask.fields.items() if name in _KEPT}
    return msgspec.json.encode({**body, **kept})


def _tools(ask: Ask) -> dict[str, Any]:
    body: dict[str, Any] = {"tools": [_tool(offer) for offer in ask.offers]}
    if ask.choice is not None:
        body["tool_choice"] = _choice(ask.choice)
    if ask.parallel is not None:
        body["parallel_tool_calls"] = ask.parallel
    return body


def _items(turn: Turn) -> Iterator[dict[str, Any]]:
    if turn.role == "tool":
        output: Any = [_part(part, "input_text") for part in turn.parts]
        if not turn.media:
            output = "\n".join(turn.texts)
        yield {"type": "function_call_output", "call_id": turn.call_id or "", "output": output}
        return
    if turn.think:
        content = [{"type": "reasoning_text", "text": turn.think}]
        yield {"type": "reasoning", "summary": [], "content": content}
    kind = "output_text" if turn.role == "assistant" else "input_text"
    if turn.parts:
        content = [_part(part, kind) for part in turn.parts]
        yield {"type": "message", "role": turn.role, "content": content}
    for call in turn.calls:
        yield call_item(call)


def call_item(call: Call) -> dict[str, Any]:
    """A call as this protocol writes it."""
    return {
        "type": "function_call",
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
    }


def _part(part: Part, kind: str) -> dict[str, Any]:
    if isinstance(part, Media):
        detail = {"detail": part.detail} if part.detail else {}
        return {"type": "input_image", "image_url": part.url, **detail}
    return {"type": kind, "text": part}


def _tool(offer: Offer) -> dict[str, Any]:
    tool: dict[str, Any] = {"type": "function", "name": offer.name}
    if offer.description is not None:
        tool["description"] = offer.description
    tool["parameters"] = offer.parameters or {"type": "object", "properties": {}}
    tool["strict"] = offer.strict if offer.strict is not None else False
    return tool


def _choice(choice: Choice) -> object:
    if choice.mode == "tool":
        return {"type": "function", "name": choice.name}
    return choice.mode


def _format(wanted: Format) -> dict[str, Any]:
    if wanted.kind == "json_object":
        return {"type": "json_object"}
    shape: dict[str, Any] = {"type": "json_schema", "name": wanted.name or "answer"}
    shape["schema"] = wanted.schema
    if wanted.strict is not None:
        shape["strict"] = wanted.strict
    return shape
