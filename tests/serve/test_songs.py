"""Songs in the shapes that servers give them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.serve.canary import Song
from seatrial.serve.songs import read_song

ROW = {"token": "a", "logprob": -0.5, "top_logprobs": [{"token": "a", "logprob": -0.5}]}


def steps(answer: dict[str, Any]) -> list[tuple[str, dict[str, float]]]:
    song = read_song(answer, "/x")
    assert song is not None
    assert song.kind == "logprobs"
    return [(step.token, step.top) for step in song.steps]


def test_llama_cpp_completion() -> None:
    top = [{"id": 7, "token": "a", "bytes": [97], "logprob": -0.12345}]
    answer = {"completion_probabilities": [{"id": 7, "token": "a", "top_logprobs": top}]}
    assert steps(answer) == [("7", {"7": -0.1235})]


def test_openai_chat_with_bytes_and_without() -> None:
    row = {**ROW, "top_logprobs": [{"token": "�", "bytes": [240, 159], "logprob": -0.5}]}
    assert steps({"choices": [{"logprobs": {"content": [row]}}]}) == [("a", {"xf09f": -0.5})]


def test_openai_completions() -> None:
    held = {"tokens": ["a", "b"], "token_logprobs": [-0.5, -1.0]}
    held["top_logprobs"] = [{"a": -0.5, "c": -2.0}, None]
    expected = [("a", {"a": -0.5, "c": -2.0}), ("b", {"b": -1.0})]
    assert steps({"choices": [{"logprobs": held}]}) == expected


def test_ollama_generate() -> None:
    assert steps({"response": "a", "logprobs": [ROW]}) == [("a", {"a": -0.5})]


def test_minus_infinity_is_no_number() -> None:
    top = [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": None}]
    top.append({"token": "c", "logprob": -3.4e38})
    answer = {"logprobs": [{**ROW, "top_logprobs": top}]}
    assert steps(answer) == [("a", {"a": -0.5})]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"choices": [{"text": "hi"}]}, "hi"),
        ({"choices": [{"text": "hi", "logprobs": None}]}, "hi"),
        ({"choices": [{"text": "hi", "logprobs": {"tokens": [], "content": []}}]}, "hi"),
        ({"choices": [{"message": {"content": "b", "reasoning": "a"}}]}, "ab"),
        ({"choices": [{"message": {"content": None, "reasoning_content": "a"}}]}, "a"),
        ({"response": "hi", "logprobs": []}, "hi"),
        ({"content": "hi", "completion_probabilities": [{"id": 1}]}, "hi"),
    ],
)
def test_text_where_there_is_nothing_better(answer: dict[str, Any], text: str) -> None:
    assert read_song(answer, "/x") == Song(kind="text", asked="/x", text=text)


@pytest.mark.parametrize("answer", [{}, {"choices": []}, {"choices": [{"message": {}}]}])
def test_no_song(answer: dict[str, Any]) -> None:
    assert read_song(answer, "/x") is None


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "choices logprobs content tokens token_logprobs top_logprobs token logprob id "
                "bytes completion_probabilities message text response".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["choices", "logprobs", "content"]), JSON))
def test_no_answer_of_a_stranger_raises(answer: dict[str, Any]) -> None:
    song = read_song(answer, "/x")
    assert song is None or song.steps or song.text
