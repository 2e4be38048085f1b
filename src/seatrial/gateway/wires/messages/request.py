"""Requests of Anthropic's `/v1/messages`, read.

A call's `input` is an object there and a string in chat completions: the client's bytes of it
become the arguments. Results of tools stand in a user's message there and are messages of their
own here.

In: bodies, as Claude Code sends them. Out: `Ask`s.
"""

from __future__ import annotations

import msgspec

from seatrial.core.message import Call
from seatrial.gateway.wires.ask import (
    Ask,
    Choice,
    Format,
    Ledger,
    Media,
    Offer,
    Part,
    Turn,
    UnsupportedError,
)
from seatrial.gateway.wires.fields import (
    Fields,
    flag,
    is_text,
    read_body,
    read_fields,
    read_list,
    strings,
    text,
    words,
)

_TAKEN = frozenset(
    "model messages system tools tool_choice max_tokens stop_sequences stream thinking"
    " output_config metadata".split()
)
_NO_PLACE = frozenset(
    "cache_control context_management container mcp_servers betas service_tier inference_geo"
    " speed".split()
)
_BREAK = "\n\n"
FAILED = "[the tool failed]"
"""Stands before the result of a failed call that does not say so itself: the field that says it
has no place in chat completions."""
_START_CHARS = 80


def read(body: bytes, ledger: Ledger) -> Ask:
    """What a body of `/v1/messages` asks for.

    Raises:
        FormatError: not of this protocol.
        UnsupportedError: it holds what chat completions cannot say.
    """
    fields = read_body(body)
    choice, parallel = _read_choice(read_fields(fields.get("tool_choice")))
    output = read_fields(fields.get("output_config"))
    ledger.leave(output, frozenset({"effort", "format"}), "output_config")
    rest = {name: value for name, value in fields.items() if name not in _TAKEN | _NO_PLACE}
    ledger.leave(fields, frozenset(fields) - _NO_PLACE, "request")
    user = read_fields(fields.get("metadata")).get("user_id")
    if user is not None:
        rest["user"] = user
    return Ask(
        model=words(fields.get("model")),
        turns=tuple(_turns(fields, ledger)),
        offers=tuple(_offers(fields.get("tools"), ledger)),
        choice=choice,
        parallel=parallel,
        max_tokens=fields.get("max_tokens"),
        stop=strings(fields.get("stop_sequences")),
        stream=flag(fields.get("stream")) is True,
        format=_read_format(read_fields(output.get("format"))),
        effort=text(output.get("effort")),
        thinking=_read_thinking(read_fields(fields.get("thinking")), ledger),
        fields=rest,
    )


def _turns(fields: Fields, ledger: Ledger) -> list[Turn]:
    turns: list[Turn] = []
    system = _plain_parts(fields.get("system"), "system", ledger)
    if system:
        turns.append(Turn("system", tuple(system)))
    for item in read_list(fields.get("messages")):
        message = read_fields(item)
        ledger.leave(message, frozenset({"role", "content"}), "messages[]")
        match words(message.get("role")):
            case "user":
                turns += _user_turns(message.get("content"), ledger)
            case "assistant":
                turns.append(_assistant_turn(message.get("content"), ledger))
            case "system":
                parts = _plain_parts(message.get("content"), "messages[].content", ledger)
                turns.append(Turn("system", tuple(parts)))
            case role:
                raise UnsupportedError(f"a message of an unknown role: {role!r}")
    return turns


def _user_turns(content: msgspec.Raw | None, ledger: Ledger) -> list[Turn]:
    """The results first, as they must follow their calls, then what the person said."""
    results: list[Turn] = []
    parts: list[Part] = []
    for block in _blocks(content):
        if words(block.get("type")) != "tool_result":
            parts += _parts_of(block, "messages[].content[]", ledger)
            continue
        known = frozenset({"type", "tool_use_id", "content", "is_error"})
        ledger.leave(block, known, "messages[].content[]")
        inner = _plain_parts(block.get("content"), "messages[].content[].content", ledger)
        if flag(block.get("is_error")) is True and not _tells_error(inner):
            inner.insert(0, FAILED)
        results.append(Turn("tool", tuple(inner), call_id=words(block.get("tool_use_id"))))
    return [*results, Turn("user", tuple(parts))] if parts or not results else results


def _tells_error(parts: list[Part]) -> bool:
    """Whether a result says by itself that it is an error."""
    start = next((part for part in parts if isinstance(part, str)), "")
    return "error" in start[:_START_CHARS].lower()


