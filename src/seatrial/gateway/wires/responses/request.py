"""Requests of OpenAI's `/v1/responses`, read.

There a conversation is a flat list of items: what one answer of a model was, thoughts, text and
calls, stands as several in a row and is put together here. The protocol can refer to what a
server keeps; nothing is kept here, so such a request is refused instead of answered without it.

In: bodies, as codex sends them. Out: `Ask`s.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import msgspec

from seatrial.core.message import Call, Role
from seatrial.gateway.wires.ask import (
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
)
from seatrial.gateway.wires.fields import (
    TRUE,
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

PLAIN_REASONING = "seatrial-plain:"
"""Before thoughts that a client keeps for us as `encrypted_content`, the one form of reasoning
that codex sends back. Without them the model forgets between two calls why it made them, and the
prompt cache breaks at every turn."""

NAMESPACE_BREAK = "__"
_BREAK = "\n\n"
_TAKEN = frozenset(
    "model input instructions tools tool_choice parallel_tool_calls max_output_tokens stream"
    " text reasoning include".split()
)
_NO_PLACE = frozenset(
    "client_metadata truncation max_tool_calls stream_options background generate".split()
)
_ELSEWHERE = ("previous_response_id", "conversation", "prompt")


def read(body: bytes, ledger: Ledger) -> Ask:
    """What a body of `/v1/responses` asks for.

    Raises:
        FormatError: not of this protocol.
        UnsupportedError: it builds on what a server keeps, or holds what chat cannot say.
    """
    fields = read_body(body)
    for name in _ELSEWHERE:
        if name in fields:
            _refuse(f"{name}: nothing is kept here", "send the whole conversation as input")
    if flag(fields.get("background")) is True:
        _refuse("background: an answer is only given at once", "leave it out")
    ledger.leave(fields, frozenset(fields) - _NO_PLACE, "request")
    reasoning = read_fields(fields.get("reasoning"))
    ledger.leave(reasoning, frozenset({"effort"}), "reasoning")
    shape = read_fields(fields.get("text"))
    rest = {name: value for name, value in fields.items() if name not in _TAKEN | _NO_PLACE}
    if "verbosity" in shape:
        rest["verbosity"] = shape["verbosity"]
    return Ask(
        model=words(fields.get("model")),
        turns=_turns(fields, ledger),
        offers=tuple(_offers(fields.get("tools"), ledger)),
        choice=_read_choice(fields.get("tool_choice"), ledger),
        parallel=flag(fields.get("parallel_tool_calls")),
        max_tokens=fields.get("max_output_tokens"),
        stream=flag(fields.get("stream")) is True,
        format=_read_format(read_fields(shape.get("format"))),
        effort=text(reasoning.get("effort")),
        fields=rest,
    )


def echo(body: bytes) -> Fields:
    """What an answer repeats of its request; the large ones are left out."""
    repeated = (
        "parallel_tool_calls tool_choice temperature top_p max_output_tokens metadata reasoning"
        " text prompt_cache_key safety_identifier user service_tier".split()
    )
    fields = read_body(body)
    return {name: fields[name] for name in repeated if name in fields}


def keeps_reasoning(body: bytes) -> bool:
    """Whether the client asks for reasoning in the form that it can send back."""
    return "reasoning.encrypted_content" in strings(read_body(body).get("include"))


def _refuse(message: str, hint: str) -> NoReturn:
    raise UnsupportedError(message, hint=hint)


def _turns(fields: Fields, ledger: Ledger) -> tuple[Turn, ...]:
    items = _Items(ledger)
    if "instructions" in fields:
        items.say("system", (words(fields["instructions"]),))
    given = fields.get("input")
    if given is not None and is_text(given):
        items.say("user", (words(given),))
    else:
        for item in read_list(given):
            items.add(read_fields(item))
    return items.turns()


class _Items:
    """Puts the items of the model's own answers together."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._turns: list[Turn] = []
        self._thoughts: list[str] = []
        self._said: list[Part] = []
        self._calls: list[Call] = []
        self._kinds: dict[str, Callable[[Fields], None]] = {
            "message": self._message,
            "": self._message,
            "reasoning": self._reasoning,
            "function_call": self._call,
            "custom_tool_call": self._freeform_call,
            "function_call_output": self._output,
            "custom_tool_call_output": self._output,
        }

    def add(self, item: Fields) -> None:
        kind = words(item.get("type"))
        handler = self._kinds.get(kind)
        if handler is not None:
            handler(item)
        elif kind == "item_reference":
            _refuse("item_reference: nothing is kept here", "send the item itself")
        else:
            self._ledger.lose(f"input[] of type {kind}", "only its own vendor can read it")

    def say(self, role: Role, parts: tuple[Part, ...], call_id: str | None = None) -> None:
        self._close()
        self._turns.append(Turn(role, parts, call_id=call_id))

    def turns(self) -> tuple[Turn, ...]:
        self._close()
        return tuple(self._turns)

    def _close(self) -> None:
        if self._thoughts or self._said or self._calls:
            think = _BREAK.join(self._thoughts)
            turn = Turn("assistant", tuple(self._said), think, tuple(self._calls))
            self._turns.append(turn)
            self._thoughts, self._said, self._calls = [], [], []

    def _message(self, item: Fields) -> None:
        # The id and the phase of a message mean something only where it was kept.
        self._ledger.leave(item, frozenset({"type", "role", "content", "id", "status"}), "input[]")
        parts = _parts(item.get("content"), self._ledger)
        match words(item.get("role")):
            case "assistant":
                if self._said and not self._calls:
                    self._close()
                self._said += parts
            case "user":
                self.say("user", parts)
            case "system" | "developer":
                self.say("system", parts)
            case role:
                _refuse(f"a message of an unknown role: {role!r}", "user, assistant or developer")

    def _reasoning(self, item: Fields) -> None:
        if self._said or self._calls:
            self._close()
        kept = words(item.get("encrypted_content"))
        if kept.startswith(PLAIN_REASONING):
            self._thoughts.append(kept.removeprefix(PLAIN_REASONING))
            return
        parts = [read_fields(part) for part in read_list(item.get("content"))]
        parts = parts or [read_fields(part) for part in read_list(item.get("summary"))]
        thought = _BREAK.join(words(part.get("text")) for part in parts)
        if thought:
            self._thoughts.append(thought)
        elif kept:
            self._ledger.lose("input[].encrypted_content", "only its own vendor can read it")

    def _call(self, item: Fields) -> None:
        namespace, name = words(item.get("namespace")), words(item.get("name"))
        arguments = words(item.get("arguments")) or "{}"
        self._calls.append(
            Call(words(item.get("call_id")), in_namespace(namespace, name), arguments)
        )

    def _freeform_call(self, item: Fields) -> None:
        arguments = msgspec.json.encode({"input": words(item.get("input"))}).decode()
        self._calls.append(Call(words(item.get("call_id")), words(item.get("name")), arguments))

    def _output(self, item: Fields) -> None:
        parts = _parts(item.get("output"), self._ledger)
        self.say("tool", parts, words(item.get("call_id")))


