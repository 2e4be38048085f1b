"""Every sampler field that a family honours changes what the toy model says."""

from __future__ import annotations

import random

import pytest

from seatrial.fakes.personalities import FAMILIES
from seatrial.fakes.personalities.brain import Mind
from seatrial.fakes.personalities.sampling import Sampling, probabilities, take
from seatrial.fakes.personalities.template import render
from seatrial.fakes.personalities.tokens import END, pieces, token_id
from tests.fakes.personalities.client import opened

FAR = {
    "temperature": 3.0,
    "top_k": 1,
    "top_p": 0.01,
    "min_p": 1.0,
    "typical_p": 0.05,
    "top_n_sigma": 0.01,
    "repeat_penalty": 3.0,
    "presence_penalty": 2.0,
    "frequency_penalty": 2.0,
    "seed": 7,
    "logit_bias": {str(token_id(" harbour")): 50},
}
"""By `Sampling`'s names: values that no text survives unchanged."""
BASE = {"temperature": 1.2, "seed": 1, "max_tokens": 40}


@pytest.mark.parametrize("family", FAMILIES)
async def test_honoured_fields_change_the_text(family: str) -> None:
    async with opened(family) as client:
        (plain,) = await client.texts(1, **BASE)
        for field, name in client.server.persona.knobs.items():
            if name in FAR:
                (changed,) = await client.texts(1, **BASE | {field: FAR[name]})
                assert changed != plain, field


@pytest.mark.parametrize("family", ["ollama", "openai", "vllm"])
async def test_other_fields_change_nothing(family: str) -> None:
    others = {"dry_multiplier": 5.0, "repeat_penalty": 3.0, "typical_p": 0.05}
    async with opened(family) as client:
        assert await client.texts(1, **BASE) == await client.texts(1, **BASE, **others)


def test_dry_breaks_a_loop() -> None:
    def say(how: Sampling) -> list[str]:
        said: list[str] = []
        mind = Mind("w", "Q8_0", render([{"role": "user", "content": "Write 'tide' 20 times"}]))
        while len(said) < 12:
            said.append(take(mind.logits(len(said)), said, how, random.Random(1)))
        return said

    loop = say(Sampling(temperature=0))
    assert loop[1] == loop[5] == " tide"
    assert say(Sampling(temperature=0, dry_multiplier=2.0)) != loop


def test_xtc_takes_the_top_away() -> None:
    logits = {"a": 3.0, "b": 2.9, "c": 0.0}
    how = Sampling(xtc_probability=1.0, top_k=2)
    assert {take(logits, [], how, random.Random(n)) for n in range(9)} == {"b"}


def test_mirostat_bounds_the_surprise() -> None:
    logits = {"a": 2.0, "b": 1.9, "c": 1.8}
    how = Sampling(mirostat=2, mirostat_tau=0.0)
    assert {take(logits, [], how, random.Random(n)) for n in range(9)} == {"a"}


def test_only_named_samplers_take_part() -> None:
    logits = {"a": 1.0, "b": 0.9}
    how = Sampling(temperature=0, samplers=("top_k",), top_k=1)
    assert take(logits, [], how, random.Random(1)) == "a"


def test_weights_and_quantization_are_told_apart() -> None:
    def first(weights: str, quantization: str) -> dict[str, float]:
        return probabilities(Mind(weights, quantization, "0 7 3 1").logits(0))

    same, other = first("w", "Q8_0"), first("v", "Q8_0")
    assert same == first("w", "Q8_0")
    grain = max(abs(same[token] - chance) for token, chance in first("w", "Q4_0").items())
    gap = max(abs(same[token] - chance) for token, chance in other.items())
    assert 0 < grain < gap


def test_pieces_are_lossless_and_stable() -> None:
    text = 'Hi <|im_end|>\n\n<tool_call>{"name": "a_b", "n": 12}</tool_call> ümläut\t{}'
    assert "".join(pieces(text)) == text
    assert END in pieces(text)
    assert [token_id(piece) for piece in ("<think>", " the")] == [3, token_id(" the")]
