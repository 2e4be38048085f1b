"""Canaries: what counts as the same song."""

from __future__ import annotations

from typing import Any

import pytest

from seatrial.core.errors import EngineError
from seatrial.serve.canary import Canary, Step, difference, sing

BASE = Canary((Step(1, {1: -0.1, 2: -2.0, 3: -3.0}), Step(2, {2: -0.5, 1: -1.0, 3: -4.0})))


def changed(index: int, step: Step) -> Canary:
    steps = list(BASE.steps)
    steps[index] = step
    return Canary(tuple(steps))


def test_the_same_song() -> None:
    assert difference(BASE, BASE) is None


def test_the_last_bits_do_not_count() -> None:
    assert difference(BASE, changed(1, Step(2, {2: -0.501, 1: -0.999, 3: -4.003}))) is None


def test_other_probabilities_count() -> None:
    said = difference(BASE, changed(1, Step(2, {2: -0.6, 1: -1.0, 3: -4.0})))
    assert said == "token 2 differs by 0.10 in log-probability"


def test_another_token_that_is_no_tie_counts() -> None:
    assert difference(BASE, changed(0, Step(4, {4: -0.1, 2: -2.0, 3: -3.0})))


def test_a_tie_may_fall_either_way_and_ends_the_comparison() -> None:
    one = Canary((Step(1, {1: -0.700, 2: -0.701}), Step(5, {5: -0.1, 6: -3.0})))
    two = Canary((Step(2, {2: -0.700, 1: -0.701}), Step(9, {9: -2.0, 8: -2.5})))
    assert difference(one, two) is None


def test_tokens_that_swap_places_at_the_edge_of_the_list_do_not_count() -> None:
    assert difference(BASE, changed(0, Step(1, {1: -0.1, 2: -2.0, 7: -2.995}))) is None


def test_a_shorter_song_counts() -> None:
    assert difference(BASE, Canary(BASE.steps[:1])) == "2 tokens became 1"


class Silent:
    url = "http://x"

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer

    async def post_json(self, *_: object, **__: object) -> dict[str, Any]:
        return self.answer


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"completion_probabilities": []},
        {"completion_probabilities": [{"id": 1}]},
        {"completion_probabilities": [{"id": 1, "top_logprobs": []}]},
        {"completion_probabilities": [{"id": 1, "top_logprobs": [{"id": 1, "logprob": None}]}]},
    ],
)
async def test_an_answer_without_probabilities_is_an_error(answer: dict[str, Any]) -> None:
    with pytest.raises(EngineError, match="canary"):
        await sing(Silent(answer))
