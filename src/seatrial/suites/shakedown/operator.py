"""Family `operator`: the docstring says one operation, the code does another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from seatrial.suites.shakedown import functions
from seatrial.suites.shakedown.draw import Draw
from seatrial.suites.shakedown.functions import Shape
from seatrial.suites.shakedown.model import Draft, Family

_ARITHMETIC: tuple[tuple[str, str, Callable[[int, int], object]], ...] = (
    ("+", "the sum of {a} and {b}", lambda a, b: a + b),
    ("-", "{a} minus {b}", lambda a, b: a - b),
    ("*", "the product of {a} and {b}", lambda a, b: a * b),
    ("//", "{a} divided by {b}, rounded down", lambda a, b: a // b),
    ("%", "the remainder of {a} divided by {b}", lambda a, b: a % b),
)
_COMPARISON: tuple[tuple[str, str, Callable[[int, int], object]], ...] = (
    (">", "{a} is greater than {b}", lambda a, b: a > b),
    (">=", "{a} is at least {b}", lambda a, b: a >= b),
    ("<", "{a} is less than {b}", lambda a, b: a < b),
    ("<=", "{a} is at most {b}", lambda a, b: a <= b),
    ("==", "{a} is equal to {b}", lambda a, b: a == b),
    ("!=", "{a} is different from {b}", lambda a, b: a != b),
)


def _pair(draw: Draw) -> tuple[object, ...]:
    return (draw.rng.randrange(1, 90), draw.rng.randrange(1, 12))


def _near(draw: Draw) -> tuple[object, ...]:
    value = draw.rng.randrange(1, 90)
    return (value, value + draw.rng.choice((-7, -1, 0, 0, 1, 5)))


def _shapes() -> list[Shape]:
    """Every (right, wrong) pair of operators in every frame it reads well in."""
    shapes: list[Shape] = []
    for table, sample, verb, frames in (
        (_ARITHMETIC, _pair, "Return ", _ARITHMETIC_FRAMES),
        (_COMPARISON, _near, "Return whether ", _COMPARISON_FRAMES),
    ):
        for sign, doc, answer in table:
            shape = Shape(verb + doc + ".", "ab", (), sample, answer)
            for other, _, _ in table:
                if other != sign:
                    shapes += [_framed(shape, frame, sign, other) for frame in frames]
    return shapes


_ARITHMETIC_FRAMES = (
    (("return {{a}} {op} {{b}}",), 0),
    (("{{x}} = {{a}} {op} {{b}}", "return {{x}}"), 0),
)
_COMPARISON_FRAMES = (
    (("return {{a}} {op} {{b}}",), 0),
    (("{{x}} = {{a}} {op} {{b}}", "return {{x}}"), 0),
    (("if {{a}} {op} {{b}}:", "    return True", "return False"), 0),
)


def _framed(shape: Shape, frame: tuple[tuple[str, ...], int], sign: str, other: str) -> Shape:
    lines, at = frame
    return replace(
        shape,
        body=tuple(line.format(op=sign) for line in lines),
        wrong=lines[at].format(op=other),
        at=at,
    )


_LISTS = (
    Shape(
        "Return the items of {a} that are greater than {k}.",
        "a",
        ("return [{x} for {x} in {a} if {x} > {k}]",),
        lambda draw: ([*draw.numbers(3, 1, 99), draw.number(), draw.number()],),
        lambda items, k: [item for item in items if item > k],
        wrong="return [{x} for {x} in {a} if {x} < {k}]",
    ),
    Shape(
        "Return {a} plus {k}.",
        "a",
        ("return {a} + {k}",),
        lambda draw: (draw.rng.randrange(1, 500),),
        lambda a, k: a + k,
        wrong="return {a} - {k}",
    ),
    Shape(
        "Return whether both {a} and {b} are true.",
        "ab",
        ("return {a} and {b}",),
        lambda draw: (draw.chance(0.5), draw.chance(0.5)),
        lambda a, b: a and b,
        wrong="return {a} or {b}",
    ),
    Shape(
        "Return whether {a} or {b} is true.",
        "ab",
        ("return {a} or {b}",),
        lambda draw: (draw.chance(0.5), draw.chance(0.5)),
        lambda a, b: a or b,
        wrong="return {a} and {b}",
    ),
    Shape(
        "Return the larger one of {a} and {b}.",
        "ab",
        ("return {a} if {a} > {b} else {b}",),
        lambda draw: (draw.rng.randrange(1, 90), draw.rng.randrange(1, 90)),
        lambda a, b: max(a, b),
        wrong="return {a} if {a} < {b} else {b}",
    ),
)

SHAPES = (*_shapes(), *_LISTS * 4)


def build(draw: Draw) -> Draft:
    return functions.one_line_wrong(draw, SHAPES)


FAMILY = Family(
    "operator",
    build,
    standard=(
        "`{name}` in {path} uses the wrong operator. Fix it.",
        "Fix the wrong operator in `{name}` in {path}.",
        "The operator in `{name}` ({path}) does not match the docstring. Correct it.",
        "{path}: `{name}` has a wrong operator, fix it.",
        "Correct the operator in the function `{name}` of {path}.",
        "In {path} the function `{name}` uses the wrong operator. Make it match the docstring.",
        "Make `{name}` in {path} do what its docstring says. One operator is wrong.",
        "There is a wrong operator in `{name}` in {path}. Replace it.",
        "Replace the wrong operator in `{name}`, which is in {path}.",
        "`{name}` in {path} computes the wrong thing. Check its operator and fix it.",
        "The docstring of `{name}` in {path} is right, the operator is wrong. Fix the operator.",
        "Somebody used the wrong operator in `{name}` in {path}. Fix it.",
        "Open {path} and fix the operator in `{name}`.",
        "{test} fails because `{name}` in {path} uses a wrong operator. Fix it.",
        "Bug: wrong operator in `{name}` in {path}. Fix the bug.",
        "Find the wrong operator in `{name}` in the file {path} and correct it.",
        "Use the right operator in `{name}` in {path}, as its docstring says.",
        "Read the docstring of `{name}` in {path} and fix the operator.",
    ),
    hard=(
        "`{name}` from {path} does not calculate what it documents; one sign in it is mistaken.",
        "Within {path}, `{name}` combines its values the wrong way. Bring it in line with its"
        " description.",
        "Code and description of `{name}` ({path}) disagree about the operation; trust the"
        " description.",
        "Please give `{name}` of {path} the operation that it promises.",
        "A mistaken sign slipped into `{name}`, see {path}. Swap it for the documented one.",
        "Results of `{name}` (file {path}) contradict its own description. Mend the expression.",
    ),
)
