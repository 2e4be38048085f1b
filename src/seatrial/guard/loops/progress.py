"""Progress: whether steps that are alike but for their digits get anywhere.

Two ways to get on: a result whose numbers move one way (`12 %` after `11 %`, 34 failures after
35), or other arguments each time (`mod_7.py` after `mod_6.py`) with results of their own. Neither
is what only passes: clocks, durations, process ids, numbers that the call itself put into its
result. In: steps of one place of a cycle, the latest first. Out: True or False.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from seatrial.guard.loops.steps import HEAD, MASKED, Step, numbers

_LATEST = 8
"""So many of the last results show where the numbers go; older ones may have gone elsewhere."""

_PASSES = re.compile(
    r"\b\d{4}-\d\d-\d\d(?:[T ]|\b)|\b\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d+)?|\b\d{9,}\b"
    r"|\b\d+(?:\.\d+)? ?(?:ns|us|µs|ms|s|secs?|seconds?|min|minutes?)\b|^\[\d+\] \d+$",
    re.MULTILINE,
)
"""Dates, times, long numbers, durations, and what a shell says of a job in the background."""
_FIGURE = re.compile(r"\d+(?:\.\d+)?")


def results_advance(steps: Sequence[Step]) -> bool:
    """Whether a number of the results moves one way; of failures, only down."""
    steps = steps[:_LATEST]
    if not any(step.failed for step in steps):
        sizes = [step.result[0] for step in steps]
        # Only the head is compared: what grows behind it is a log, and moves.
        if min(sizes) > HEAD and _moves(sizes, down_only=False):
            return True
        return any(_moves(column, down_only=False) for column in _columns(steps))
    return any(_moves(column, down_only=True) for column in _columns(steps))


def arguments_move(steps: Sequence[Step]) -> bool:
    """Whether the calls are about something else most of the time."""
    return len({_given(step) for step in steps}) * 2 > len(steps)


def is_one_edit(steps: Sequence[Step]) -> bool:
    """Whether all write the same text into the same file, wherever in it."""
    first = steps[0].edit
    return first is not None and all(step.edit == first for step in steps)


def results_tell_nothing(steps: Sequence[Step]) -> bool:
    """Whether the results are the same but for numbers that stand in the calls too."""
    if len({step.result for step in steps}) == 1:
        return True
    if any(step.result[0] > HEAD for step in steps):
        return False
    rows = [numbers(step.head) for step in steps]
    if len({len(row) for row in rows}) != 1:
        return False
    own = [frozenset(_given(step)) for step in steps]
    return all(
        len(set(column)) == 1
        or all(figure in given for figure, given in zip(column, own, strict=True))
        for column in zip(*rows, strict=True)
    )


def _given(step: Step) -> tuple[str, ...]:
    # Steps that are alike differ in the digits of so much only.
    return numbers(step.arguments[:MASKED])


def _columns(steps: Sequence[Step]) -> list[list[float]]:
    """For each number in the results, how it went; without those that the calls gave."""
    rows = [_FIGURE.findall(_PASSES.sub("", step.head)) for step in steps]
    if len({len(row) for row in rows}) != 1:
        return []
    own = [frozenset(_FIGURE.findall(step.arguments[:MASKED])) for step in steps]
    return [
        [float(figure) for figure in column]
        for column in zip(*rows, strict=True)
        if not all(figure in given for figure, given in zip(column, own, strict=True))
    ]


def _moves(latest_first: Sequence[float], *, down_only: bool) -> bool:
    """Whether the numbers go one way, and at least every other time."""
    if len(set(latest_first)) < max(2, (len(latest_first) + 1) // 2):
        return False
    falls = all(new <= old for new, old in pairwise(latest_first))
    rises = all(new >= old for new, old in pairwise(latest_first))
    return falls or (rises and not down_only)
