"""What a scripted server does with a request: one frozen value for each behaviour.

Values only; `fakes.server` acts them out. Each is something that a real server was seen to do.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Literal

import msgspec


class Say(msgspec.Struct, frozen=True, kw_only=True):
    """A normal stream: the pieces one by one, as content or as raw text."""

    pieces: tuple[str, ...] = ("ok",)
    think: tuple[str, ...] = ()
    """Sent before, as `reasoning_content`; inside `<think>` where nobody parses."""
    finish: str | None = "stop"
    """None = the stream never says why it ended."""
    prompt_tokens: int = 10
    cached_tokens: int = 0
    completion_tokens: int | None = None
    """None = one for each piece."""
    pause_seconds: float = 0.0
    """Before each piece."""
    end: Literal["done", "no_done", "cut", "garbage", "error_frame", "hang"] = "done"
    """What follows the pieces: the proper end, or a clean end without the last frame, a cut
    connection, a frame that is no JSON, a frame that reports an error, silence."""


class ScriptedCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call as the server parsed it."""

    name: str
    fragments: tuple[str, ...]
    """The JSON text of the arguments, in pieces; it need not be valid."""
    id: str = "srv-1"


class CallTools(msgspec.Struct, frozen=True, kw_only=True):
    """A chat stream with `tool_calls`, as a server that parses sends it; where nobody parses, the
    text that it is parsed from."""

    calls: tuple[ScriptedCall, ...]
    text: str = ""
    finish: str = "tool_calls"
    prompt_tokens: int = 10
    completion_tokens: int = 20


def _broken() -> dict[str, Any]:
    return {"error": {"code": 500, "message": "broken", "type": "server_error"}}


class Refuse(msgspec.Struct, frozen=True, kw_only=True):
    """A status without success, before any stream."""

    status: int = 500
    body: dict[str, Any] = msgspec.field(default_factory=_broken)


class Hang(msgspec.Struct, frozen=True):
    """No byte at all until the client leaves."""


class Loop(msgspec.Struct, frozen=True, kw_only=True):
    """The same text for ever, until the client leaves."""

    text: str = "again "
    pause_seconds: float = 0.001


class Drop(msgspec.Struct, frozen=True):
    """The connection is closed before an answer."""


class After(msgspec.Struct, frozen=True):
    """No byte for some seconds, as during a long prefill, then another reply."""

    seconds: float
    reply: Reply = msgspec.field(default_factory=Say)


Reply = Say | CallTools | Refuse | Hang | Loop | Drop | After
OK = Say()
Script = Callable[[dict[str, Any]], Reply]
"""Or a function of the request's body."""


def overflow(prompt_tokens: int, window_tokens: int) -> Refuse:
    """The refusal of llama.cpp when a prompt does not fit, word for word."""
    message = (
        f"request ({prompt_tokens} tokens) exceeds the available context size "
        f"({window_tokens} tokens), try increasing it"
    )
    error = {
        "code": 400,
        "message": message,
        "type": "exceed_context_size_error",
        "n_prompt_tokens": prompt_tokens,
        "n_ctx": window_tokens,
    }
    return Refuse(status=400, body={"error": error})


def split(text: str, *points: int) -> tuple[str, ...]:
    """`text` cut at the given places, for `Say.pieces`."""
    edges = [0, *points, len(text)]
    return tuple(text[start:end] for start, end in pairwise(edges))
