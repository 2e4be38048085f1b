"""Picking facts out of JSON: the right type or nothing."""

from __future__ import annotations

import pytest

from seatrial.serve.families.family import Answer
from seatrial.serve.families.reading import (
    at,
    chosen,
    count,
    ids,
    knob,
    option,
    rows,
    switch,
    text,
    whole,
)


def test_a_path_through_anything() -> None:
    assert at({"a": {"b": 1}}, "a", "b") == 1
    assert at({"a": [1]}, "a", "b") is None
    assert at(None, "a") is None
    assert rows({"a": [{"x": 1}, 2, "y"]}, "a") == [{"x": 1}]
    assert rows({"a": {"x": 1}}, "a") == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (4096, 4096),
        (4096.0, 4096),
        (0, None),
        (-1, None),
        (True, None),
        ("4096", None),
        (0.5, None),
        (2**60, None),
        (1e300, None),
        (None, None),
    ],
)
def test_a_count_is_a_positive_whole_number(value: object, expected: int | None) -> None:
    assert count(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.949999988079071, 0.95),
        (40, 40),
        (True, True),
        ("", None),
        (["a", "b"], "a;b"),
        (["a", 1], None),
        ([], None),
        ({}, None),
        (2**60, None),
    ],
)
def test_a_value_of_a_sampler(value: object, expected: object) -> None:
    assert knob(value) == expected


def test_text_says_something() -> None:
    assert text({"a": "x"}, "a") == "x"
    assert text({"a": ""}, "a") is None
    assert text({"a": 1}, "a") is None


def test_options_of_a_command_line() -> None:
    words = ("llama-server", "-c", "1", "--ctx-size=2", "-kvu", "--port")
    assert option(words, "-c", "--ctx-size") == "2"
    assert option(words, "-np") is None
    assert option(words, "--port") is None
    assert switch(words, "-kvu")
    assert not switch(words, "--kv-unified")
    assert [whole(one) for one in ("12", "0", "x", "", None, "1" * 40)] == [12, *[None] * 5]


def test_which_of_the_loaded_models_answers() -> None:
    assert chosen(("a",), None) == ("a", ())
    assert chosen(("a", "b"), "b") == ("b", ())
    assert chosen(("a", "b"), "c", same={"c": "a"}) == ("a", ())
    assert chosen(("a", "b"), None)[0] is None
    assert chosen((), None)[0] is None
    assert chosen(("a",), "b")[0] is None


def test_ids_keep_their_order_and_lose_what_is_none() -> None:
    listed = {"data": [{"id": "b"}, {"id": 1}, {"id": "a"}, {}]}
    assert ids({"/v1/models": Answer(200, listed)}) == ("b", "a")
    assert ids({"/v1/models": Answer(500, listed)}) == ()
    assert ids({}) == ()
