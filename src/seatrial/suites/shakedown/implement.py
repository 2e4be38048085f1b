"""Family `implement`: a stub and a docstring; write the body."""

from __future__ import annotations

from seatrial.suites.shakedown import functions
from seatrial.suites.shakedown.draw import Draw
from seatrial.suites.shakedown.functions import Shape
from seatrial.suites.shakedown.model import Draft, Edit, Family


def _two(draw: Draw) -> tuple[object, ...]:
    return (draw.rng.randrange(1, 90), draw.rng.randrange(1, 90))


def _one(draw: Draw) -> tuple[object, ...]:
    return (draw.rng.randrange(-40, 90),)


def _list(draw: Draw) -> tuple[object, ...]:
    return (draw.numbers(draw.rng.randrange(3, 6)),)


def _word(draw: Draw) -> tuple[object, ...]:
    return (draw.names.word(),)


def _words(draw: Draw) -> tuple[object, ...]:
    return (draw.words(draw.rng.randrange(2, 4)),)


def _product(values: list[int]) -> int:
    result = 1
    for value in values:
        result *= value
    return result


def _repeats(draw: Draw) -> tuple[object, ...]:
    values = draw.numbers(3, 1, 9)
    return (values + values[:2],)


def _pieces(draw: Draw) -> tuple[object, ...]:
    return ([draw.names.word(), "", draw.names.word(), ""],)


def _keys(draw: Draw) -> tuple[object, ...]:
    return ({draw.names.word(): draw.number(), draw.names.word(): draw.number()},)


SHAPES = (
    Shape("Return the sum of {a} and {b}.", "ab", ("return {a} + {b}",), _two, lambda a, b: a + b),
    Shape(
        "Return the larger of {a} and {b}.",
        "ab",
        ("return max({a}, {b})",),
        _two,
        lambda a, b: max(a, b),
    ),
    Shape("Return whether {a} is even.", "a", ("return {a} % 2 == 0",), _one, lambda a: a % 2 == 0),
    Shape("Return {a} times {k}.", "a", ("return {a} * {k}",), _one, lambda a, k: a * k),
    Shape(
        "Return {a} plus {k}, times {b}.",
        "ab",
        ("return ({a} + {k}) * {b}",),
        _two,
        lambda a, b, k: (a + k) * b,
    ),
    Shape("Return {a} reversed.", "a", ("return {a}[::-1]",), _word, lambda a: a[::-1]),
    Shape(
        "Return the squares of the numbers in {a}.",
        "a",
        ("return [{x} * {x} for {x} in {a}]",),
        _list,
        lambda a: [x * x for x in a],
    ),
    Shape(
        "Return the numbers in {a} that are greater than 0.",
        "a",
        ("return [{x} for {x} in {a} if {x} > 0]",),
        _list,
        lambda a: [x for x in a if x > 0],
    ),
    Shape(
        "Return the last item of {a}, or None if {a} is empty.",
        "a",
        ("return {a}[-1] if {a} else None",),
        lambda draw: ([] if draw.chance(0.3) else draw.numbers(3),),
        lambda a: a[-1] if a else None,
    ),
    Shape(
        "Return how often {b} occurs in {a}.",
        "ab",
        ("return {a}.count({b})",),
        lambda draw: ([*draw.numbers(4, 1, 4)], draw.rng.randrange(1, 4)),
        lambda a, b: a.count(b),
    ),
    Shape(
        "Return the words in {a} joined by commas.",
        "a",
        ('return ",".join({a})',),
        _words,
        lambda a: ",".join(a),
    ),
    Shape(
        "Return the product of the numbers in {a}.",
        "a",
        ("{x} = 1", "for {y} in {a}:", "    {x} *= {y}", "return {x}"),
        lambda draw: (draw.numbers(3, 1, 12),),
        _product,
    ),
    Shape(
        "Return {a}, but at least {b} and at most {c}.",
        "abc",
        ("return max({b}, min({a}, {c}))",),
        lambda draw: (draw.rng.randrange(1, 90), draw.rng.randrange(20), 40),
        lambda a, b, c: max(b, min(a, c)),
    ),
    Shape(
        "Return the distance between {a} and {b}.",
        "ab",
        ("return abs({a} - {b})",),
        _two,
        lambda a, b: abs(a - b),
    ),
    Shape("Return {a} in upper case.", "a", ("return {a}.upper()",), _word, lambda a: a.upper()),
    Shape(
        "Return the different items of {a} in order.",
        "a",
        ("return sorted(set({a}))",),
        _repeats,
        lambda a: sorted(set(a)),
    ),
    Shape(
        "Return the sum of the even numbers in {a}.",
        "a",
        ("return sum({x} for {x} in {a} if {x} % 2 == 0)",),
        _list,
        lambda a: sum(x for x in a if x % 2 == 0),
    ),
    Shape(
        "Return the pair of {b} and {a}, in this order.",
        "ab",
        ("return {b}, {a}",),
        _two,
        lambda a, b: (b, a),
    ),
    Shape(
        "Return a dict from each word in {a} to its length.",
        "a",
        ("return {{{x}: len({x}) for {x} in {a}}}",),
        _words,
        lambda a: {x: len(x) for x in a},
    ),
    Shape(
        "Return {a} without the empty words.",
        "a",
        ("return [{x} for {x} in {a} if {x}]",),
        _pieces,
        lambda a: [x for x in a if x],
    ),
    Shape(
        "Return whether {a} reads the same backwards.",
        "a",
        ("return {a} == {a}[::-1]",),
        lambda draw: _mirror(draw),
        lambda a: a == a[::-1],
    ),
    Shape(
        "Return the smallest and the largest item of {a}.",
        "a",
        ("return min({a}), max({a})",),
        _list,
        lambda a: (min(a), max(a)),
    ),
    Shape(
        "Return the value of {b} in {a}, or {k} if it is missing.",
        "ab",
        ("return {a}.get({b}, {k})",),
        lambda draw: _lookup(draw),
        lambda a, b, k: a.get(b, k),
    ),
    Shape(
        "Return the keys of {a} in order.",
        "a",
        ("return sorted({a})",),
        _keys,
        lambda a: sorted(a),
    ),
)


