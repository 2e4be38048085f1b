"""Family `failing_test`: the right value stands only in the test and in what it prints."""

from __future__ import annotations

from seatrial.suites.shakedown.draw import (
    HIDDEN_FILE,
    PYTEST_INI,
    Draw,
    check,
    test_file,
    test_function,
)
from seatrial.suites.shakedown.model import Draft, Edit, Family

Value = int | float | str | list[int]


def _value(draw: Draw, kind: str) -> Value:
    if kind == "word":
        return draw.names.word()
    if kind == "float":
        return draw.rng.randrange(1, 10000) / draw.rng.choice((10, 100))
    if kind == "list":
        return draw.numbers(2, 1, 99)
    return draw.number() * (-1 if draw.chance(0.08) else 1)


def _spell(value: Value) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _pair(draw: Draw) -> tuple[Value, Value]:
    kind = draw.rng.choices(("int", "float", "word", "list"), (76, 8, 10, 6))[0]
    while True:
        old, new = _value(draw, kind), _value(draw, kind)
        if old != new:
            return old, new


def build(draw: Draw) -> Draft:
    old, new = _pair(draw)
    shape = draw.rng.choice((_returns, _returns, _constant, _table, _attribute))
    name, expression, text, before, after = shape(draw, old, new)
    place = draw.place()
    test = f"test_{place.stem}.py"
    imports = [f"from {place.dotted} import {name}"]
    lines = [check(expression, new)]
    return Draft(
        fields={"path": place.path, "name": name, "test": test},
        files={
            place.path: text,
            test: test_file(imports, [test_function(draw.names.word(), lines)]),
            "pytest.ini": PYTEST_INI,
        },
        hidden={HIDDEN_FILE: test_file(imports, [test_function(draw.names.word(), lines)])},
        steps=(Edit(place.path, before, after),),
    )


Shaped = tuple[str, str, str, str, str]


def _returns(draw: Draw, old: Value, new: Value) -> Shaped:
    name = draw.names.symbol()
    text = draw.module([f"def {name}():\n    return {_spell(old)}"])
    return name, f"{name}()", text, f"return {_spell(old)}", f"return {_spell(new)}"


def _constant(draw: Draw, old: Value, new: Value) -> Shaped:
    name = draw.names.constant()
    text = draw.module([], constants=[f"{name} = {_spell(old)}"])
    return name, name, text, f"{name} = {_spell(old)}", f"{name} = {_spell(new)}"


def _table(draw: Draw, old: Value, new: Value) -> Shaped:
    name, argument = draw.names.symbol(), draw.names.word()
    key, other = draw.words(2)
    rows = [f'"{key}": {_spell(old)}', f'"{other}": {_spell(_value(draw, "int"))}']
    draw.rng.shuffle(rows)
    text = draw.module([f"def {name}({argument}):\n    return {{{', '.join(rows)}}}[{argument}]"])
    before, after = f'"{key}": {_spell(old)}', f'"{key}": {_spell(new)}'
    return name, f'{name}("{key}")', text, before, after


def _attribute(draw: Draw, old: Value, new: Value) -> Shaped:
    name, attribute = draw.names.type_name(), draw.names.word()
    text = draw.module([f"class {name}:\n    {attribute} = {_spell(old)}"])
    before, after = f"{attribute} = {_spell(old)}", f"{attribute} = {_spell(new)}"
    return name, f"{name}.{attribute}", text, before, after


FAMILY = Family(
    "failing_test",
    build,
    standard=(
        "The test in {test} fails. Fix `{name}` in {path}.",
        "Make the failing test pass. The code is `{name}` in {path}.",
        "{test} fails. Change `{name}` in {path} so that it passes.",
        "Run the tests, one fails. Fix `{name}` in {path}.",
        "Fix `{name}` in {path} so that the tests pass.",
        "A test for `{name}` in {path} fails. Make it pass.",
        "Make {test} pass by fixing `{name}` in {path}.",
        "The tests are red because of `{name}` in {path}. Fix it.",
        "{path}: `{name}` has the wrong value, see the failing test. Fix it.",
        "Run the tests and see what `{name}` in {path} should be. Then fix it.",
        "`{name}` in {path} does not agree with {test}. Fix `{name}`.",
        "The value in `{name}` ({path}) is wrong, the test knows the right one. Fix it.",
        "Get the failing test to pass. Edit `{name}` in {path}, not the test.",
        "One test fails. The cause is `{name}` in {path}. Fix it.",
        "Find out why {test} fails and fix `{name}` in {path}.",
        "Look at the failing test and correct `{name}` in {path}.",
        "The failing test is right and `{name}` in {path} is wrong. Correct it.",
        "Please make the tests pass. Only `{name}` in {path} is wrong.",
    ),
    hard=(
        "Our checks complain about `{name}` from {path}; satisfy them without touching {test}.",
        "Turn {test} green; what must move is `{name}` within {path}.",
        "Whatever {test} wants from `{name}` ({path}), deliver it.",
        "Bring `{name}` of {path} in line with its check.",
        "{test} knows better than `{name}` of {path}. Follow the former.",
        "The check on `{name}`, which lives in {path}, is red. Turn it green.",
    ),
)
