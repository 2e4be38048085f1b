"""Requests of `/v1/chat/completions`, written and read.

Written so that strict templates take it: one system message at the start, no two user messages in
a row, results of tools directly behind their calls. What stands elsewhere in the other protocols
is moved by as little as possible, and its role given up where it must be.

In: `Ask`s, bodies. Out: bodies, `Ask`s.
"""

from __future__ import annotations

from typing import Any

import msgspec

from seatrial.core.message import Call, Role
from seatrial.gateway.wires.ask import (
    IMAGE_LEFT_OUT,
    MODES,
    Ask,
    Choice,
    Format,
    Ledger,
    Media,
    Offer,
    Part,
    Turn,
    UnsupportedError,
    Upstream,
)
from seatrial.gateway.wires.fields import (
    Fields,
    flag,
    is_text,
    raw,
    read_body,
    read_fields,
    read_list,
    strings,
    text,
    words,
)

SYSTEM_BREAK = "\n\n"
_RESULT_BREAK = "\n"
_FREEFORM_SCHEMA = raw(
    {
        "type": "object",
        "properties": {"input": {"type": "string"}},
        "required": ["input"],
        "additionalProperties": False,
    }
)


def write(ask: Ask, upstream: Upstream, ledger: Ledger) -> bytes:
    """The body for a server that speaks chat completions."""
    body: dict[str, Any] = {"model": ask.model} if ask.model else {}
    body["messages"] = _messages(ask.turns, upstream, ledger)
    if ask.offers:
        body["tools"] = [_tool(offer) for offer in ask.offers]
    if ask.choice is not None and ask.offers:
        body["tool_choice"] = _choice(ask.choice)
    if ask.parallel is not None and ask.offers:
        body["parallel_tool_calls"] = ask.parallel
    if ask.max_tokens is not None:
        body["max_tokens"] = ask.max_tokens
    if ask.stop:
        body["stop"] = list(ask.stop)
    if ask.format is not None:
        body["response_format"] = _format(ask.format)
    _put_thinking(ask, upstream, body, ledger)
    if ask.stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return msgspec.json.encode({**ask.fields, **body})


def _put_thinking(ask: Ask, upstream: Upstream, body: dict[str, Any], ledger: Ledger) -> None:
    not_taken = "the server behind is not known to take it"
    if ask.effort is not None:
        if upstream.effort:
            body["reasoning_effort"] = ask.effort
        else:
            ledger.lose("reasoning effort", not_taken)
    if ask.thinking is not None:
        if upstream.thinking:
            body["chat_template_kwargs"] = {"enable_thinking": ask.thinking}
        else:
            ledger.lose("thinking on or off", not_taken)


def _messages(turns: tuple[Turn, ...], upstream: Upstream, ledger: Ledger) -> list[dict[str, Any]]:
    start = next((i for i, turn in enumerate(turns) if turn.role != "system"), len(turns))
    messages: list[dict[str, Any]] = []
    if start:
        system = SYSTEM_BREAK.join(part for turn in turns[:start] for part in turn.texts)
        messages.append({"role": "system", "content": system})
    waiting: list[Part] = []
    for turn in turns[start:]:
        if turn.role == "system":
            why = "a system message behind the start, which templates refuse, became a user's"
            ledger.lose("messages[].role", why)
        if turn.role == "tool":
            # An image in a result has no place there; it follows as the user's.
            waiting += _pictures(turn)
            messages.append(_result(turn))
            continue
        if turn.role == "assistant":
            _flush(waiting, messages, upstream, ledger)
            messages.append(_assistant(turn))
        else:
            waiting += turn.parts
    _flush(waiting, messages, upstream, ledger)
    return messages


def _flush(
    waiting: list[Part], messages: list[dict[str, Any]], upstream: Upstream, ledger: Ledger
) -> None:
    """Write what the user said since the last answer as one message."""
    if not waiting:
        return
    parts = [_part(part, upstream, ledger) for part in waiting]
    waiting.clear()
    content: Any = parts
    if len(parts) == 1 and parts[0]["type"] == "text":
        content = parts[0]["text"]
    messages.append({"role": "user", "content": content})


def _part(part: Part, upstream: Upstream, ledger: Ledger) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if not upstream.images:
        ledger.lose("an image", "the model takes none; a text says so in its place")
        return {"type": "text", "text": IMAGE_LEFT_OUT}
    image = {"url": part.url} | ({"detail": part.detail} if part.detail else {})
    return {"type": "image_url", "image_url": image}


def _pictures(turn: Turn) -> list[Part]:
    if not turn.media:
        return []
    return [f"[image of the result of call {turn.call_id}]", *turn.media]


def _result(turn: Turn) -> dict[str, Any]:
    content = _RESULT_BREAK.join(turn.texts)
    return {"role": "tool", "tool_call_id": turn.call_id or "", "content": content}


def _assistant(turn: Turn) -> dict[str, Any]:
    said = SYSTEM_BREAK.join(turn.texts)
    message: dict[str, Any] = {"role": "assistant", "content": said or (None if turn.calls else "")}
    if turn.think:
        message["reasoning_content"] = turn.think
    if turn.calls:
        message["tool_calls"] = [call_object(call) for call in turn.calls]
    return message


