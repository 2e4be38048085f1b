"""Usage adds up, and an unset sampler field is never sent."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.core.generation import Caps, Sampling, Usage

counts = st.integers(0, 10**9)
usages = st.builds(Usage, counts, counts, counts, *(st.none() | counts for _ in range(3)))


@given(usages, usages, usages)
def test_usage_is_a_sum(a, b, c):
    assert (a + b) + c == a + (b + c)
    assert a + b == b + a
    assert a + Usage() == a


def test_unknown_and_unknown_stays_unknown_but_zero_is_known():
    assert (Usage() + Usage()).think is None
    assert (Usage(think=0) + Usage()).think == 0
    assert (Usage(think=2) + Usage(think=3)).think == 5


def test_only_set_fields_are_sent():
    assert msgspec.to_builtins(Sampling(temperature=0.0)) == {"temperature": 0.0}


@pytest.mark.parametrize("cls", [Sampling, Caps])
def test_a_misspelt_bound_is_not_swallowed(cls):
    with pytest.raises(msgspec.ValidationError, match="max_tokns"):
        msgspec.convert({"max_tokns": 3}, cls)
