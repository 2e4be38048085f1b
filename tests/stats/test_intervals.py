"""Intervals against scipy over a grid, and what must hold for every k and n."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.stats import Interval, clopper_pearson, wilson
from seatrial.stats.beta import beta_cdf, beta_quantile

METHODS = [wilson, clopper_pearson]
GRID = [
    (k, n, level)
    for n in (1, 2, 3, 5, 10, 20, 45, 89, 140, 1000)
    for k in sorted({0, 1, n // 3, n // 2, n - 1, n})
    for level in (0.5, 0.8, 0.9, 0.95, 0.99)
]

counts = st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
levels = st.floats(0.01, 0.999)


@pytest.mark.parametrize(("method", "name"), [(wilson, "wilson"), (clopper_pearson, "exact")])
def test_agrees_with_scipy(method, name):
    stats = pytest.importorskip("scipy.stats")
    for k, n, level in GRID:
        theirs = stats.binomtest(k, n).proportion_ci(level, method=name)
        ours = method(k, n, level)
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-10)


def test_beta_agrees_with_scipy():
    special = pytest.importorskip("scipy.special")
    shapes = [(1, 1), (1, 20), (20, 1), (3, 7.5), (140, 2), (5000, 5001), (1, 1e6), (3e5, 7e5)]
    for a, b in shapes:
        for p in (1e-6, 0.005, 0.025, 0.5, 0.975, 0.999):
            x = special.betaincinv(a, b, p)
            assert beta_quantile(p, a, b) == pytest.approx(x, rel=1e-8)
            assert beta_cdf(x, a, b) == pytest.approx(p, rel=1e-8)


@pytest.mark.parametrize("method", METHODS)
@settings(deadline=None)
@given(counts, levels)
def test_contains_the_estimate_and_is_symmetric(method, kn, level):
    k, n = kn
    found, mirrored = method(k, n, level), method(n - k, n, level)
    assert 0.0 <= found.low <= found.estimate + 1e-12
    assert found.estimate - 1e-12 <= found.high <= 1.0
    assert found.low == pytest.approx(1.0 - mirrored.high, abs=1e-11)
    assert found.high == pytest.approx(1.0 - mirrored.low, abs=1e-11)


@pytest.mark.parametrize("method", METHODS)
@settings(deadline=None)
@given(counts, levels)
def test_grows_with_k_and_with_the_level(method, kn, level):
    k, n = kn
    found = method(k, n, level)
    if k < n:
        more = method(k + 1, n, level)
        assert more.low >= found.low - 1e-12
        assert more.high >= found.high - 1e-12
    wider = method(k, n, (1.0 + level) / 2.0)
    assert wider.low <= found.low + 1e-12
    assert wider.high >= found.high - 1e-12


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 150), st.integers(1, 399))
def test_exact_covers_at_least_its_level(n, where):
    """At a true rate p the exact interval misses p in at most 5 % of the draws."""
    stats = pytest.importorskip("scipy.stats")
    p = where / 400
    kept = sum(
        float(stats.binom.pmf(k, n, p))
        for k in range(n + 1)
        if clopper_pearson(k, n).low <= p <= clopper_pearson(k, n).high
    )
    assert kept >= 0.95 - 1e-6


@pytest.mark.parametrize("method", METHODS)
def test_without_data_everything_is_possible(method):
    found = method(0, 0)
    assert (found.estimate, found.low, found.high, found.n) == (None, 0.0, 1.0, 0)
    assert str(found) == "no data [0.0, 100.0], n = 0"


@pytest.mark.parametrize("method", METHODS)
def test_ends_are_exact(method):
    assert method(0, 20).low == 0.0
    assert method(20, 20).high == 1.0


def test_known_values():
    assert str(wilson(19, 45)) == "42.2 % [29.0, 56.7], n = 45"
    assert str(wilson(1, 1)) == "100.0 % [20.7, 100.0], n = 1"
    assert str(Interval(0.725, 0.631, 0.804, 0.95, 140, 101, "wilson")) == (
        "72.5 % [63.1, 80.4], n = 140"
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("k", "n", "level"),
    [(-1, 5, 0.95), (6, 5, 0.95), (0, -1, 0.95), (1, 5, 0.0), (1, 5, 1.0), (1, 5, float("nan"))],
)
def test_bad_input_is_refused(method, k, n, level):
    with pytest.raises(ValueError, match="not between"):
        method(k, n, level)


def test_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        wilson(1, 2).low = 0.0
