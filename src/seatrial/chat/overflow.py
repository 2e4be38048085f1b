"""The window is full: recognising it before, instead of and after a generation.

Servers refuse a prompt that does not fit in many words, and end a generation that fills the
window with the same `length` as one that reached its token cap. Mistaking either for something
else is a false verdict about the model.

The wording stands in `overflow_sayings`, deciding before sending in `window`.

In: error bodies, finish words and token counts. Out: `ContextOverflowError`, `Finish`, and the
one body in which every client recognises an overflow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from seatrial.chat.finish_words import meaning_of
from seatrial.chat.overflow_sayings import LONGEST_MESSAGE, Said, read_saying
from seatrial.chat.sse import SseDecoder
from seatrial.core.errors import EngineError
from seatrial.core.generation import Finish, Usage

NORMALISED_CODE: Final = "context_length_exceeded"


class ContextOverflowError(EngineError):
    """The prompt, with the room that was asked for the answer, does not fit the window."""

    def __init__(
        self,
        message: str,
        *,
        prompt_tokens: int | None = None,
        window_tokens: int | None = None,
        completion_tokens: int | None = None,
        at_least: bool = False,
        hint: str | None = "shorten the conversation, or serve the model with a larger window",
    ) -> None:
        super().__init__(message, hint=hint)
        self.prompt_tokens = prompt_tokens
        self.window_tokens = window_tokens
        self.completion_tokens = completion_tokens
        """What the request asked for as output, where the server counts it in."""
        self.at_least = at_least
        """`prompt_tokens` is a lower bound: the server stopped counting."""

    @property
    def needed_tokens(self) -> int | None:
        """Tokens that the whole request needs, where that is known to be more than fit."""
        if self.prompt_tokens is None:
            return None
        needed = self.prompt_tokens + (self.completion_tokens or 0)
        return None if self.window_tokens is not None and needed < self.window_tokens else needed


_TYPES = frozenset({"exceed_context_size_error", "context_length_exceeded"})
_WRAPPED_NUMBER = r"[\\'\"]{0,4}%s[\\'\"]{0,4}\s*:\s*(\d{1,12})\b"
_OTHER_STATUS = frozenset({401, 403, 404, 408, 429, 504})
"""Answers of these never speak of the window, whatever words they use."""


def read_overflow(body: bytes | str, status: int | None = None) -> ContextOverflowError | None:
    """The overflow that an error body reports, if it reports one.

    Takes JSON in the shapes that servers use, plain text, an error that a proxy wrapped in its
    own, and the body of a stream that carries an error event.
    """
    if status in _OTHER_STATUS:
        return None
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    for error in _error_objects(text):
        message = str(error.get("message") or "")[:LONGEST_MESSAGE]
        said = read_saying(message)
        if said is None and not _typed(error):
            continue
        said = said or Said()
        prompt = _number(error, message, "n_prompt_tokens", "prompt_tokens") or said.prompt_tokens
        window = _number(error, message, "n_ctx", "context_length") or said.window_tokens
        line = _line(prompt, window, said)
        return ContextOverflowError(
            line,
            prompt_tokens=prompt,
            window_tokens=window,
            completion_tokens=said.completion_tokens,
            at_least=said.at_least,
        )
    return None


def normalised(error: ContextOverflowError) -> dict[str, Any]:
    """The body, for status 400, in which every known client sees an overflow.

    Checked against pi, opencode, qwen-code, OpenHands, LiteLLM, terminus-2 and goose, whose
    patterns share no single phrase. A size that nobody told is left out, never invented.
    """
    needed, window = error.needed_tokens, error.window_tokens
    if needed is not None and window is not None:
        size = f"request ({needed} tokens) exceeds the available context size ({window} tokens)"
    else:
        size = "the request exceeds the available context size"
    limit = f"{window} tokens" if window else "exceeded"
    fields: dict[str, Any] = {
        "code": NORMALISED_CODE,
        "message": f"{size}. This model's maximum context length is {limit}. prompt is too "
        "long: the input token count exceeds the context window",
        "type": "exceed_context_size_error",
        "param": "messages",
    }
    if needed is not None:
        fields["n_prompt_tokens"] = needed
    if window is not None:
        fields["n_ctx"] = window
    return {"error": fields}


def finish_of(
    raw_finish: str | None, usage: Usage | None, max_tokens: int, window_tokens: int | None
) -> Finish:
    """Normalise the server's word; a `length` below the cap in a full window is `CONTEXT`.

    Some servers (MiMo's) count a prompt that leaves no room a little short of the window and
    answer with nothing.
    """
    if raw_finish is None:
        return Finish.MISSING
    finish = meaning_of(raw_finish)
    if finish is not Finish.LENGTH or usage is None or window_tokens is None:
        return finish
    # Builds differ by one in what they count as full.
    full = usage.prompt + usage.completion >= window_tokens - 1
    full = full or (not usage.completion and usage.prompt >= _FULL_SHARE * window_tokens)
    return Finish.CONTEXT if full and usage.completion < max_tokens else finish


_FULL_SHARE = 0.99


def _error_objects(text: str) -> Iterator[dict[str, Any]]:
    """The error objects of a body; plain text counts as the message of one."""
    start = text[:64].lstrip("\ufeff \t\r\n")
    if start.startswith(_STREAM_STARTS):
        yield from _stream_errors(text)
        return
    value = _json(text)
    if value is _NO_JSON:
        yield {"message": text}
        return
    yield from _objects_of(value)


def _objects_of(value: object) -> Iterator[dict[str, Any]]:
    """In the order of trust: the error's own object first, then what contains it."""
    if isinstance(value, list):
        value = next(iter(value), None)
    if isinstance(value, str):
        yield {"message": value}
    if not isinstance(value, dict):
        return
    inner = next((value[key] for key in ("error", "detail", "message") if value.get(key)), None)
    if isinstance(inner, dict):
        yield inner
    elif isinstance(inner, str):
        # `msg` and `input` of validation errors repeat the request, and are not looked at.
        yield {**value, "message": inner}
    else:
        yield value


def _stream_errors(text: str) -> Iterator[dict[str, Any]]:
    """Errors inside a stream; its other events are the model's text and say nothing."""
    decoder = SseDecoder()
    data = text[:_LONGEST_STREAM].encode("utf-8", "surrogatepass")
    for event in (*decoder.feed(data), *decoder.finish()):
        value = _json(event.data.decode("utf-8", "replace"))
        if event.name == "error" and value is _NO_JSON:
            yield {"message": event.data.decode("utf-8", "replace")}
        elif event.name == "error" or (isinstance(value, dict) and value.get("error")):
            yield from _objects_of(value)


_STREAM_STARTS = ("data:", "event:", "error:", "id:", ":")
_LONGEST_STREAM = 2**20
_NO_JSON: Final = object()


def _json(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return _NO_JSON


def _typed(error: dict[str, Any]) -> bool:
    """The error is of a type that means nothing else."""
    names = (error.get("type"), error.get("code"))
    return any(isinstance(name, str) and name in _TYPES for name in names)


def _number(error: dict[str, Any], message: str, *names: str) -> int | None:
    """A size from the error's own fields, or from those of an error that a proxy wrapped."""
    for name in names:
        value = error.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    match = re.search(_WRAPPED_NUMBER % names[0], message)
    return int(match[1]) if match else None


def _line(prompt: int | None, window: int | None, said: Said) -> str:
    if prompt is None or window is None:
        return f"the prompt does not fit the window{f' of {window} tokens' if window else ''}"
    about = "at least " if said.at_least else ""
    if prompt < window and said.completion_tokens:
        return (
            f"a prompt of {about}{prompt} tokens and {said.completion_tokens} for the answer do "
            f"not fit the window of {window}"
        )
    return f"the prompt has {about}{prompt} tokens, the window holds {window}"
