"""What each family does with a prompt that does not fit, in its own words.

Shapes: llama.cpp tools/server/server-context.cpp, vLLM's and SGLang's OpenAI servers, Ollama
server/prompt.go, the log of LM Studio. In: a prompt in tokens. Out: the tokens that are kept, or
the refusal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seatrial.fakes.personalities.persona import Ask, RefusedError

if TYPE_CHECKING:
    from seatrial.fakes.personalities.machine import Machine


def fit(machine: Machine, ask: Ask, tokens: list[str]) -> list[str]:
    """The tokens that reach the model.

    Raises:
        RefusedError: the prompt is refused.
    """
    if "silent_truncation" in machine.faults:
        return tokens[-min(machine.settings.truncates_at_tokens, machine.window) :]
    way = "llama.cpp" if "overflow_400" in machine.faults else machine.persona.overflow
    if refusal := _refusal(way, machine, ask, len(tokens)):
        raise refusal
    if way == "truncates" and len(tokens) > machine.window:
        machine.log.append(
            f'level=WARN msg="truncating input prompt" limit={machine.window} '
            f"prompt={len(tokens)} keep=4 new={machine.window}"
        )
        return tokens[-machine.window :]
    return tokens


def _refusal(way: str, machine: Machine, ask: Ask, prompt: int) -> RefusedError | None:
    window, output = machine.window, ask.max_tokens or 0
    body: dict[str, Any] | None = None
    match way:
        case "llama.cpp" if prompt >= window:
            if "overflow_500_pool" in machine.faults:
                return RefusedError(500, _POOL)
            body = _llama_cpp(prompt, window)
        case "vllm" if prompt + max(output, 1) > window:
            body = _vllm(prompt, output, window)
        case "sglang" if prompt + max(output, 1) > window:
            body = _sglang(prompt, output, window)
        case "lm-studio" if prompt >= window:
            body = {"error": f"Cannot truncate prompt with n_keep ({prompt}) >= n_ctx ({window})"}
        case "openai" if prompt + output > window:
            body = _openai(prompt, window)
        case "apr" if prompt >= window:
            body = _apr(prompt, window)
        case "truncates" if prompt > window and not ask.shift:
            body = {"error": _OLLAMA}
    return RefusedError(400, body) if body is not None else None


_POOL = {
    "error": {"code": 500, "message": "Context size has been exceeded.", "type": "server_error"}
}
_OLLAMA = (
    "the prompt is longer than the context length currently available to the model; "
    "shorten the prompt or increase the context length"
)


def _llama_cpp(prompt: int, window: int) -> dict[str, Any]:
    message = (
        f"request ({prompt} tokens) exceeds the available context size "
        f"({window} tokens), try increasing it"
    )
    error = {"code": 400, "message": message, "type": "exceed_context_size_error"}
    return {"error": {**error, "n_prompt_tokens": prompt, "n_ctx": window}}


def _vllm(prompt: int, output: int, window: int) -> dict[str, Any]:
    message = (
        f"This model's maximum context length is {window} tokens. However, you requested "
        f"{output} output tokens and your prompt contains at least {prompt} input tokens, for a "
        f"total of at least {prompt + output} tokens. Please reduce the length of the input "
        "prompt or the number of requested output tokens."
    )
    error = {"message": message, "type": "BadRequestError", "param": "input_tokens", "code": 400}
    return {"error": error}


def _sglang(prompt: int, output: int, window: int) -> dict[str, Any]:
    message = (
        f"The input ({prompt} tokens) is longer than the model's context length ({window} tokens)."
        if prompt >= window
        else (
            f"Requested token count exceeds the model's maximum context length of {window} tokens. "
            f"You requested a total of {prompt + output} tokens: {prompt} tokens from the input "
            f"messages and {output} tokens for the completion. Please reduce the number of tokens "
            "in the input messages or the completion to fit within the limit."
        )
    )
    return {
        "object": "error",
        "message": message,
        "type": "BadRequestError",
        "param": None,
        "code": 400,
    }


def _openai(prompt: int, window: int) -> dict[str, Any]:
    message = (
        f"This model's maximum context length is {window} tokens. However, your messages "
        f"resulted in {prompt} tokens. Please reduce the length of the messages."
    )
    return {
        "error": {
            "message": message,
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        }
    }


def _apr(prompt: int, window: int) -> dict[str, Any]:
    message = (
        f"prompt is {prompt} tokens; the model's context window is {window}, which leaves no room "
        "to generate. The prompt was refused whole, not truncated."
    )
    return {
        "error": {
            "message": message,
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
            "prompt_tokens": prompt,
            "context_length": window,
        }
    }
