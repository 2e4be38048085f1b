"""Family `imports`: a function uses a standard module that nobody imports."""

from __future__ import annotations

import base64
import functools
import itertools
import json
import math
import re
import statistics
import string
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

from seatrial.suites.shakedown.draw import (
    HIDDEN_FILE,
    PYTEST_INI,
    Draw,
    call,
    check,
    test_file,
    test_function,
)
from seatrial.suites.shakedown.model import Draft, Edit, Family


@dataclass(frozen=True)
class _Use:
    """An expression over {a} that needs `module`."""

    module: str
    expression: str
    sample: Callable[[Draw], object]
    answer: Callable[..., object]


def _text(draw: Draw) -> object:
    return f"{draw.names.word()} {draw.names.word()}"


def _numbers(draw: Draw) -> object:
    return draw.numbers(3, 1, 60)


_USES = (
    _Use("json", "json.dumps({a})", _numbers, json.dumps),
    _Use("json", "json.loads({a})", lambda draw: json.dumps(draw.numbers(3)), json.loads),
    _Use("math", "math.floor({a})", lambda draw: draw.number() / 8, math.floor),
    _Use("math", "math.isqrt({a})", Draw.number, math.isqrt),
    _Use("math", "math.prod({a})", _numbers, math.prod),
    _Use("math", "math.gcd({a}, 60)", Draw.number, lambda a: math.gcd(a, 60)),
    _Use(
        "re",
        're.findall("[0-9]+", {a})',
        lambda draw: f"{draw.names.word()} {draw.number()} {draw.number()}",
        lambda a: re.findall("[0-9]+", a),
    ),
    _Use("re", 're.split(" +", {a})', _text, lambda a: re.split(" +", a)),
    _Use("string", "string.capwords({a})", _text, string.capwords),
    _Use(
        "itertools",
        "list(itertools.accumulate({a}))",
        _numbers,
        lambda a: list(itertools.accumulate(a)),
    ),
    _Use("itertools", "list(itertools.chain({a}, {a}))", _numbers, lambda a: list(a) * 2),
    _Use(
        "functools",
        "functools.reduce(max, {a})",
        _numbers,
        lambda a: functools.reduce(max, a),
    ),
    _Use("statistics", "statistics.median({a})", _numbers, statistics.median),
    _Use("textwrap", 'textwrap.indent({a}, "  ")', _text, lambda a: textwrap.indent(a, "  ")),
    _Use(
        "base64",
        "base64.b64encode({a}.encode()).decode()",
        _text,
        lambda a: base64.b64encode(a.encode()).decode(),
    ),
    _Use("os", "os.path.basename({a})", lambda draw: _path(draw), lambda a: a.split("/")[-1]),
    _Use("os", "os.path.dirname({a})", lambda draw: _path(draw), lambda a: a.split("/")[0]),
    _Use("operator", "operator.neg({a})", Draw.number, lambda a: -a),
    _Use(
        "datetime",
        "str(datetime.timedelta(seconds={a}))",
        lambda draw: draw.rng.randrange(10, 59),
        lambda a: f"0:00:{a}",
    ),
)


def _path(draw: Draw) -> object:
    return f"{draw.names.word()}/{draw.names.word()}"


_OTHERS = ("sys", "time", "random", "copy")


def build(draw: Draw) -> Draft:
    use = draw.rng.choice(_USES)
    name, argument = draw.names.symbol(), draw.names.word()
    place = draw.place()
    body = f"def {name}({argument}):\n    return {use.expression.format(a=argument)}"
    other = draw.rng.choice(_OTHERS) if draw.chance(0.3) else ""
    text = draw.module([body], head=f"import {other}" if other else "")
    first = text.split("\n", 1)[0]
    gap = "\n" if other else "\n\n\n" if first.startswith(("def ", "class ")) else "\n\n"
    new = f"import {use.module}{gap}{first}"
    samples = [use.sample(draw) for _ in range(4)]
    cases = [check(call(name, [sample]), use.answer(sample)) for sample in samples]
    test = f"test_{place.stem}.py"
    imports = [f"from {place.dotted} import {name}"]
    return Draft(
        fields={"path": place.path, "name": name, "module": use.module, "test": test},
        files={
            place.path: text,
            test: test_file(imports, [test_function(draw.names.word(), cases[:1])]),
            "pytest.ini": PYTEST_INI,
        },
        hidden={HIDDEN_FILE: test_file(imports, [test_function(draw.names.word(), cases)])},
        steps=(Edit(place.path, first, new),),
    )


FAMILY = Family(
    "imports",
    build,
    standard=(
        "`{name}` in {path} raises a NameError. Fix it.",
        "Fix the NameError in `{name}` in {path}.",
        "{path}: `{name}` raises NameError, fix it.",
        "An import is missing in {path}, so `{name}` fails. Add it.",
        "Add the missing import to {path} so that `{name}` works.",
        "`{name}` in {path} uses a module that is not imported. Import it.",
        "`{name}` in {path} needs the module {module}. Import it.",
        "Import `{module}` in {path}, `{name}` needs it.",
        "Calling `{name}` from {path} ends in a NameError. Add the import.",
        "The function `{name}` in {path} fails with a NameError. Repair it.",
        "{test} fails with a NameError in `{name}` ({path}). Fix it.",
        "Somebody forgot an import in {path}. `{name}` needs it. Add it.",
        "The import of `{module}` is missing in {path}. Add it for `{name}`.",
        "Open {path} and add the import that `{name}` needs.",
        "Make `{name}` in {path} work: an import is missing.",
        "Bug: NameError in `{name}` in {path}. Add the missing import.",
        "In {path} the function `{name}` lacks an import. Add it.",
        "Find out which import `{name}` in {path} needs and add it.",
    ),
    hard=(
        "`{name}` of {path} stumbles over an unknown name. Make that name known.",
        "Nobody told {path} where `{name}` gets its module from. Do so at the top.",
        "Whoever calls `{name}` (see {path}) gets an unknown name thrown back; resolve that.",
        "Supply {path} with what `{name}` refers to but cannot see.",
        "`{name}`, part of {path}, relies on a standard module nobody brought in. Bring it in.",
        "Get `{name}` within {path} going again; its module was never brought in.",
    ),
)
