"""How long one call may take: a wall timeout from `max_tokens` and the measured speed.

A fixed timeout kills a slow machine's honest work or lets a dead server hang for an hour. Here
the first call gets a generous default; from then on the limit is what the call needs at the
slowest recent speed, times a safety factor, plus the longest recent wait in the queue.

In: sizes of a call before, its measured times after. Out: seconds. No clock is read here.
"""

from __future__ import annotations

from collections import deque

import msgspec

from seatrial.core.generation import Timings, Usage

_RECENT_CALLS = 8
_SMALLEST_PREFILL_TOKENS = 32
"""A shorter prefill measures start-up, not speed."""
_SMALLEST_DECODE_TOKENS = 4


class TimeoutPolicy(msgspec.Struct, frozen=True):
    """How generous a timeout is."""

    first_call_seconds: float = 600.0
    """Before anything was measured; loading a model or a cold prefill may take minutes."""
    floor_seconds: float = 120.0
    """A shared machine was seen to slow down fifty times from one call to the next; a server
    that falls silent under way is noticed by the idle bound, not by this one."""
    safety_factor: float = 6.0
    ceiling_seconds: float = 3600.0
    characters_per_token: float = 2.0
    """Few, so that the prompt is not taken for shorter than it is."""


class Pace:
    """Measured speed of one endpoint."""

    def __init__(self, policy: TimeoutPolicy | None = None) -> None:
        self._policy = policy or TimeoutPolicy()
        self._prefill: deque[float] = deque(maxlen=_RECENT_CALLS)
        self._decode: deque[float] = deque(maxlen=_RECENT_CALLS)
        self._waits: deque[float] = deque(maxlen=_RECENT_CALLS)

    def timeout_seconds(self, prompt_characters: int, max_tokens: int) -> float:
        """The wall timeout of a call of this size."""
        policy = self._policy
        if not self._decode:
            return policy.first_call_seconds
        prompt_tokens = prompt_characters / policy.characters_per_token
        needed = max_tokens / min(self._decode)
        # Before a prefill was long enough to measure, it is taken to be as slow as decoding.
        needed += prompt_tokens / min(self._prefill or self._decode)
        seconds = policy.safety_factor * (needed + max(self._waits, default=0.0))
        return min(max(seconds, policy.floor_seconds), policy.ceiling_seconds)

    def update(self, usage: Usage, timings: Timings) -> None:
        """Take in one finished call."""
        prefilled = usage.prompt - usage.cached
        prefill_rate = timings.prompt_tokens_per_second
        decode_rate = timings.generated_tokens_per_second or _rate_seen(usage, timings)
        if prefill_rate and prefilled >= _SMALLEST_PREFILL_TOKENS:
            self._prefill.append(prefill_rate)
        if decode_rate and usage.completion >= _SMALLEST_DECODE_TOKENS:
            self._decode.append(decode_rate)
        own = prefilled / prefill_rate if prefill_rate else 0.0
        self._waits.append(max(0.0, timings.first_byte_seconds - own))


def _rate_seen(usage: Usage, timings: Timings) -> float | None:
    """Decode speed as the client saw it, for servers that tell no timings."""
    seconds = timings.total_seconds - timings.first_byte_seconds
    return usage.completion / seconds if seconds > 0 else None