def call_object(call: Call) -> dict[str, Any]:
    """A call as chat completions write it."""
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _tool(offer: Offer) -> dict[str, Any]:
    function: dict[str, Any] = {"name": offer.name}
    if offer.description is not None:
        function["description"] = offer.description
    parameters = _FREEFORM_SCHEMA if offer.freeform else offer.parameters
    if parameters is not None:
        function["parameters"] = parameters
    if offer.strict is not None:
        function["strict"] = offer.strict
    return {"type": "function", "function": function}


def _choice(choice: Choice) -> object:
    if choice.mode == "tool":
        return {"type": "function", "function": {"name": choice.name}}
    return choice.mode


def _format(wanted: Format) -> dict[str, Any]:
    if wanted.kind == "json_object":
        return {"type": "json_object"}
    schema: dict[str, Any] = {"name": wanted.name or "answer", "schema": wanted.schema}
    if wanted.strict is not None:
        schema["strict"] = wanted.strict
    return {"type": "json_schema", "json_schema": schema}


_TAKEN = frozenset(
    {
        "model",
        "messages",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "max_tokens",
        "max_completion_tokens",
        "stop",
        "stream",
        "stream_options",
        "response_format",
        "reasoning_effort",
        "chat_template_kwargs",
    }
)
_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
_MESSAGE = frozenset(
    {"role", "content", "tool_calls", "tool_call_id", "reasoning_content", "reasoning"}
)


def read(body: bytes, ledger: Ledger) -> Ask:
    """What a chat completions body asks for.

    Raises:
        FormatError: not of this protocol.
        UnsupportedError: it holds what no other protocol can say.
    """
    fields = read_body(body)
    kwargs = read_fields(fields.get("chat_template_kwargs"))
    ledger.leave(kwargs, frozenset({"enable_thinking"}), "chat_template_kwargs")
    return Ask(
        model=words(fields.get("model")),
        turns=tuple(_turn(read_fields(m), ledger) for m in read_list(fields.get("messages"))),
        offers=tuple(_offer(read_fields(t), ledger) for t in read_list(fields.get("tools"))),
        choice=_read_choice(fields.get("tool_choice")),
        parallel=flag(fields.get("parallel_tool_calls")),
        max_tokens=fields.get("max_completion_tokens") or fields.get("max_tokens"),
        stop=strings(fields.get("stop")),
        stream=flag(fields.get("stream")) is True,
        format=_read_format(read_fields(fields.get("response_format"))),
        effort=text(fields.get("reasoning_effort")),
        thinking=flag(kwargs.get("enable_thinking")),
        fields={name: value for name, value in fields.items() if name not in _TAKEN},
    )


def _turn(fields: Fields, ledger: Ledger) -> Turn:
    ledger.leave(fields, _MESSAGE, "messages[]")
    role = _ROLES.get(words(fields.get("role")))
    if role is None:
        raise UnsupportedError(f"a message of an unknown role: {words(fields.get('role'))!r}")
    return Turn(
        role=role,
        parts=_parts(fields.get("content"), ledger),
        think=words(fields.get("reasoning_content")) or words(fields.get("reasoning")),
        calls=tuple(read_call(read_fields(call)) for call in read_list(fields.get("tool_calls"))),
        call_id=text(fields.get("tool_call_id")),
    )


def read_call(fields: Fields) -> Call:
    """A call as chat completions write it; arguments that are an object keep their bytes."""
    function = read_fields(fields.get("function"))
    arguments = function.get("arguments")
    written = "" if arguments is None else text(arguments)
    if written is None and arguments is not None:
        written = bytes(arguments).decode()
    return Call(words(fields.get("id")), words(function.get("name")), written or "{}")


def _parts(content: msgspec.Raw | None, ledger: Ledger) -> tuple[Part, ...]:
    if content is None:
        return ()
    if is_text(content):
        said = words(content)
        return (said,) if said else ()
    parts: list[Part] = []
    for item in read_list(content):
        fields = read_fields(item)
        match words(fields.get("type")):
            case "text" | "refusal" as kind:
                parts.append(words(fields.get(kind)))
            case "image_url":
                parts.append(_media(fields.get("image_url")))
            case kind:
                raise UnsupportedError(f"a part of a message that cannot be passed on: {kind!r}")
        ledger.leave(fields, frozenset({"type", "text", "refusal", "image_url"}), "content[]")
    return tuple(parts)


def _media(image: msgspec.Raw | None) -> Media:
    if image is not None and is_text(image):
        return Media(words(image))
    fields = read_fields(image)
    return Media(words(fields.get("url")), text(fields.get("detail")))


def _offer(fields: Fields, ledger: Ledger) -> Offer:
    function = read_fields(fields.get("function"))
    name = words(function.get("name"))
    if not name:
        raise UnsupportedError(f"a tool that is no function: {words(fields.get('type'))!r}")
    known = frozenset({"name", "description", "parameters", "strict"})
    ledger.leave(function, known, "tools[].function")
    return Offer(
        name, function.get("description"), function.get("parameters"), function.get("strict")
    )


def _read_choice(value: msgspec.Raw | None) -> Choice | None:
    if value is None:
        return None
    mode = text(value)
    if mode in MODES:
        return Choice(MODES[mode])
    name = text(read_fields(read_fields(value).get("function")).get("name")) if not mode else None
    return Choice("tool", name) if name else None


def _read_format(fields: Fields) -> Format | None:
    match words(fields.get("type")):
        case "json_object":
            return Format("json_object")
        case "json_schema":
            schema = read_fields(fields.get("json_schema"))
            name = text(schema.get("name"))
            return Format("json_schema", schema.get("schema"), name, schema.get("strict"))
    return None