def in_namespace(namespace: str, name: str) -> str:
    """The name of a tool as the model sees it."""
    return f"{namespace}{NAMESPACE_BREAK}{name}" if namespace else name


_TEXTS = {"input_text": "text", "output_text": "text", "text": "text", "refusal": "refusal"}


def _parts(content: msgspec.Raw | None, ledger: Ledger) -> tuple[Part, ...]:
    if content is None:
        return ()
    if is_text(content):
        said = words(content)
        return (said,) if said else ()
    parts: list[Part] = []
    for item in read_list(content):
        fields = read_fields(item)
        kind = words(fields.get("type"))
        if kind in _TEXTS:
            parts.append(words(fields.get(_TEXTS[kind])))
        elif kind == "input_image" and "image_url" in fields:
            parts.append(Media(words(fields["image_url"]), text(fields.get("detail"))))
        else:
            _refuse(f"content that cannot be passed on: {kind!r}", "send text, or an image by URL")
        known = frozenset({"type", "text", "refusal", "image_url", "detail"})
        ledger.leave(fields, known, "input[].content[]")
    return tuple(parts)


def _offers(tools: msgspec.Raw | None, ledger: Ledger) -> list[Offer]:
    offers: list[Offer] = []
    for item in read_list(tools):
        tool = read_fields(item)
        match words(tool.get("type")):
            case "namespace":
                inner = (read_fields(one) for one in read_list(tool.get("tools")))
                namespace = words(tool.get("name"))
                offers += [offer for one in inner for offer in _offer(one, namespace, ledger)]
            case _:
                offers += _offer(tool, "", ledger)
    return offers


def _offer(tool: Fields, namespace: str, ledger: Ledger) -> list[Offer]:
    kind, name = words(tool.get("type")), words(tool.get("name"))
    if kind not in ("function", "custom"):
        ledger.lose(f"tools[] of type {kind}", "it runs at its vendor")
        return []
    freeform = kind == "custom"
    if freeform and "format" in tool:
        ledger.lose("tools[].format", "the grammar of a freeform tool is not enforced here")
    strict = tool.get("strict")
    offer = Offer(
        in_namespace(namespace, name),
        tool.get("description"),
        None if freeform else tool.get("parameters"),
        # What holds without it anyway is left out: not every server knows the field.
        strict if strict == TRUE else None,
        freeform,
        namespace or None,
        name,
    )
    return [offer]


def _read_choice(value: msgspec.Raw | None, ledger: Ledger) -> Choice | None:
    if value is None:
        return None
    mode = text(value)
    if mode in MODES:
        return Choice(MODES[mode])
    fields = read_fields(value) if mode is None else {}
    match words(fields.get("type")):
        case "function" | "custom":
            return Choice("tool", words(fields.get("name")))
        case "allowed_tools":
            ledger.lose("tool_choice.tools", "all tools of the request may be called")
            return Choice("required" if words(fields.get("mode")) == "required" else "auto")
    ledger.lose("tool_choice")
    return None


def _read_format(wanted: Fields) -> Format | None:
    match words(wanted.get("type")):
        case "json_object":
            return Format("json_object")
        case "json_schema":
            strict, name = wanted.get("strict"), text(wanted.get("name"))
            return Format("json_schema", wanted.get("schema"), name, strict)
    return None
