"""Exact tests on 2 x 2 tables, against scipy and against their own definition."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.stats import fisher_exact, mcnemar_midp

cells = st.integers(0, 120)


def test_fisher_agrees_with_scipy():
    stats = pytest.importorskip("scipy.stats")
    for a, b, c, d in itertools.product((0, 1, 3, 8, 19, 60), repeat=4):
        theirs = stats.fisher_exact([[a, b], [c, d]]).pvalue
        assert fisher_exact(a, b, c, d) == pytest.approx(theirs, rel=1e-8), (a, b, c, d)


def test_midp_agrees_with_scipy():
    binom = pytest.importorskip("scipy.stats").binom
    for b, c in itertools.product(range(40), repeat=2):
        m, s = b + c, min(b, c)
        theirs = 2 * binom.cdf(s, m, 0.5) - binom.pmf(s, m, 0.5)
        assert mcnemar_midp(b, c) == pytest.approx(theirs, rel=1e-9), (b, c)


@settings(deadline=None)
@given(cells, cells, cells, cells)
def test_fisher_does_not_care_how_the_table_is_written(a, b, c, d):
    p = fisher_exact(a, b, c, d)
    assert 0.0 < p <= 1.0
    assert p == fisher_exact(c, d, a, b) == fisher_exact(b, a, d, c) == fisher_exact(a, c, b, d)


@settings(deadline=None)
@given(cells, cells)
def test_midp_is_symmetric_and_grows_surer(b, c):
    p = mcnemar_midp(b, c)
    assert 0.0 < p <= 1.0
    assert p == mcnemar_midp(c, b)
    if b >= c:
        assert mcnemar_midp(b + 1, c) < p


def test_known_values():
    assert mcnemar_midp(0, 0) == mcnemar_midp(7, 7) == 1.0
    assert mcnemar_midp(5, 0) == pytest.approx(0.03125)
    assert fisher_exact(0, 20, 19, 1) < 1e-8
    assert fisher_exact(0, 0, 0, 0) == 1.0
    assert mcnemar_midp(4000, 4200) == pytest.approx(0.0273, abs=5e-4)


@pytest.mark.parametrize("call", [lambda: fisher_exact(1, -1, 2, 3), lambda: mcnemar_midp(-1, 2)])
def test_negative_counts_are_refused(call):
    with pytest.raises(ValueError, match="negative"):
        call()
