"""Requests of Anthropic's `/v1/messages`, written.

The bytes of a call's arguments become its `input`; an object is all that it can hold, so a call
with other arguments cannot be written.

In: `Ask`s. Out: bodies for a server that speaks this protocol.
"""

from __future__ import annotations

from typing import Any

import msgspec

from seatrial.core.message import Call
from seatrial.gateway.wires.ask import Ask, Choice, Ledger, Offer, Part, Turn, UnsupportedError
from seatrial.gateway.wires.fields import is_object

_KEPT = frozenset({"temperature", "top_p", "top_k", "user"})
_DEFAULT_MAX_TOKENS = 4_096
"""This protocol demands a cap where chat completions do not."""

UNSIGNED = "unsigned"
"""Stands where a vendor signs its model's thoughts; clients drop thoughts without a signature."""


def write(ask: Ask, ledger: Ledger) -> bytes:
    """The body for a server that speaks `/v1/messages`."""
    start = next((i for i, turn in enumerate(ask.turns) if turn.role != "system"), len(ask.turns))
    body: dict[str, Any] = {
        "model": ask.model,
        "max_tokens": ask.max_tokens or _DEFAULT_MAX_TOKENS,
        "messages": _messages(ask.turns[start:]),
    }
    if start:
        said = (part for turn in ask.turns[:start] for part in turn.texts)
        body["system"] = [{"type": "text", "text": part} for part in said]
    if ask.offers:
        body["tools"] = [_tool(offer, ledger) for offer in ask.offers]
    if ask.offers and (ask.choice is not None or ask.parallel is False):
        body["tool_choice"] = _choice(ask.choice or Choice("auto"), ask.parallel)
    if ask.stop:
        body["stop_sequences"] = list(ask.stop)
    if ask.stream:
        body["stream"] = True
    _put_output(ask, body, ledger)
    body |= {name: value for name, value in ask.fields.items() if name in _KEPT - {"user"}}
    if "user" in ask.fields:
        body["metadata"] = {"user_id": ask.fields["user"]}
    ledger.leave(ask.fields, _KEPT, "request")
    return msgspec.json.encode(body)


def _put_output(ask: Ask, body: dict[str, Any], ledger: Ledger) -> None:
    output: dict[str, Any] = {}
    if ask.effort is not None:
        output["effort"] = ask.effort
    if ask.format is not None and ask.format.kind == "json_schema":
        output["format"] = {"type": "json_schema", "schema": ask.format.schema}
    elif ask.format is not None:
        ledger.lose("response_format of type json_object")
    if output:
        body["output_config"] = output
    if ask.thinking is False:
        body["thinking"] = {"type": "disabled"}
    elif ask.thinking:
        body["thinking"] = {"type": "adaptive"}


def _messages(turns: tuple[Turn, ...]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for turn in turns:
        if turn.role == "tool":
            if not results:
                messages.append({"role": "user", "content": results})
            results.append(_result(turn))
            continue
        results = []
        if turn.role == "assistant":
            messages.append({"role": "assistant", "content": _assistant(turn)})
        else:
            blocks = [_block(part) for part in turn.parts]
            messages.append({"role": turn.role, "content": blocks})
    return messages


def _result(turn: Turn) -> dict[str, Any]:
    blocks = [_block(part) for part in turn.parts]
    content: Any = blocks
    if len(blocks) == 1 and turn.texts:
        content = turn.texts[0]
    return {"type": "tool_result", "tool_use_id": turn.call_id or "", "content": content}


def _assistant(turn: Turn) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if turn.think:
        blocks.append({"type": "thinking", "thinking": turn.think, "signature": UNSIGNED})
    blocks += [_block(part) for part in turn.parts]
    return blocks + [tool_use(call) for call in turn.calls]


def tool_use(call: Call) -> dict[str, Any]:
    """A call as this protocol writes it.

    Raises:
        UnsupportedError: the arguments are no object, and an object is all that it can hold.
    """
    if not is_object(call.arguments):
        raise UnsupportedError(
            f"the arguments of call {call.id} are not a JSON object, all that can be written here",
            hint="repair or drop the call in the history",
        )
    arguments = msgspec.Raw(call.arguments.encode())
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments}


def _block(part: Part) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if not part.url.startswith("data:"):
        return {"type": "image", "source": {"type": "url", "url": part.url}}
    kind, _, data = part.url.removeprefix("data:").partition(";base64,")
    source = {"type": "base64", "media_type": kind, "data": data}
    return {"type": "image", "source": source}


def _tool(offer: Offer, ledger: Ledger) -> dict[str, Any]:
    tool: dict[str, Any] = {"name": offer.name}
    if offer.description is not None:
        tool["description"] = offer.description
    if offer.strict is not None:
        ledger.lose("tools[].function.strict")
    tool["input_schema"] = offer.parameters or {"type": "object"}
    return tool


def _choice(choice: Choice, parallel: bool | None) -> dict[str, Any]:
    kinds = {"auto": "auto", "required": "any", "none": "none", "tool": "tool"}
    chosen: dict[str, Any] = {"type": kinds[choice.mode]}
    if choice.mode == "tool":
        chosen["name"] = choice.name
    if parallel is False and choice.mode != "none":
        chosen["disable_parallel_tool_use"] = True
    return chosen
