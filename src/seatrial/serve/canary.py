"""The canary: a fixed prompt, greedily continued, as a fingerprint of the weights that answer.

Not a test of what the model can do. The prompt shares no beginning with any chat template and
is not cached, so no later generation reuses it. Two canaries of one engine agree within
`TOLERANCE`: the last bits of a logarithm depend on where in the cache a sequence lies, so equal
bytes are not asked for. In: a server. Out: a `Canary`, and in words where two differ.
"""

from __future__ import annotations

from typing import Any

import msgspec

from seatrial.chat.transport import Transport
from seatrial.core.errors import EngineError
from seatrial.core.schema import digest

PROMPT = "0 7 3 1 9 4; harbour light, two short, one long: "
TOKENS = 16
TOP = 8
TOLERANCE = 0.02
"""Natural logarithm; another quantization of the same weights differs by more."""
TIMEOUT_SECONDS = 300.0
"""Long: several threads on a busy machine wait for each other at every layer."""

_BODY = {
    "prompt": PROMPT,
    "n_predict": TOKENS,
    "n_probs": TOP,
    "cache_prompt": False,
    "stream": False,
    "seed": 1,
    "temperature": 0.0,
    # Whatever the server's defaults are: nothing but the weights shall decide.
    "samplers": ["top_k"],
    "top_k": 1,
    "repeat_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "dry_multiplier": 0.0,
    "mirostat": 0,
    "stop": [],
}


class Step(msgspec.Struct, frozen=True):
    """One token: the one taken, and the likeliest with their logarithms."""

    token: int
    top: dict[int, float]


class Canary(msgspec.Struct, frozen=True):
    """What the weights made of the prompt."""

    steps: tuple[Step, ...]
    prompt_tokens_per_second: float | None = None
    generated_tokens_per_second: float | None = None

    @property
    def fingerprint(self) -> str:
        """16 hex characters over the tokens: for people, and for finding the same weights."""
        return digest([step.token for step in self.steps])


async def sing(server: Transport) -> Canary:
    """Take the canary of `server`.

    Raises:
        EngineError: no answer, or none with probabilities.
    """
    answer = await server.post_json(
        "/completion", _BODY, dict[str, Any], timeout_seconds=TIMEOUT_SECONDS
    )
    try:
        steps = tuple(_step(row) for row in answer["completion_probabilities"])
    except (KeyError, TypeError, ValueError):
        raise EngineError(f"{server.url}: the canary came back without probabilities") from None
    if not steps:
        raise EngineError(f"{server.url}: the canary came back empty")
    timings = answer.get("timings", {})
    return Canary(steps, timings.get("prompt_per_second"), timings.get("predicted_per_second"))


def difference(first: Canary, second: Canary) -> str | None:
    """Where two canaries part; None when the same weights may have sung both."""
    for index, (one, other) in enumerate(zip(first.steps, second.steps, strict=False)):
        gap = _widest_gap(one, other)
        if gap > TOLERANCE:
            return f"token {index + 1} differs by {gap:.2f} in log-probability"
        if one.token != other.token:
            return None  # a tie within the tolerance; what follows is another text
    if len(first.steps) != len(second.steps):
        return f"{len(first.steps)} tokens became {len(second.steps)}"
    return None


def _step(row: dict[str, Any]) -> Step:
    top = {int(entry["id"]): round(float(entry["logprob"]), 4) for entry in row["top_logprobs"]}
    if not top:
        raise ValueError("no probabilities")
    return Step(int(row["id"]), top)


def _widest_gap(one: Step, other: Step) -> float:
    """Largest difference over the tokens of either list.

    A token that one list leaves out lies below the last of that list, which bounds the
    difference from below.
    """
    return max((_gap(token, one.top, other.top) for token in one.top | other.top), default=0.0)


def _gap(token: int, one: dict[int, float], other: dict[int, float]) -> float:
    left, right = one.get(token), other.get(token)
    if left is None or right is None:
        named, floor = (left, min(other.values())) if right is None else (right, min(one.values()))
        return (named or 0.0) - floor
    return abs(left - right)