def _mirror(draw: Draw) -> tuple[object, ...]:
    word = draw.names.word()
    return (word + word[::-1] if draw.chance(0.5) else word,)


def _lookup(draw: Draw) -> tuple[object, ...]:
    (table,) = _keys(draw)
    assert isinstance(table, dict)
    return (table, draw.rng.choice([*table, draw.names.word()]))


STUBS = ("raise NotImplementedError", "raise NotImplementedError", "pass", "...")


def build(draw: Draw) -> Draft:
    function = functions.draw_function(draw, draw.rng.choice(SHAPES))
    place = draw.place()
    stub = draw.rng.choice(STUBS)
    edit = Edit(place.path, stub, "\n    ".join(function.right()))
    return functions.draft(draw, function, [stub], edit, place)


FAMILY = Family(
    "implement",
    build,
    standard=(
        "Implement `{name}` in {path}.",
        "Implement the function `{name}` in {path} as its docstring says.",
        "`{name}` in {path} is not implemented yet. Write it.",
        "Write the body of `{name}` in {path}.",
        "{path}: implement `{name}`.",
        "Fill in the function `{name}` in {path}. The docstring says what it does.",
        "The function `{name}` in {path} is only a stub. Implement it.",
        "Complete `{name}` in {path} according to its docstring.",
        "In {path} there is a stub `{name}`. Write the code for it.",
        "Finish the function `{name}` in the file {path}.",
        "Replace the stub of `{name}` in {path} with a real implementation.",
        "Make `{name}` in {path} do what its docstring says.",
        "Write the missing code of `{name}` ({path}).",
        "{test} fails because `{name}` in {path} has no body. Implement it.",
        "Open {path} and implement `{name}`.",
        "Read the docstring of `{name}` in {path} and implement the function.",
        "Add the implementation of `{name}` to {path}.",
        "The body of `{name}` in {path} is missing. Write it.",
    ),
    hard=(
        "`{name}` from {path} still lacks any logic; supply it following its description.",
        "Turn the placeholder `{name}`, which lives in {path}, into working code.",
        "Provide working logic for `{name}` within {path}.",
        "Somebody left `{name}` of {path} empty. Its description tells you what belongs there.",
        "Bring `{name}` (see {path}) to life.",
        "We need `{name}` out of {path} to actually work; so far it is a placeholder.",
    ),
)
