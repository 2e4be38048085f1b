"""The soft window, and what is learned of a model's tokenizer and window."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.chat.overflow import ContextOverflowError, normalised, read_overflow
from seatrial.chat.window import Measured, SoftWindow, Weight, weigh
from seatrial.core.generation import Usage


def body(*texts, **more):
    return {"messages": [{"role": "user", "content": text} for text in texts], **more}


@pytest.mark.parametrize(
    ("window", "max_tokens", "limit"),
    [
        (8_192, None, 8_192 - 1_228 - 512),
        (8_192, 512, 8_192 - 512 - 512),
        (16_384, 32_000, 16_384 - 2_457 - 512),
        (32_768, 32_000, 32_768 - 4_915 - 655),
        (131_072, 16_384, 131_072 - 16_384 - 2_621),
        (262_144, 8_192, 262_144 - 8_192 - 5_242),
        (2_048, None, 1_024),
        (512, 400, 256),
    ],
)
def test_limit(window, max_tokens, limit):
    assert SoftWindow().limit_tokens(window, max_tokens) == limit


def test_a_limit_that_somebody_set():
    assert SoftWindow(prompt_tokens=50_000).limit_tokens(262_144) == 50_000
    assert SoftWindow(prompt_tokens=50_000).limit_tokens(8_192) == SoftWindow().limit_tokens(8_192)
    judged = Measured().judge(Weight(90_000), SoftWindow(prompt_tokens=50_000), None)
    assert judged.verdict == "too_long"


@pytest.mark.parametrize(
    ("tokens", "samples", "verdict"),
    [
        (100, 0, "fits"),
        (3_000, 0, "fits"),
        (4_000, 0, "count"),
        (6_452, 0, "count"),
        (9_000, 0, "count"),
        (9_700, 0, "too_long"),
        (5_700, 3, "fits"),
        (6_200, 3, "count"),
        (7_200, 3, "too_long"),
    ],
)
def test_an_estimate_decides_nothing_near_the_limit(tokens, samples, verdict):
    measured = Measured(8_192)
    measured.samples = samples
    assert measured.judge(Weight(tokens), SoftWindow(), None).verdict == verdict


def test_an_exact_count_decides():
    measured = Measured(8_192)
    assert measured.judge(Weight(1), SoftWindow(), None, exact=6_453).verdict == "too_long"
    judged = measured.judge(Weight(99_999), SoftWindow(), None, exact=6_452)
    assert (judged.verdict, judged.refusal()) == ("fits", None)


def test_without_a_window_nothing_is_refused():
    assert Measured().judge(Weight(10**7), SoftWindow(), None).verdict == "fits"


def test_images_are_not_weighed_and_not_judged_by_weight():
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}}
    weight = weigh({"messages": [{"role": "user", "content": [part]}]})
    assert weight.media and weight.tokens < 50
    assert Measured(8_192).judge(weight, SoftWindow(), None).verdict == "count"


def test_a_refusal_names_the_soft_window():
    refusal = Measured(8_192).judge(Weight(20_000), SoftWindow(), None).refusal()
    assert refusal.window_tokens == 6_452
    again = read_overflow(json.dumps(normalised(refusal)))
    assert (again.prompt_tokens, again.window_tokens) == (20_000, 6_452)


def test_the_window_of_a_refusal_is_kept():
    measured = Measured(131_072)
    measured.refused(ContextOverflowError("x"))
    assert measured.window_tokens == 131_072
    measured.refused(ContextOverflowError("x", prompt_tokens=70_000, window_tokens=65_536))
    assert measured.window_tokens == 65_536


def test_the_window_of_a_refusal_is_believed_for_a_while():
    now = 0.0
    measured = Measured(131_072, lambda: now)
    measured.refused(ContextOverflowError("x", window_tokens=4_096))
    now = 299.0
    assert measured.window_tokens == 4_096
    now = 300.0
    assert measured.window_tokens == 131_072


def test_a_window_that_the_server_states_anew_counts_and_the_same_one_does_not():
    measured = Measured(131_072)
    measured.refused(ContextOverflowError("x", window_tokens=4_096))
    measured.stated(131_072)
    assert measured.window_tokens == 4_096
    measured.stated(65_536)
    assert measured.window_tokens == 65_536


def test_a_prompt_that_was_read_raises_the_window():
    measured = Measured(4_096)
    measured.answered(Weight(9_000), Usage(prompt=9_000))
    assert measured.window_tokens == 9_000
    measured.refused(ContextOverflowError("x", window_tokens=2_048))
    assert measured.window_tokens == 2_048


def test_the_ratio_follows_what_is_counted():
    measured = Measured()
    for _ in range(12):
        measured.answered(Weight(1_000), Usage(prompt=1_400))
    assert measured.expected_tokens(Weight(10_000)) == pytest.approx(14_000, rel=0.01)


@pytest.mark.parametrize("usage", [None, Usage(), Usage(prompt=0, completion=5)])
def test_usage_that_says_nothing_teaches_nothing(usage):
    measured = Measured()
    measured.answered(Weight(1_000), usage)
    assert measured.samples == 0


def test_a_prompt_that_was_cut_teaches_nothing():
    measured = Measured()
    measured.answered(Weight(20_000), Usage(prompt=2_050))
    assert measured.samples == 0
    measured.answered(Weight(1_000), Usage(prompt=1_000))
    measured.answered(Weight(20_000), Usage(prompt=4_096))
    assert (measured.ratio, measured.samples) == (1.0, 1)


def test_a_small_prompt_calibrates_even_at_an_odd_ratio():
    measured = Measured()
    measured.answered(Weight(1_000), Usage(prompt=450))
    measured.answered(Weight(20_000), Usage(prompt=9_000))
    assert measured.samples == 2
    assert measured.ratio == pytest.approx(0.45)


def test_what_is_weighed():
    assert weigh({}).tokens == 0
    assert weigh(body("a" * 400)).tokens == pytest.approx(108, abs=4)
    assert weigh(body("本" * 300)).tokens >= 200
    assert weigh(body("=" * 1_600)).tokens < 130
    tool = {"type": "function", "function": {"name": "f", "description": "d" * 400}}
    assert weigh(body("x", tools=[tool])).tokens > 100


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)
    )
)
def test_anything_can_be_weighed(value):
    assert weigh({"messages": value, "tools": [value]}).tokens >= 0


def test_a_deep_body():
    deep = "x"
    for _ in range(5_000):
        deep = [deep]
    assert weigh({"messages": deep}).tokens >= 0


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), max_size=30))
def test_the_ratio_stays_sane(pairs):
    measured = Measured(8_192)
    for tokens, counted in pairs:
        measured.answered(Weight(tokens), Usage(prompt=counted))
    assert 0.2 <= measured.ratio <= 5.0
