"""Family `offbyone`: a bound, an index or a count that is one off from its docstring."""

from __future__ import annotations

from seatrial.suites.shakedown import functions
from seatrial.suites.shakedown.draw import Draw
from seatrial.suites.shakedown.functions import Shape
from seatrial.suites.shakedown.model import Draft, Family


def _upto(draw: Draw) -> tuple[object, ...]:
    return (draw.rng.randrange(2, 13),)


def _list(draw: Draw) -> tuple[object, ...]:
    return (draw.numbers(draw.rng.randrange(3, 6), 1, 99),)


def _list_count(draw: Draw) -> tuple[object, ...]:
    size = draw.rng.randrange(4, 7)
    return (draw.numbers(size, 1, 99), draw.rng.randrange(2, size))


def _span(draw: Draw) -> tuple[object, ...]:
    low = draw.rng.randrange(1, 40)
    return (low, low + draw.rng.randrange(2, 30))


def _limit(draw: Draw) -> tuple[object, ...]:
    values = draw.numbers(4, 1, 30)
    return (values, draw.rng.choice(values))


SHAPES = (
    Shape(
        "Return the sum of the whole numbers from 1 to {a}, {a} included.",
        "a",
        ("return sum(range(1, {a} + 1))",),
        _upto,
        lambda n: sum(range(1, n + 1)),
        wrong="return sum(range(1, {a}))",
    ),
    Shape(
        "Return the product of the whole numbers from 1 to {a}, {a} included.",
        "a",
        ("{x} = 1", "for {y} in range(1, {a} + 1):", "    {x} *= {y}", "return {x}"),
        lambda draw: (draw.rng.randrange(2, 8),),
        lambda n: _product(range(1, n + 1)),
        wrong="for {y} in range(1, {a}):",
        at=1,
    ),
    Shape(
        "Return the whole numbers from 0 up to {a}, {a} not included.",
        "a",
        ("return list(range({a}))",),
        _upto,
        lambda n: list(range(n)),
        wrong="return list(range({a} + 1))",
    ),
    Shape(
        "Return the last item of {a}.",
        "a",
        ("return {a}[len({a}) - 1]",),
        _list,
        lambda items: items[-1],
        wrong="return {a}[len({a}) - 2]",
    ),
    Shape(
        "Return the first {b} items of {a}.",
        "ab",
        ("return {a}[:{b}]",),
        _list_count,
        lambda items, n: items[:n],
        wrong="return {a}[:{b} - 1]",
    ),
    Shape(
        "Return all items of {a} but the first {b}.",
        "ab",
        ("return {a}[{b}:]",),
        _list_count,
        lambda items, n: items[n:],
        wrong="return {a}[{b} + 1:]",
    ),
    Shape(
        "Return how many whole numbers there are from {a} to {b}, both included.",
        "ab",
        ("return {b} - {a} + 1",),
        _span,
        lambda low, high: high - low + 1,
        wrong="return {b} - {a}",
    ),
    Shape(
        "Return the items of {a} that are at most {b}.",
        "ab",
        ("return [{x} for {x} in {a} if {x} <= {b}]",),
        _limit,
        lambda items, limit: [item for item in items if item <= limit],
        wrong="return [{x} for {x} in {a} if {x} < {b}]",
    ),
    Shape(
        "Return the position of {b} in {a}, counted from 1.",
        "ab",
        ("return {a}.index({b}) + 1",),
        lambda draw: _position(draw),
        lambda items, item: items.index(item) + 1,
        wrong="return {a}.index({b})",
    ),
)


def _position(draw: Draw) -> tuple[object, ...]:
    items = draw.numbers(4, 1, 99)
    return (items, draw.rng.choice(items))


def _product(values: range) -> int:
    result = 1
    for value in values:
        result *= value
    return result


def build(draw: Draw) -> Draft:
    return functions.one_line_wrong(draw, SHAPES)


FAMILY = Family(
    "offbyone",
    build,
    standard=(
        "Fix the off-by-one error in `{name}` in {path}.",
        "There is an off-by-one bug in `{name}` ({path}). Fix it.",
        "`{name}` in {path} is off by one. Make it do what its docstring says.",
        "The function `{name}` in {path} has an off-by-one error. Correct it.",
        "{path}: `{name}` is off by one, fix it.",
        "Correct the off-by-one mistake in `{name}` in {path}.",
        "In {path} the function `{name}` is off by one. Repair it.",
        "Repair the off-by-one bug in `{name}`, which is in {path}.",
        "`{name}` in {path} gives results that are off by one. Fix the function.",
        "Find and fix the off-by-one error in the function `{name}` of {path}.",
        "Fix `{name}` in {path}: it is off by one.",
        "Somebody made an off-by-one error in `{name}` in {path}. Fix it.",
        "Open {path} and fix the off-by-one error in `{name}`.",
        "The docstring of `{name}` in {path} is right but the code is off by one. Fix the code.",
        "Make `{name}` in {path} match its docstring. It is off by one.",
        "{test} fails because `{name}` in {path} is off by one. Fix it.",
        "Bug: `{name}` in {path} is off by one. Fix the bug.",
        "Solve the off-by-one problem in `{name}` in the file {path}.",
    ),
    hard=(
        "A boundary in `{name}` ({path}) is one step away from where it belongs; put it right.",
        "`{name}`, defined in {path}, misses its documented result by one. Sort that out.",
        "We have a fencepost slip inside `{name}` of {path}. Get rid of it.",
        "Users report that `{name}` from {path} counts one too many or one too few. Mend it.",
        "Look into {path}; `{name}` has a fencepost problem that needs mending.",
        "Adjust `{name}` within {path}, its limit is shifted by one against the description.",
    ),
)