def _assistant_turn(content: msgspec.Raw | None, ledger: Ledger) -> Turn:
    where = "messages[].content[]"
    parts: list[Part] = []
    thoughts: list[str] = []
    calls: list[Call] = []
    for block in _blocks(content):
        match words(block.get("type")):
            case "thinking":
                thoughts.append(words(block.get("thinking")))
                ledger.leave(block, frozenset({"type", "thinking", "signature"}), where)
            case "tool_use":
                arguments = bytes(block.get("input") or b"{}").decode()
                calls.append(Call(words(block.get("id")), words(block.get("name")), arguments))
                ledger.leave(block, frozenset({"type", "id", "name", "input"}), where)
            case "text":
                parts += _parts_of(block, where, ledger)
            case kind:
                ledger.lose(f"{where} of type {kind}", "only its own vendor can read it")
    said = tuple(part for part in parts if part)
    return Turn("assistant", said, _BREAK.join(thoughts), tuple(calls))


def _blocks(content: msgspec.Raw | None) -> list[Fields]:
    """The blocks of a message; a string is one of text."""
    if content is None:
        return []
    if is_text(content):
        return [{"type": msgspec.Raw(b'"text"'), "text": content}]
    return [read_fields(item) for item in read_list(content)]


def _plain_parts(content: msgspec.Raw | None, where: str, ledger: Ledger) -> list[Part]:
    return [part for block in _blocks(content) for part in _parts_of(block, where, ledger)]


def _parts_of(block: Fields, where: str, ledger: Ledger) -> list[Part]:
    kind = words(block.get("type"))
    match kind:
        case "text":
            ledger.leave(block, frozenset({"type", "text"}), where)
            return [words(block.get("text"))]
        case "image":
            ledger.leave(block, frozenset({"type", "source"}), where)
            return [_image(read_fields(block.get("source")))]
        case "document":
            return [_document(block, where, ledger)]
        case "search_result":
            ledger.lose(f"{where} of type {kind}", "only its text was kept")
            return _plain_parts(block.get("content"), where, ledger)
        case "tool_reference":
            # Tells which tool a search found; the model gets its schema with the tools.
            return [words(block.get("tool_name"))]
    raise UnsupportedError(f"a block that cannot be passed on: {kind!r}")


def _image(source: Fields) -> Media:
    match words(source.get("type")):
        case "base64":
            kind, data = words(source.get("media_type")), words(source.get("data"))
            return Media(f"data:{kind};base64,{data}")
        case "url":
            return Media(words(source.get("url")))
        case kind:
            raise UnsupportedError(
                f"an image by {kind or 'nothing'}: this server keeps no files",
                hint="send the image itself, base64-encoded",
            )


def _document(block: Fields, where: str, ledger: Ledger) -> str:
    source = read_fields(block.get("source"))
    if words(source.get("type")) == "text":
        ledger.leave(block, frozenset({"type", "source", "title"}), where)
        title = words(block.get("title"))
        return (f"{title}\n" if title else "") + words(source.get("data"))
    raise UnsupportedError("a document that is no plain text", hint="send its text")


def _offers(tools: msgspec.Raw | None, ledger: Ledger) -> list[Offer]:
    offers: list[Offer] = []
    for item in read_list(tools):
        tool = read_fields(item)
        name, schema = words(tool.get("name")), tool.get("input_schema")
        if schema is None:
            ledger.lose(f"tools[] {name}", "it runs at its vendor, or only there has a schema")
            continue
        known = frozenset({"type", "name", "description", "input_schema", "strict"})
        ledger.leave(tool, known, "tools[]")
        offers.append(Offer(name, tool.get("description"), schema, tool.get("strict")))
    return offers


def _read_choice(choice: Fields) -> tuple[Choice | None, bool | None]:
    parallel = False if flag(choice.get("disable_parallel_tool_use")) is True else None
    match words(choice.get("type")):
        case "auto":
            return Choice("auto"), parallel
        case "any":
            return Choice("required"), parallel
        case "none":
            return Choice("none"), parallel
        case "tool":
            return Choice("tool", words(choice.get("name"))), parallel
    return None, parallel


def _read_format(wanted: Fields) -> Format | None:
    if words(wanted.get("type")) != "json_schema":
        return None
    return Format("json_schema", wanted.get("schema"))


def _read_thinking(thinking: Fields, ledger: Ledger) -> bool | None:
    if "budget_tokens" in thinking:
        ledger.lose("thinking.budget_tokens")
    return {"enabled": True, "disabled": False}.get(words(thinking.get("type")))
