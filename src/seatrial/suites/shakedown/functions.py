"""Function shapes: a docstring, a body, what it answers, and inputs to try it on.

Shared by the families whose task is one function. In: a shape and a drawing board. Out: the
function's text, right and wrong, and test cases whose expected values come from the shape's own
answer, never from the text under test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from seatrial.suites.shakedown.draw import (
    HIDDEN_FILE,
    PYTEST_INI,
    Draw,
    Place,
    call,
    check,
    test_file,
    test_function,
)
from seatrial.suites.shakedown.model import Draft, Edit, StepError


@dataclass(frozen=True)
class Shape:
    """A function with placeholders: {a} {b} {c} parameters, {x} {y} locals, {k} a number.

    `wrong` replaces line `at` of the body (empty: the family makes a stub of the whole body).
    `answer` takes the arguments, then k where the shape uses it.
    """

    doc: str
    params: str
    body: tuple[str, ...]
    sample: Callable[[Draw], tuple[object, ...]]
    answer: Callable[..., object]
    wrong: str = ""
    at: int = 0


@dataclass(frozen=True)
class Function:
    """A shape with names."""

    shape: Shape
    name: str
    names: dict[str, str]
    k: int

    def text(self, line: str) -> str:
        return line.format(**self.names, k=self.k)

    def source(self, lines: list[str]) -> str:
        params = ", ".join(self.names[letter] for letter in self.shape.params)
        doc = f'    """{self.text(self.shape.doc)}"""'
        return "\n".join([f"def {self.name}({params}):", doc, *(f"    {line}" for line in lines)])

    def right(self) -> list[str]:
        return [self.text(line) for line in self.shape.body]

    def wrong(self) -> list[str]:
        lines = self.right()
        lines[self.shape.at] = self.text(self.shape.wrong)
        return lines

    def answer(self, arguments: tuple[object, ...]) -> object:
        extra = (self.k,) if "{k}" in "".join(self.shape.body) + self.shape.doc else ()
        return self.shape.answer(*arguments, *extra)


def draw_function(draw: Draw, shape: Shape) -> Function:
    letters = {letter: draw.names.word() for letter in "abcxy"}
    return Function(shape, draw.names.symbol(), letters, draw.number())


def fails(function: Function, source: str, arguments: tuple[object, ...]) -> bool:
    """Whether the source answers otherwise than the shape (an exception is otherwise too)."""
    space: dict[str, object] = {}
    exec(compile(source, "candidate", "exec"), space)
    candidate = space[function.name]
    assert callable(candidate)
    try:
        return bool(candidate(*arguments) != function.answer(arguments))
    except Exception:
        return True


def draft(draw: Draw, function: Function, before: list[str], edit: Edit, place: Place) -> Draft:
    """The task of turning the function with body `before` into the right one."""
    source = function.source(before)
    telling = _case(draw, function, source)
    cases = [function.shape.sample(draw) for _ in range(3)]
    hidden = [_case(draw, function, source), *cases]
    test = f"test_{place.stem}.py"
    imports = [f"from {place.dotted} import {function.name}"]
    return Draft(
        fields={"path": place.path, "name": function.name, "test": test},
        files={
            place.path: draw.module([source]),
            test: test_file(imports, [_test(draw, function, [telling])]),
            "pytest.ini": PYTEST_INI,
        },
        hidden={HIDDEN_FILE: test_file(imports, [_test(draw, function, hidden)])},
        steps=(edit,),
    )


def one_line_wrong(draw: Draw, shapes: Sequence[Shape]) -> Draft:
    """A draft of one of `shapes` whose code has the shape's wrong line in it."""
    shape = draw.rng.choice(shapes)
    function = draw_function(draw, shape)
    place = draw.place()
    before, after = function.wrong(), function.right()
    edit = Edit(place.path, before[shape.at].strip(), after[shape.at].strip())
    return draft(draw, function, before, edit, place)


def _case(draw: Draw, function: Function, source: str) -> tuple[object, ...]:
    """Arguments on which the given source is wrong: a test has to tell."""
    for _ in range(50):
        arguments = function.shape.sample(draw)
        if fails(function, source, arguments):
            return arguments
    raise StepError(f"no arguments tell that {function.name} is wrong")


def _test(draw: Draw, function: Function, cases: list[tuple[object, ...]]) -> str:
    lines = [check(call(function.name, case), function.answer(case)) for case in cases]
    return test_function(draw.names.word(), lines)
