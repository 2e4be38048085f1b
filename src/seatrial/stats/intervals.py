"""Intervals for a rate: k successes among n independent trials.

Wilson is the default for a report: its coverage is close to the level on average even for small
n (Brown, Cai & DasGupta 2001, "Interval Estimation for a Binomial Proportion", Statistical
Science 16(2)). Clopper-Pearson never covers less than its level and is wider; use it where a
promise is made. Not for trials that are clustered by task or family: those are not independent,
and both intervals would be too narrow.

In: counts. Out: an `Interval`, which prints as `72.5 % [64.5, 79.2], n = 140`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from seatrial.stats.beta import beta_quantile

Method = Literal["wilson", "clopper_pearson"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A two-sided interval for a rate; all rates from 0 to 1."""

    estimate: float | None
    """k / n; None where n is 0: nothing was seen, so there is nothing to estimate."""
    low: float
    high: float
    level: float
    """Nominal coverage, 0.95 for a 95 % interval."""
    n: int
    k: int
    method: Method

    def __str__(self) -> str:
        head = "no data" if self.estimate is None else f"{100 * self.estimate:.1f} %"
        return f"{head} [{100 * self.low:.1f}, {100 * self.high:.1f}], n = {self.n}"


def wilson(k: int, n: int, level: float = 0.95) -> Interval:
    """The score interval of Wilson 1927 (JASA 22, "Probable Inference"), no continuity correction.

    Centre (p + z^2/2n) / (1 + z^2/n), half width z sqrt(p(1-p)/n + z^2/4n^2) / (1 + z^2/n).

    Raises:
        ValueError: not 0 <= k <= n, or not 0 < level < 1.
    """
    _check(k, n, level)
    if n == 0:
        return Interval(None, 0.0, 1.0, level, 0, 0, "wilson")
    p = k / n
    z = NormalDist().inv_cdf((1.0 + level) / 2.0)
    scale = 1.0 + z * z / n
    centre = (p + z * z / (2 * n)) / scale
    half = z * math.sqrt(p * (1.0 - p) / n + z * z / (4.0 * n * n)) / scale
    # The ends are exact at 0 and n; rounding would leave 1e-17 there.
    low = 0.0 if k == 0 else max(0.0, centre - half)
    high = 1.0 if k == n else min(1.0, centre + half)
    return Interval(p, low, high, level, n, k, "wilson")


def clopper_pearson(k: int, n: int, level: float = 0.95) -> Interval:
    """The exact interval of Clopper & Pearson 1934 (Biometrika 26), both tails equal.

    Low is the (1-level)/2 quantile of Beta(k, n-k+1), high the (1+level)/2 quantile of
    Beta(k+1, n-k).

    Raises:
        ValueError: not 0 <= k <= n, or not 0 < level < 1.
    """
    _check(k, n, level)
    if n == 0:
        return Interval(None, 0.0, 1.0, level, 0, 0, "clopper_pearson")
    tail = (1.0 - level) / 2.0
    low = 0.0 if k == 0 else beta_quantile(tail, k, n - k + 1)
    # By symmetry from the small tail, where the quantile keeps its relative precision.
    high = 1.0 if k == n else 1.0 - beta_quantile(tail, n - k, k + 1)
    return Interval(k / n, low, high, level, n, k, "clopper_pearson")


def _check(k: int, n: int, level: float) -> None:
    if not 0 <= k <= n:
        raise ValueError(f"k = {k} is not between 0 and n = {n}")
    if not 0.0 < level < 1.0:
        raise ValueError(f"level = {level} is not between 0 and 1")
