"""What raw mode sends: the client's own body to the template, its other fields to the completion.

`/apply-template` gets the body as it is, so the server renders the very prompt that its chat
would. `/completion` gets that prompt and every field that is not the chat's alone, unknown ones
included: samplers arrive without being listed here. Fields that only the chat has, and that
change the answer, are an objection: such a request stays with the server's own parsing.

Speaks to nobody. In: bodies of `/v1/chat/completions`. Out: bodies of `/completion`, objections.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seatrial.core.message import ToolSchema
from seatrial.gateway.requests import Inbound, read_object
from seatrial.toolcalls import MARKERS

UNREADABLE = "unreadable"

_KINDS = ("string", "integer", "number", "boolean", "array", "object")

OBJECTIONS = {
    # Tokens are forbidden by a grammar that the server's chat fits around reasoning and calls.
    # On a bare completion it would bind from the first token on, `<think>` included.
    "constrained": ("json_schema", "grammar", "response_format"),
    # They count tokens of the raw text, not of the text that the client is given.
    "logprobs": ("logprobs", "top_logprobs", "n_probs", "post_sampling_probs"),
    # The old form of tools; templates see them only as the chat converts them.
    "old_functions": ("functions", "function_call"),
    # Fields of the answer that a client asked for and that are not written anew.
    "answer_fields": (
        "return_progress",
        "return_tokens",
        "response_fields",
        "timings_per_token",
        "verbose",
        "echo",
    ),
    # What only the chat does with reasoning: where it goes, and how long it may be. A budget
    # needs the tags of the template, which `/apply-template` does not tell.
    "reasoning": (
        "reasoning_format",
        "thinking_budget_tokens",
        "reasoning_budget_tokens",
        "reasoning_budget",
        "reasoning_control",
    ),
    # The client wants the server's own text, or goes on with an answer that it began.
    "parsing": ("parse_tool_calls", "chat_format", "chat_parser", "generation_prompt"),
    "prefill": ("continue_final_message",),
    "media": ("modalities", "audio"),
    # Searches, and whatever else a server does with these, happen in its chat.
    "server_tools": ("web_search_options",),
}
_CAPS = ("n_predict", "max_completion_tokens", "max_tokens")
"""In the order in which llama.cpp takes them."""
_CHAT_ONLY = frozenset(
    """
    messages tools tool_choice parallel_tool_calls chat_template_kwargs reasoning_effort
    add_generation_prompt stream_options user metadata store service_tier safety_identifier
    prompt_cache_key n prompt
    """.split()
)
"""They shape the prompt, or say nothing to a completion."""


def objection(inbound: Inbound) -> str | None:
    """Why raw mode cannot carry a request, as a short name; None = it can."""
    if inbound.request is None:
        # Several answers at once, or a role that nobody knows: no rule runs either.
        return UNREADABLE
    if not inbound.request.tools:
        # There is nothing to parse, and text about a call is text.
        return "no_tools"
    body = read_object(inbound.raw)
    for reason, fields in OBJECTIONS.items():
        if any(_asks(field, body.get(field)) for field in fields):
            return reason
    if body.get("tool_choice") not in (None, "auto"):
        # The chat forces a call, or forbids it, by a grammar; a completion only hopes.
        return "tool_choice"
    if body.get("parallel_tool_calls") is False and body.get("tools"):
        # The grammar of the chat ends the answer after the first call.
        return "one_call"
    if body.get("add_generation_prompt") is False:
        return "prefill"
    return _in_messages(body.get("messages") or [])


def completion_fields(body: dict[str, Any]) -> dict[str, Any]:
    """The body for `/completion`, but for its prompt."""
    dropped = {*_CHAT_ONLY, *_CAPS, *(name for names in OBJECTIONS.values() for name in names)}
    fields = {
        name: value for name, value in body.items() if name not in dropped and value is not None
    }
    cap = next((body[name] for name in _CAPS if body.get(name) is not None), None)
    if cap is not None:
        fields["n_predict"] = cap
    own = body.get("preserved_tokens")
    # Markers that a model has as control tokens are left out of the text unless they are named.
    fields["preserved_tokens"] = [*(own if isinstance(own, list) else ()), *MARKERS]
    return {**fields, "stream": True}


def forced_call(tools: Sequence[ToolSchema]) -> dict[str, Any]:
    """A schema that nothing but a call of one of `tools` fits, for a retry that must call.

    Written in the plainest terms: a server refuses schemas with words that it does not know, and
    the arguments are held against the tool's own schema when they are read.
    """
    return {
        "anyOf": [
            _closed({"name": {"const": tool.name}, "arguments": _arguments(tool)}) for tool in tools
        ]
    }


def _arguments(tool: ToolSchema) -> dict[str, Any]:
    known, needed = tool.parameters.get("properties"), tool.parameters.get("required")
    if not isinstance(known, dict):
        return {"type": "object"}
    names = needed if isinstance(needed, list) else []
    plain = {name: _plain(schema) for name, schema in known.items()}
    return _closed(plain, [name for name in names if name in known])


def _closed(properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
        "additionalProperties": False,
    }


def _plain(schema: object) -> dict[str, Any]:
    kind = schema.get("type") if isinstance(schema, dict) else None
    return {"type": kind} if kind in _KINDS else {}


def _asks(field: str, value: object) -> bool:
    """Whether a value of `field` asks for anything beyond the default."""
    if field == "response_format" and isinstance(value, dict):
        return value.get("type") != "text"
    if field == "reasoning_format":
        return value not in (None, "auto", "deepseek")
    if field == "modalities":
        return value not in (None, ["text"])
    if field == "parse_tool_calls":
        return value is False
    if field in ("thinking_budget_tokens", "reasoning_budget_tokens", "reasoning_budget"):
        return value not in (None, -1)
    return bool(value)


def _in_messages(messages: list[Any]) -> str | None:
    for message in messages:
        content = message.get("content")
        parts = content if isinstance(content, list) else ()
        if any(isinstance(part, dict) and part.get("type") != "text" for part in parts):
            # A prompt is text: an image would be a mark without its picture.
            return "media"
    if messages and messages[-1].get("role") == "assistant":
        # The server would go on in the middle of an answer, and half a call cannot be read.
        return "prefill"
    return None
