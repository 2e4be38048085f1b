"""A sampler that does what its settings say: penalties, DRY, cuts, temperature.

Shaped after the chain of llama.cpp. It knows nothing of requests. In: logits of one position,
the tokens before it, `Sampling`. Out: the token taken.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence

import msgspec

Logits = dict[str, float]

_BREAKERS = frozenset({"\n", ":", '"', "*"})


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one generation, by llama.cpp's names."""

    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    typical_p: float = 1.0
    top_n_sigma: float = -1.0
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    repeat_penalty: float = 1.0
    repeat_last_n: int = 64
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_penalty_last_n: int = 64
    mirostat: int = 0
    mirostat_tau: float = 5.0
    seed: int = -1
    """-1 = another one for each request."""
    samplers: tuple[str, ...] = ()
    """Names of the links that take part; empty = all."""
    logit_bias: dict[str, float] = {}
    """By id or by text."""


def take(
    logits: Logits, before: Sequence[str], how: Sampling, dice: random.Random, wobble: bool = False
) -> str:
    """The next token. `wobble`: even the greedy choice is sometimes the second best."""
    left = _penalised(logits, before, how)
    if how.temperature <= 0 and _uses(how, "temperature"):
        ranked = sorted(left, key=left.__getitem__, reverse=True)
        second = wobble and len(ranked) > 1 and random.random() < 0.35
        return ranked[1] if second else ranked[0]
    left = _surprising(left, how) if how.mirostat else _cut(left, how, dice)
    if _uses(how, "temperature"):
        left = {token: value / how.temperature for token, value in left.items()}
    chances = probabilities(left)
    return dice.choices(list(chances), list(chances.values()))[0]


def probabilities(logits: Logits) -> dict[str, float]:
    """Softmax, likeliest first."""
    highest = max(logits.values())
    weights = {token: math.exp(value - highest) for token, value in logits.items()}
    total = sum(weights.values())
    ranked = sorted(weights, key=weights.__getitem__, reverse=True)
    return {token: weights[token] / total for token in ranked}


def _uses(how: Sampling, name: str) -> bool:
    return not how.samplers or name in how.samplers


def _penalised(logits: Logits, before: Sequence[str], how: Sampling) -> Logits:
    left = dict(logits)
    if _uses(how, "penalties"):
        recent = Counter(before[-how.repeat_last_n :] if how.repeat_last_n > 0 else ())
        for token in left.keys() & recent.keys():
            value = left[token]
            factor = 1 / how.repeat_penalty if value > 0 else how.repeat_penalty
            left[token] = value * factor - how.presence_penalty
            left[token] -= how.frequency_penalty * recent[token]
    if how.dry_multiplier > 0 and _uses(how, "dry"):
        for token, length in _repeats(before[-max(how.dry_penalty_last_n, 0) :], left, how).items():
            power = length - how.dry_allowed_length
            left[token] -= how.dry_multiplier * how.dry_base**power
    return left


def _repeats(before: Sequence[str], left: Logits, how: Sampling) -> dict[str, int]:
    """Token -> length of the run that it would repeat, where DRY minds."""
    found: dict[str, int] = {}
    last = len(before) - 1
    for end in range(last):
        token, length = before[end + 1], 0
        while length <= end and before[end - length] == before[last - length]:
            if before[last - length] in _BREAKERS:
                break
            length += 1
        if token in left and length >= how.dry_allowed_length:
            found[token] = max(found.get(token, 0), min(length, 40))
    return found


def _cut(logits: Logits, how: Sampling, dice: random.Random) -> Logits:
    """What the truncating samplers leave."""
    chances = probabilities(logits)
    ranked = list(chances)
    keep = len(ranked)
    if how.top_k > 0 and _uses(how, "top_k"):
        keep = min(keep, how.top_k)
    if how.top_n_sigma > 0 and _uses(how, "top_n_sigma"):
        spread = _deviation(list(logits.values()))
        floor = logits[ranked[0]] - how.top_n_sigma * spread
        keep = min(keep, sum(value >= floor for value in logits.values()))
    if how.typical_p < 1 and _uses(how, "typ_p"):
        ranked = _typical(chances, how.typical_p)
        keep = min(keep, len(ranked))
    if how.top_p < 1 and _uses(how, "top_p"):
        keep = min(keep, _mass(list(chances.values()), how.top_p))
    if how.min_p > 0 and _uses(how, "min_p"):
        floor = how.min_p * chances[ranked[0]]
        keep = min(keep, max(1, sum(chances[token] >= floor for token in ranked)))
    ranked = ranked[: max(keep, 1)]
    if how.xtc_probability > 0 and _uses(how, "xtc") and dice.random() < how.xtc_probability:
        above = sum(chances[token] >= how.xtc_threshold for token in ranked)
        ranked = ranked[max(above - 1, 0) :]
    return {token: logits[token] for token in ranked}


def _surprising(logits: Logits, how: Sampling) -> Logits:
    """Mirostat takes the place of the truncating samplers; its target stays where it begins."""
    chances = probabilities(logits)
    most = 2 * how.mirostat_tau
    kept = [t for t, c in chances.items() if -math.log2(max(c, 1e-300)) <= most]
    return {token: logits[token] for token in kept or list(chances)[:1]}


def _mass(chances: Sequence[float], wanted: float) -> int:
    """How many of the likeliest together reach `wanted`."""
    total = 0.0
    for count, chance in enumerate(chances, 1):
        total += chance
        if total >= wanted:
            return count
    return len(chances)


def _typical(chances: dict[str, float], wanted: float) -> list[str]:
    entropy = -sum(chance * math.log(chance) for chance in chances.values() if chance > 0)
    surprise = {token: abs(-math.log(max(c, 1e-300)) - entropy) for token, c in chances.items()}
    order = sorted(surprise, key=surprise.__getitem__)
    kept = set(order[: _mass([chances[token] for token in order], wanted)])
    return [token for token in chances if token in kept]


def _deviation(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
