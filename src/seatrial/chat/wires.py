"""Requests as bodies: the three wires to a llama.cpp server, as plain data.

Only what is set is sent: a sampler field left at None does not appear, so the server's default
holds and a delivery check can tell the two apart. Speaks to nobody.

In: `Request`s. Out: paths and bodies.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from seatrial.chat.endpoint import Request
from seatrial.core.errors import HarnessError
from seatrial.core.message import Call, Message
from seatrial.toolcalls import MARKERS

CHAT_PATH = "/v1/chat/completions"
COMPLETION_PATH = "/completion"
TEMPLATE_PATH = "/apply-template"
TOKENIZE_PATH = "/tokenize"

_PREFILL = re.compile(r"<think>\s*\Z")


def check_messages(messages: tuple[Message, ...]) -> None:
    """Refuse what a server would take for something else.

    Raises:
        HarnessError: nothing to answer, or the last message is the assistant's: llama.cpp
            would continue it instead of answering, or refuse it where it has calls.
    """
    if not messages:
        raise HarnessError("a request without messages")
    if messages[-1].role == "assistant":
        raise HarnessError("a request whose last message is the assistant's own")


def chat_body(request: Request, model: str | None) -> dict[str, Any]:
    """The body for `CHAT_PATH`."""
    return {
        **_model(model),
        **template_body(request),
        **_choice(request),
        "max_tokens": request.max_tokens,
        **_sampling(request),
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def completion_body(request: Request, prompt: str | None, model: str | None) -> dict[str, Any]:
    """The body for `COMPLETION_PATH`; `prompt` as the server's template rendered it."""
    return {
        **_model(model),
        **({} if prompt is None else {"prompt": prompt}),
        "n_predict": request.max_tokens,
        **_sampling(request),
        "cache_prompt": True,
        # A model may have its markers as control tokens, which a completion leaves out of the
        # text unless they are named. Names that are no single token are ignored. The chat path
        # takes no such list: raw_chat cannot see the calls of such a model.
        "preserved_tokens": list(MARKERS),
        "stream": True,
    }


def template_body(request: Request) -> dict[str, Any]:
    """The body for `TEMPLATE_PATH`: what of a request shapes the prompt."""
    body: dict[str, Any] = {"messages": [_message(message) for message in request.messages]}
    if request.tools:
        body["tools"] = [tool.openai() for tool in request.tools]
    if request.thinking is not None:
        # A boolean: llama.cpp refuses the word "false".
        body["chat_template_kwargs"] = {"enable_thinking": request.thinking}
    return body


def tokenize_body(prompt: str) -> dict[str, Any]:
    """The body for `TOKENIZE_PATH`, with the settings that the server uses for a prompt."""
    return {"content": prompt, "add_special": True, "parse_special": True}


def prefill_of(prompt: str) -> str:
    """What the template wrote of the answer already: an opened think block, or nothing."""
    match = _PREFILL.search(prompt)
    return match.group() if match else ""


def call_id_prefix(messages: tuple[Message, ...]) -> str:
    """Unused in the conversation, and the same after a restart.

    The turn counts; where turns were left out of the conversation, a later one may have the
    number already.
    """
    number = [message.role for message in messages].count("assistant")
    ids = [call.id for message in messages if message.calls for call in message.calls]
    ids += [message.call_id for message in messages if message.call_id]
    # A joined text is searched far faster than many short ones.
    every = "\n".join(["", *ids])
    while f"\ncall_{number}_" in every:
        number += 1
    return f"call_{number}"


def _choice(request: Request) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if request.forced_tool is not None:
        body["tool_choice"] = {"type": "function", "function": {"name": request.forced_tool}}
    elif request.tool_choice is not None:
        body["tool_choice"] = request.tool_choice
    if request.parallel_calls is not None:
        body["parallel_tool_calls"] = request.parallel_calls
    return body


def _model(model: str | None) -> dict[str, Any]:
    return {} if model is None else {"model": model}


def _sampling(request: Request) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(request.sampling)
    if request.stop:
        fields["stop"] = list(request.stop)
    return fields


def _message(message: Message) -> dict[str, Any]:
    body: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.think:
        body["reasoning_content"] = message.think
    if message.calls:
        body["tool_calls"] = [_call(call) for call in message.calls]
    if message.role == "tool":
        body["tool_call_id"] = message.call_id or ""
    return body


def _call(call: Call) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}
