"""The bytes that a scripted server sends, in the shapes of a real llama.cpp server.

In: behaviours of a script. Out: frames of server-sent events.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from seatrial.fakes.script import After, CallTools, Reply, Say

DONE = b"data: [DONE]\n\n"


def frame(value: object) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


def delta(fields: dict[str, Any], model: str, finish: str | None = None) -> bytes:
    """One chat frame."""
    choice = {"finish_reason": finish, "index": 0, "delta": fields}
    return frame({"choices": [choice], **_head(model)})


def text_frame(text: str, model: str, chat: bool, index: int = 0) -> bytes:
    """A piece of text on either protocol."""
    if chat:
        return delta({"content": text}, model)
    return frame({"index": 0, "content": text, "stop": False, "tokens_predicted": index + 1})


def opening(model: str) -> bytes:
    return delta({"role": "assistant", "content": None}, model)


def chat_ending(say: Say | CallTools, completion_tokens: int, model: str) -> list[bytes]:
    """The last frames of a chat stream."""
    last = [] if say.finish is None else [delta({}, model, say.finish)]
    numbers = {"choices": [], **_head(model), **_numbers(say, completion_tokens)}
    return [*last, frame(numbers), DONE]


def whole_answer(reply: Say | CallTools, completion_tokens: int, model: str) -> bytes:
    """A generation as the one body of a request that asked for no stream."""
    message: dict[str, Any] = {"role": "assistant"}
    if isinstance(reply, Say):
        message["content"] = "".join(reply.pieces)
        if reply.think:
            message["reasoning_content"] = "".join(reply.think)
    else:
        message["content"] = reply.text or None
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": "".join(call.fragments)},
            }
            for call in reply.calls
        ]
    choice = {"finish_reason": reply.finish, "index": 0, "message": message}
    head = {**_head(model), "object": "chat.completion"}
    return msgspec.json.encode({"choices": [choice], **head, **_numbers(reply, completion_tokens)})


def characters(reply: Say | CallTools) -> int:
    """Of text, thinking and arguments."""
    if isinstance(reply, Say):
        return sum(map(len, reply.pieces)) + sum(map(len, reply.think))
    return len(reply.text) + sum(len("".join(call.fragments)) for call in reply.calls)


def completion_ending(say: Say, completion_tokens: int, prompt: object) -> bytes:
    """The last frame of `/completion`; it repeats the prompt, as the real one does."""
    stop_type = {"stop": "eos", "length": "limit", None: "none"}.get(say.finish, say.finish)
    return frame(
        {
            "index": 0,
            "content": "",
            "stop": True,
            "prompt": prompt,
            "stop_type": stop_type,
            "tokens_predicted": completion_tokens,
            "tokens_evaluated": say.prompt_tokens,
            "timings": _timings(say.prompt_tokens, say.cached_tokens, completion_tokens),
        }
    )


def call_frames(reply: CallTools, model: str) -> Iterator[bytes]:
    """The fragments of parsed calls: id and name first, then the arguments."""
    if reply.text:
        yield delta({"content": reply.text}, model)
    for index, call in enumerate(reply.calls):
        function: dict[str, Any] = {"name": call.name, "arguments": ""}
        opened = {"index": index, "id": call.id, "type": "function", "function": function}
        yield delta({"tool_calls": [opened]}, model)
        for fragment in call.fragments:
            piece = {"index": index, "function": {"arguments": fragment}}
            yield delta({"tool_calls": [piece]}, model)


def as_text(reply: Reply) -> Reply:
    """What a model wrote for `reply`, where nobody parses: thinking and calls are text."""
    match reply:
        case After():
            return msgspec.structs.replace(reply, reply=as_text(reply.reply))
        case Say(think=think) if think:
            pieces = ("<think>\n", *think, "\n</think>\n\n", *reply.pieces)
            return msgspec.structs.replace(reply, think=(), pieces=pieces)
        case CallTools():
            calls = (
                f'<tool_call>\n{{"name": "{call.name}", "arguments": {"".join(call.fragments)}}}\n'
                "</tool_call>"
                for call in reply.calls
            )
            return Say(
                pieces=(reply.text, *calls) if reply.text else tuple(calls),
                finish="length" if reply.finish == "length" else "stop",
                prompt_tokens=reply.prompt_tokens,
                completion_tokens=reply.completion_tokens,
            )
    return reply


def _numbers(reply: Say | CallTools, completion_tokens: int) -> dict[str, Any]:
    cached = reply.cached_tokens if isinstance(reply, Say) else 0
    usage = {
        "completion_tokens": completion_tokens,
        "prompt_tokens": reply.prompt_tokens,
        "total_tokens": reply.prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
    return {"usage": usage, "timings": _timings(reply.prompt_tokens, cached, completion_tokens)}


def _head(model: str) -> dict[str, Any]:
    return {
        "created": 1,
        "id": "chatcmpl-scripted",
        "model": model,
        "system_fingerprint": "scripted",
        "object": "chat.completion.chunk",
    }


def _timings(prompt: int, cached: int, completion: int) -> dict[str, Any]:
    return {
        "cache_n": cached,
        "prompt_n": prompt - cached,
        "prompt_per_second": 1000.0,
        "predicted_n": completion,
        "predicted_per_second": 100.0,
    }
