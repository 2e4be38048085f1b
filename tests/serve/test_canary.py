"""Canaries: what counts as the same song."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from seatrial.serve.canary import (
    Canary,
    Match,
    Song,
    Step,
    difference,
    match_songs,
    match_templates,
)

STEPS = (
    Step("1", {"1": -0.1, "2": -2.0, "3": -3.0}),
    Step("2", {"2": -0.5, "1": -1.0, "3": -4.0}),
)


def song(*steps: Step, spread: float | None = None) -> Song:
    return Song(kind="logprobs", asked="/completion", steps=steps or STEPS, spread=spread)


def words(text: str, steady: bool = True) -> Song:
    return Song(kind="text", asked="/v1/chat/completions", text=text, steady=steady)


BASE = Canary(raw=song(), chat=words("the north light"), rendered="aa")


def changed(index: int, step: Step, spread: float | None = None) -> Canary:
    steps = list(STEPS)
    steps[index] = step
    return replace(BASE, raw=song(*steps, spread=spread))


def test_the_same_song() -> None:
    assert difference(BASE, BASE) is None


def test_the_last_bits_do_not_count() -> None:
    near = Step("2", {"2": -0.501, "1": -0.999, "3": -4.003})
    assert difference(BASE, changed(1, near)) is None


def test_other_probabilities_count() -> None:
    said = difference(BASE, changed(1, Step("2", {"2": -0.6, "1": -1.0, "3": -4.0})))
    assert said == "token 2 differs by 0.10 in log-probability"


def test_what_a_server_strays_from_itself_does_not_count() -> None:
    far = Step("2", {"2": -0.6, "1": -1.0, "3": -4.0})
    assert difference(BASE, changed(1, far, spread=0.03)) is None
    assert difference(BASE, changed(1, far, spread=0.02))


def test_another_token_that_is_no_tie_counts() -> None:
    assert difference(BASE, changed(0, Step("4", {"4": -0.1, "2": -2.0, "3": -3.0})))


def test_a_tie_may_fall_either_way_and_ends_the_comparison() -> None:
    one = song(Step("1", {"1": -0.700, "2": -0.701}), Step("5", {"5": -0.1, "6": -3.0}))
    two = song(Step("2", {"2": -0.700, "1": -0.701}), Step("9", {"9": -2.0, "8": -2.5}))
    assert match_songs(one, two).agrees


def test_tokens_that_swap_places_at_the_edge_of_the_list_do_not_count() -> None:
    edge = Step("1", {"1": -0.1, "2": -2.0, "7": -2.995})
    assert difference(BASE, changed(0, edge)) is None


def test_a_shorter_song_counts() -> None:
    assert difference(BASE, replace(BASE, raw=song(STEPS[0]))) == "2 tokens became 1"


def test_another_template_counts() -> None:
    said = difference(BASE, replace(BASE, rendered="bb"))
    assert said == "the chat template writes another prompt"


def test_another_answer_in_a_conversation_counts() -> None:
    said = difference(BASE, replace(BASE, chat=words("the north mole")))
    assert said == ("in a conversation, the text differs from character 11: 'light' became 'mole'")


def test_a_text_that_ends_sooner_counts() -> None:
    match = match_songs(words("abc"), words("ab"))
    assert match.said == "the text differs from character 3: 'c' became ''"


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (None, "there are not two to compare"),
        (song(), "one is text of /v1/chat/completions, the other log-probabilities of /completion"),
        (words("the north light", steady=False), "does not answer the same twice"),
    ],
)
def test_what_cannot_be_compared_proves_nothing(other: Song | None, why: str) -> None:
    match = match_songs(BASE.chat, other)
    assert not match.agrees
    assert not match.parts
    assert why in (match.said or "")
    assert difference(replace(BASE, rendered=None), Canary(chat=other)) is None


def test_a_prompt_that_holds_the_date_is_compared_within_the_day_only() -> None:
    monday, tuesday = (replace(BASE, day=day, rendered=day) for day in ("mon", "tue"))
    assert not match_templates(monday, tuesday).comparable
    assert difference(monday, tuesday) is None
    assert match_templates(monday, monday) == Match(True)
    assert monday.fingerprint == tuesday.fingerprint


def test_the_fingerprint_is_of_tokens_and_of_the_written_prompt() -> None:
    near = changed(1, Step("2", {"2": -0.501, "1": -0.999, "3": -4.003}))
    assert near.fingerprint == BASE.fingerprint
    assert len(BASE.fingerprint or "") == 16
    other = changed(1, Step("1", {"2": -0.501, "1": -0.500}))
    unlike = {BASE.fingerprint, other.fingerprint, replace(BASE, rendered="bb").fingerprint}
    assert len(unlike) == 3
    assert Canary().fingerprint is None


def test_what_a_canary_rests_on() -> None:
    assert BASE.kind == "logprobs"
    assert Canary(chat=words("a")).kind == "text"
    assert Canary(chat=words("a", steady=False)).kind is None
    assert Canary().kind is None
