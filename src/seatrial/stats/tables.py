"""Two-sided tests on 2 x 2 tables: two rates, unpaired and paired.

Both are computed in whole numbers and divided once at the end, so "as unlikely as what was seen"
is an exact comparison without a tolerance. Not a power calculation: a large p value says that
this n cannot tell, never that there is no difference.

In: counts. Out: a p value.
"""

from __future__ import annotations

import math


def fisher_exact(a: int, b: int, c: int, d: int) -> float:
    """Two-sided p value of the table [[a, b], [c, d]]: are two independent rates the same?

    Fisher 1935; two-sided by summing every table with the same margins that is at most as likely
    as this one (the rule of R's fisher.test and of scipy).

    Raises:
        ValueError: a negative count.
    """
    _check(a, b, c, d)
    row, other_row, column = a + b, c + d, a + c
    lowest, highest = max(0, column - other_row), min(row, column)
    weight = math.comb(row, lowest) * math.comb(other_row, column - lowest)
    seen = math.comb(row, a) * math.comb(other_row, c)
    total = 0
    for x in range(lowest, highest + 1):
        if weight <= seen:
            total += weight
        weight = weight * (row - x) * (column - x) // ((x + 1) * (other_row - column + x + 1))
    return total / math.comb(row + other_row, column)


def mcnemar_midp(b: int, c: int) -> float:
    """Two-sided mid-p value for paired outcomes: b pairs changed one way, c the other.

    Pairs with equal outcomes say nothing and are not asked for. 2 P(X <= min(b, c)) minus
    P(X = min(b, c)), X ~ Bin(b + c, 1/2); 1 without discordant pairs. The mid-p form keeps its
    level in nearly all cases and has more power than the exact test (Fagerland, Lydersen & Laake
    2013, BMC Medical Research Methodology 13:91).

    Raises:
        ValueError: a negative count.
    """
    _check(b, c)
    pairs, fewer = b + c, min(b, c)
    term, below = 1, 0
    for i in range(fewer):
        below += term
        term = term * (pairs - i) // (i + 1)
    return (2 * below + term) / (1 << pairs)


def _check(*counts: int) -> None:
    if min(counts) < 0:
        raise ValueError(f"negative count in {counts}")
