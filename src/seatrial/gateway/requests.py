"""A request body as the rules see it, and the smallest change of its bytes that a rule wants.

The body of a client is passed on as the bytes it came as. It is taken apart only as far as rules
need, and put together again only when something is changed; then every field that nobody changed
stays, unknown ones included. A body of a shape that cannot be read is no error here: the server
judges it, and no rule runs. Half an emoji (a lone surrogate) is read as the replacement character
and sent on as it came.

In: bodies of `/v1/chat/completions`, edited `Request`s. Out: `Inbound`, bytes.
"""

from __future__ import annotations

from typing import Any

import msgspec

from seatrial.chat.endpoint import NO_CAP, Request
from seatrial.chat.wires import chat_body
from seatrial.core.errors import FormatError
from seatrial.core.generation import Sampling
from seatrial.core.message import Call, Message, Role, ToolSchema
from seatrial.gateway.edits import edited_messages, put
from seatrial.gateway.wires.fields import without_lone_surrogates

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
_SAMPLING = Sampling.__struct_fields__
_JSON_FORMS = ("json_object", "json_schema")
_OURS = frozenset({"messages", "max_tokens", "stream", "stream_options"})


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class _Call(msgspec.Struct, gc=False):
    id: str | None = None
    function: _Function | None = None


class _Part(msgspec.Struct, gc=False):
    type: str = ""
    text: str | None = None


class _Message(msgspec.Struct, gc=False):
    role: str
    content: str | list[str | _Part] | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    function_call: Any = None
    audio: Any = None


class _Schema(msgspec.Struct, gc=False):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


class _Tool(msgspec.Struct, gc=False):
    function: _Schema | None = None


class Body(msgspec.Struct, gc=False):
    """A request as it is written, as far as rules need it."""

    messages: list[_Message]
    model: str | None = None
    tools: list[_Tool] | None = None
    stream: bool | None = None
    n: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stop: str | list[str] | None = None
    tool_choice: Any = None
    parallel_tool_calls: Any = None
    response_format: Any = None
    chat_template_kwargs: dict[str, Any] | None = None
    prompt_cache_key: str | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repeat_penalty: float | None = None
    repeat_last_n: int | None = None
    dry_multiplier: float | None = None
    seed: int | None = None


class Inbound(msgspec.Struct, frozen=True):
    """What a client asked for."""

    raw: bytes
    model: str = ""
    stream: bool = False
    request: Request | None = None
    """None = of a shape that no rule can read, or several answers at once: passed on as it is."""
    unread: str = ""
    """Why there is no `request`."""
    cache_key: str = ""
    """Its `prompt_cache_key`."""
    fields: bytes = b""
    """Not empty: another body with the same fields: without the messages that were read before, or
    without lone surrogates."""
    fixed: frozenset[str] = frozenset()
    """Fields that were pinned or stripped: no retry changes them."""


decode_body = msgspec.json.Decoder(Body).decode


def read_inbound(raw: bytes) -> Inbound:
    """The body `raw`.

    Raises:
        FormatError: not a JSON object.
    """
    try:
        return inbound_of(raw, decode_body(raw))
    except msgspec.ValidationError as error:
        return _unreadable(raw, str(error))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        whole = without_lone_surrogates(raw)
        if whole == raw:
            raise FormatError(f"the body is not JSON: {error}") from None
        return msgspec.structs.replace(read_inbound(whole), raw=raw, fields=whole)


def inbound_of(
    raw: bytes, body: Body, before: tuple[Message, ...] = (), fields: bytes = b""
) -> Inbound:
    """`raw`, whose messages are those `before` and those of `body`.

    Raises:
        msgspec.ValidationError: a message of an unknown role.
    """
    request = _request(body, before)
    several = (body.n or 1) != 1
    return Inbound(
        raw,
        body.model or "",
        bool(body.stream),
        None if several else request,
        f"n = {body.n}: several answers at once" if several else "",
        (body.prompt_cache_key or "")[:200],
        fields,
    )


