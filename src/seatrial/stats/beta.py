"""The regularised incomplete beta function and its inverse, to about 1e-10.

Only what an exact binomial interval needs. Not a distribution class, and not tuned for shape
parameters below 1/2 or above 1e7. In: floats. Out: floats.
"""

from __future__ import annotations

import math

_TINY = 1e-300
_EPSILON = 1e-15
_MAX_TERMS = 100_000
_MAX_STEPS = 200


def beta_cdf(x: float, a: float, b: float) -> float:
    """I_x(a, b), the chance that a Beta(a, b) variable is at most `x`.

    The continued fraction DLMF 8.17.22, evaluated by Lentz's method. It converges quickly left
    of the mean; right of it the reflection I_x(a, b) = 1 - I_{1-x}(b, a) is used.
    """
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - beta_cdf(1.0 - x, b, a)
    return math.exp(_log_front(x, a, b)) / a * _fraction(x, a, b)


def beta_quantile(p: float, a: float, b: float) -> float:
    """The `x` with I_x(a, b) = `p`: Newton's method, kept inside a shrinking bracket.

    The bracket makes it safe where the density is nearly flat; Newton makes it quick elsewhere.
    """
    low, high = 0.0, 1.0
    x = a / (a + b)
    for _ in range(_MAX_STEPS):
        error = beta_cdf(x, a, b) - p
        if error > 0.0:
            high = x
        else:
            low = x
        density = math.exp(_log_front(x, a, b) - math.log(x) - math.log1p(-x))
        step = error / density if density > _TINY else math.inf
        following = x - step
        if not low < following < high:
            following = (low + high) / 2.0
        if abs(following - x) <= _EPSILON * following:
            return following
        x = following
    return x


def _log_front(x: float, a: float, b: float) -> float:
    """log(x^a (1-x)^b / B(a, b))."""
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    return a * math.log(x) + b * math.log1p(-x) - log_beta


def _fraction(x: float, a: float, b: float) -> float:
    numerator_part = 1.0
    denominator_part = _away_from_zero(1.0 - (a + b) * x / (a + 1.0))
    denominator_part = 1.0 / denominator_part
    value = denominator_part
    for m in range(1, _MAX_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        for term in (even, odd):
            denominator_part = 1.0 / _away_from_zero(1.0 + term * denominator_part)
            numerator_part = _away_from_zero(1.0 + term / numerator_part)
            factor = denominator_part * numerator_part
            value *= factor
        if abs(factor - 1.0) < _EPSILON:
            break
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
