"""Family `create`: a new small file, exactly as the instruction says."""

from __future__ import annotations

from dataclasses import dataclass

from seatrial.suites.shakedown.draw import (
    HIDDEN_FILE,
    PYTEST_INI,
    Draw,
    Place,
    check,
    test_file,
    test_function,
)
from seatrial.suites.shakedown.model import Draft, Family, Write


@dataclass(frozen=True)
class _Wanted:
    """What the file holds, in words and as text, and how tests look at it."""

    what: str
    content: str
    imports: list[str]
    visible: list[str]
    hidden: list[str]


_EXPRESSIONS = (
    "{a} + {b}",
    "{a} - {b}",
    "{a} * {b}",
    "{a} + {b} + {k}",
    "{a} * {b} + {k}",
    "({a} + {b}) * {k}",
    "{k} - {a} + {b}",
    "[{a}, {b}, {k}]",
    "max({a}, {b}, {k})",
    "{a} * {k} - {b}",
)


def _function(draw: Draw, place: Place) -> _Wanted:
    name, k = draw.names.symbol(), draw.number()
    letters = {"a": draw.names.word(), "b": draw.names.word()}
    template = draw.rng.choice(_EXPRESSIONS)
    expression = template.format(**letters, k=k)
    signature = f"{name}({letters['a']}, {letters['b']})"
    checks = []
    for _ in range(4):
        values = (draw.rng.randrange(1, 90), draw.rng.randrange(1, 90))
        result = eval(template.format(a=values[0], b=values[1], k=k))
        checks.append(check(f"{name}({values[0]}, {values[1]})", result))
    return _Wanted(
        f"with a function `{signature}` that returns `{expression}`",
        f"def {signature}:\n    return {expression}\n",
        [f"from {place.dotted} import {name}"],
        checks[:1],
        checks,
    )


def _constant(draw: Draw, place: Place) -> _Wanted:
    name = draw.names.constant()
    value: int | str = draw.names.word() if draw.chance(0.25) else draw.number()
    spelled = f'"{value}"' if isinstance(value, str) else str(value)
    lines = [check(name, value)]
    return _Wanted(
        f"with the constant `{name}` set to {spelled}",
        f"{name} = {spelled}\n",
        [f"from {place.dotted} import {name}"],
        lines,
        lines,
    )


def _class(draw: Draw, place: Place) -> _Wanted:
    name, attribute, value = draw.names.type_name(), draw.names.word(), draw.number()
    lines = [check(f"{name}.{attribute}", value)]
    return _Wanted(
        f"with a class `{name}` whose attribute `{attribute}` is {value}",
        f"class {name}:\n    {attribute} = {value}\n",
        [f"from {place.dotted} import {name}"],
        lines,
        [*lines, check(f"{name}().{attribute}", value)],
    )


def _line(draw: Draw, place: Place) -> _Wanted:
    line = " ".join([*draw.words(draw.rng.randrange(1, 4)), str(draw.number())])
    exact = check(f'Path("{place.path}").read_text().rstrip("\\n")', line)
    return _Wanted(
        f"with the one line `{line}`",
        f"{line}\n",
        ["from pathlib import Path"],
        [f'assert Path("{place.path}").exists()'],
        [exact],
    )


def build(draw: Draw) -> Draft:
    shape = draw.rng.choice((_function, _function, _constant, _class, _line))
    place = draw.place(".txt" if shape is _line else ".py")
    wanted = shape(draw, place)
    neighbour = draw.place()
    block = f"def {draw.names.symbol()}():\n    return {draw.number()}"
    test = f"test_{place.stem}.py"
    return Draft(
        fields={"path": place.path, "what": wanted.what, "test": test},
        files={
            neighbour.path: draw.module([block]),
            test: test_file(wanted.imports, [test_function(draw.names.word(), wanted.visible)]),
            "pytest.ini": PYTEST_INI,
        },
        hidden={
            HIDDEN_FILE: test_file(
                wanted.imports, [test_function(draw.names.word(), wanted.hidden)]
            )
        },
        steps=(Write(place.path, wanted.content),),
    )


FAMILY = Family(
    "create",
    build,
    standard=(
        "Create {path} {what}.",
        "Create the file {path} {what}.",
        "Create a new file {path} {what}.",
        "Add a file {path} {what}.",
        "Add a new file {path} {what}.",
        "Write a new file {path} {what}.",
        "Write {path} {what}.",
        "Make a new file {path} {what}.",
        "{path} is missing. Create it {what}.",
        "The file {path} does not exist yet. Write it {what}.",
        "We need a new file {path} {what}.",
        "I need the file {path} {what}. Create it.",
        "Please create {path} {what}.",
        "{test} needs the file {path} {what}. Add it.",
        "Start a new file called {path} {what}.",
        "There is no {path}. Add one {what}.",
        "Put a new file {path} into the project {what}.",
        "New file: {path} {what}.",
    ),
    hard=(
        "Set up {path} {what}; nothing else belongs there.",
        "Our project still lacks {path}. Supply it {what}.",
        "Let there be {path} {what}.",
        "Produce {path} {what}, please, and nothing more.",
        "{test} looks for {path} {what}. Give it that.",
        "Bring {path} into being {what}.",
    ),
)