def changed_body(raw: bytes, asked: Request | None, wanted: Request | None) -> bytes:
    """`raw` with exactly what differs between `asked` and `wanted`; the same bytes for none.

    Raises:
        FormatError: not a JSON object.
    """
    if wanted is asked or wanted is None or asked is None or wanted == asked:
        return raw
    body = read_object(raw)
    if wanted.messages != asked.messages:
        before = body.get("messages") or []
        body["messages"] = edited_messages(before, asked.messages, wanted.messages)
    if wanted.max_tokens != asked.max_tokens:
        key = "max_completion_tokens" if "max_completion_tokens" in body else "max_tokens"
        body[key] = wanted.max_tokens
    before, after = chat_body(asked, None), chat_body(wanted, None)
    for key in (before.keys() | after.keys()) - _OURS:
        if before.get(key) != after.get(key):
            put(body, key, after.get(key))
    return msgspec.json.encode(body)


def read_object(raw: bytes) -> dict[str, Any]:
    """`raw` as plain data.

    Raises:
        FormatError: not a JSON object.
    """
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        whole = without_lone_surrogates(raw)
        if whole != raw:
            return read_object(whole)
        raise FormatError(f"the body is not a JSON object: {error}") from None


def read_scalars(raw: bytes) -> dict[str, str | int | float | bool | None]:
    """The plain fields of the object `raw`; what holds others is not taken apart."""
    fields = _decode_fields(raw)
    return {
        name: msgspec.json.decode(value)
        for name, value in fields.items()
        if bytes(memoryview(value)[:1]) not in (b"{", b"[")
    }


_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def _unreadable(raw: bytes, why: str) -> Inbound:
    body = read_object(raw)
    model = body.get("model")
    named = model if isinstance(model, str) else ""
    return Inbound(raw, named, body.get("stream") is True, unread=why)


def _request(body: Body, before: tuple[Message, ...]) -> Request:
    caps = (body.max_completion_tokens, body.max_tokens)
    stop = body.stop or ()
    parallel, form = body.parallel_tool_calls, body.response_format
    thinking = (body.chat_template_kwargs or {}).get("enable_thinking")
    return Request(
        messages=before + tuple(map(_message, body.messages)),
        tools=tuple(_tool(tool.function) for tool in body.tools or () if tool.function),
        sampling=Sampling(**{name: getattr(body, name) for name in _SAMPLING}),
        max_tokens=next((cap for cap in caps if cap is not None and cap > 0), NO_CAP),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        tool_choice=body.tool_choice if isinstance(body.tool_choice, str) else None,
        forced_tool=_forced(body.tool_choice),
        parallel_calls=parallel if isinstance(parallel, bool) else None,
        json_answer=isinstance(form, dict) and form.get("type") in _JSON_FORMS,
        thinking=thinking if isinstance(thinking, bool) else None,
    )


def _forced(choice: object) -> str | None:
    """The tool that `choice` names."""
    function = choice.get("function") if isinstance(choice, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    return name if isinstance(name, str) else None


def _tool(schema: _Schema) -> ToolSchema:
    return ToolSchema(schema.name, schema.description or "", schema.parameters or {})


def _message(message: _Message) -> Message:
    role = _ROLES.get(message.role)
    if role is None:
        raise msgspec.ValidationError(f"no such role: {message.role}")
    if message.function_call is not None:
        raise msgspec.ValidationError("a call of the old form, which no rule reads")
    content = message.content
    if isinstance(content, list):
        content = "\n".join(_part(part) for part in content)
    return Message(
        role,
        content or message.refusal or ("[audio]" if message.audio is not None else ""),
        message.reasoning_content or message.reasoning or "",
        tuple(map(_call, message.tool_calls or ())),
        message.tool_call_id,
    )


def _part(part: str | _Part) -> str:
    if isinstance(part, str):
        return part
    return part.text if part.text is not None else f"[{part.type}]"


def _call(call: _Call) -> Call:
    function = call.function or _Function()
    arguments = function.arguments
    if not isinstance(arguments, str):
        arguments = msgspec.json.encode(arguments or {}).decode()
    return Call(call.id or "", function.name or "", arguments)
