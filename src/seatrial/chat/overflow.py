"""The window is full: recognising it before, instead of and after a generation.

Servers refuse a prompt that does not fit in many words, and end a generation that fills the
window with the same `length` as one that reached its token cap. Mistaking either for something
else is a false verdict about the model.

In: error bodies, finish words and token counts. Out: `ContextOverflowError`, `Finish`.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from seatrial.core.errors import EngineError
from seatrial.core.generation import Finish, Usage


class ContextOverflowError(EngineError):
    """The prompt does not fit the window of the slot."""

    def __init__(
        self,
        message: str,
        *,
        prompt_tokens: int | None = None,
        window_tokens: int | None = None,
        hint: str | None = "shorten the conversation, or serve the model with a larger window",
    ) -> None:
        super().__init__(message, hint=hint)
        self.prompt_tokens = prompt_tokens
        self.window_tokens = window_tokens


_TYPES = frozenset({"exceed_context_size_error", "context_length_exceeded"})

_SAYINGS = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        # llama.cpp since 2025-09, with numbers
        r"request \((?P<prompt>\d+) tokens\) exceeds the available context size "
        r"\((?P<window>\d+) tokens\)",
        # llama.cpp before that
        r"the request exceeds the available context size",
        # OpenAI and vLLM
        r"maximum context length is (?P<window>\d+) tokens"
        r"(?:.{0,200}?\((?P<prompt>\d+) in the messages)?"
        r"(?:.{0,200}?(?:resulted in|contains at least|has) (?P<prompt2>\d+) (?:input )?tokens)?",
        # LM Studio
        r"number of tokens to keep from the initial prompt is greater than the context length",
        # Ollama and others behind llama.cpp's C interface
        r"prompt (?:is )?too long.{0,40}context",
    )
)


def read_overflow(body: bytes | str) -> ContextOverflowError | None:
    """The overflow that an error body reports, if it reports one."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    error = _error_object(text)
    message = str(error.get("message") or text)
    match = next((m for m in (p.search(message) for p in _SAYINGS) if m), None)
    if match is None and error.get("type") not in _TYPES and error.get("code") not in _TYPES:
        return None
    said = match.groupdict() if match else {}
    prompt = _number(error.get("n_prompt_tokens"), said.get("prompt"), said.get("prompt2"))
    window = _number(error.get("n_ctx"), said.get("window"))
    return ContextOverflowError(_line(prompt, window), prompt_tokens=prompt, window_tokens=window)


def finish_of(
    raw_finish: str | None, usage: Usage | None, max_tokens: int, window_tokens: int | None
) -> Finish:
    """Normalise the server's word; a `length` below the cap in a full window is `CONTEXT`."""
    if raw_finish is None:
        return Finish.MISSING
    finish = _WORDS.get(raw_finish, Finish.OTHER)
    if finish is not Finish.LENGTH or usage is None or window_tokens is None:
        return finish
    # Builds differ by one in what they count as full.
    full = usage.prompt + usage.completion >= window_tokens - 1
    return Finish.CONTEXT if full and usage.completion < max_tokens else finish


_WORDS = {
    "stop": Finish.STOP,
    "eos": Finish.STOP,
    "word": Finish.STOP,
    "end_turn": Finish.STOP,
    "tool_calls": Finish.TOOL_CALLS,
    "function_call": Finish.TOOL_CALLS,
    "tool_use": Finish.TOOL_CALLS,
    "length": Finish.LENGTH,
    "limit": Finish.LENGTH,
    "max_tokens": Finish.LENGTH,
}


def _error_object(text: str) -> dict[str, Any]:
    """The `error` object of a body, in either of the shapes that servers use."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return {}
    inner = value.get("error", value) if isinstance(value, dict) else value
    if isinstance(inner, str):
        return {"message": inner}
    return inner if isinstance(inner, dict) else {}


def _number(*candidates: object) -> int | None:
    for candidate in candidates:
        if isinstance(candidate, int) and not isinstance(candidate, bool):
            return candidate
        if isinstance(candidate, str) and candidate.isdecimal():
            return int(candidate)
    return None


def _line(prompt: int | None, window: int | None) -> str:
    if prompt is not None and window is not None:
        return f"the prompt has {prompt} tokens, the window holds {window}"
    if window is not None:
        return f"the prompt does not fit the window of {window} tokens"
    return "the prompt does not fit the window"
