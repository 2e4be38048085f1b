"""What is asked of one generation and what it cost: sampling, caps, finish, usage, timings.

Frozen values with their units in their names. `None` always means "not set by us": it is not
sent, and the server's own default holds.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Finish(StrEnum):
    """Why a generation ended, normalised; the server's own word stands beside it."""

    STOP = "stop"
    TOOL_CALLS = "tool_calls"
    LENGTH = "length"
    """The token cap of the request was reached."""
    CONTEXT = "context"
    """The window was full before the cap was reached."""
    GUARD = "guard"
    """A guard rule stopped the stream."""
    CANCELLED = "cancelled"
    MISSING = "missing"
    """The stream ended without saying why."""
    OTHER = "other"


class Sampling(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Sampler settings; every set field is sent and can be checked for delivery."""

    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repeat_penalty: float | None = None
    repeat_last_n: int | None = None
    dry_multiplier: float | None = None
    seed: int | None = None


class Caps(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds; each has a reason code in `Ended` or `Finish` when it is reached.

    Written with its defaults: a lock that left them out would keep its id when they change.
    """

    max_tokens: int = 1024
    """Tokens of one response, thinking and tool arguments included."""
    max_turns: int = 30
    total_tokens: int | None = None
    """Completion tokens of the whole trial."""
    wall_seconds: float = 900.0
    """Wall clock of the whole trial, set-up and oracle not counted."""
    result_chars: int = 16_000
    """Characters of a tool result that the model is shown."""


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens of one response. `think`, `text` and `tool` split the completion where it is known."""

    prompt: int = 0
    cached: int = 0
    completion: int = 0
    think: int | None = None
    text: int | None = None
    tool: int | None = None

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            prompt=self.prompt + other.prompt,
            cached=self.cached + other.cached,
            completion=self.completion + other.completion,
            think=_sum(self.think, other.think),
            text=_sum(self.text, other.text),
            tool=_sum(self.tool, other.tool),
        )


class Timings(msgspec.Struct, frozen=True, omit_defaults=True):
    """Seconds as the client saw them, and the server's own rates where it tells."""

    first_byte_seconds: float = 0.0
    total_seconds: float = 0.0
    prompt_tokens_per_second: float | None = None
    generated_tokens_per_second: float | None = None


class Window(msgspec.Struct, frozen=True):
    """How many tokens one slot of the server really holds, and who said so."""

    tokens: int
    source: str
    """Where the number is from: `/props`, `argv`, `survey`, `declared`."""


def _sum(left: int | None, right: int | None) -> int | None:
    return None if left is None and right is None else (left or 0) + (right or 0)
