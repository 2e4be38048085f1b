"""Family `rename`: one symbol, its definition and its uses, in one file or two."""

from __future__ import annotations

from dataclasses import dataclass

from seatrial.suites.shakedown.draw import (
    HIDDEN_FILE,
    PYTEST_INI,
    Draw,
    check,
    test_file,
    test_function,
)
from seatrial.suites.shakedown.model import Draft, Edit, Family, Step


@dataclass(frozen=True)
class _Symbol:
    """The renamed thing: how it is defined and how its user works with it."""

    old: str
    new: str
    definition: str
    rest: str
    use: str
    user: str
    case: str
    value: object

    def defined(self) -> str:
        return f"{self.definition.format(self.old)}{self.rest}"

    def edits(self, path: str, *templates: str) -> list[Step]:
        return [Edit(path, line.format(self.old), line.format(self.new)) for line in templates]


def _function(draw: Draw) -> _Symbol:
    argument, user, given = draw.words(3)
    add, times, start = draw.number(), draw.rng.randrange(2, 20), draw.rng.randrange(1, 50)
    return _Symbol(
        draw.names.symbol(),
        draw.names.symbol(),
        f"def {{}}({argument}):",
        f"\n    return {argument} + {add}",
        f"return {{}}({given}) * {times}",
        f"def {user}({given}):",
        f"{user}({start})",
        (start + add) * times,
    )


def _constant(draw: Draw) -> _Symbol:
    user, given = draw.words(2)
    value, start = draw.number(), draw.rng.randrange(1, 50)
    return _Symbol(
        draw.names.constant(),
        draw.names.constant(),
        f"{{}} = {value}",
        "",
        f"return {given} + {{}}",
        f"def {user}({given}):",
        f"{user}({start})",
        start + value,
    )


def _class(draw: Draw) -> _Symbol:
    user, attribute = draw.words(2)
    value = draw.number()
    return _Symbol(
        draw.names.type_name(),
        draw.names.type_name(),
        "class {}:",
        f"\n    {attribute} = {value}",
        f"return {{}}().{attribute}",
        f"def {user}():",
        f"{user}()",
        value,
    )


def build(draw: Draw) -> Draft:
    symbol = draw.rng.choice((_function, _function, _constant, _class))(draw)
    return _two_files(draw, symbol) if draw.chance(0.4) else _one_file(draw, symbol)


def _user(symbol: _Symbol) -> str:
    return f"{symbol.user}\n    {symbol.use.format(symbol.old)}"


def _definition(draw: Draw, symbol: _Symbol, *more: str) -> str:
    if symbol.rest:
        return draw.module([symbol.defined(), *more])
    return draw.module(more, constants=[symbol.defined()])


def _one_file(draw: Draw, symbol: _Symbol) -> Draft:
    place = draw.place()
    text = _definition(draw, symbol, _user(symbol))
    edits = symbol.edits(place.path, symbol.definition, symbol.use)
    test = f"test_{place.stem}.py"
    files = {place.path: text}
    return _draft(draw, symbol, files, edits, (place.dotted, place.dotted), test, place.path)


def _two_files(draw: Draw, symbol: _Symbol) -> Draft:
    place, other = draw.place(), draw.place()
    line = f"from {place.dotted} import {{}}"
    files = {
        place.path: _definition(draw, symbol),
        other.path: f"{line.format(symbol.old)}\n\n\n{_user(symbol)}\n",
    }
    edits = [
        *symbol.edits(place.path, symbol.definition),
        *symbol.edits(other.path, line, symbol.use),
    ]
    paths = f"{place.path} and {other.path}"
    dotted = (place.dotted, other.dotted)
    return _draft(draw, symbol, files, edits, dotted, f"test_{other.stem}.py", paths)


def _draft(
    draw: Draw,
    symbol: _Symbol,
    files: dict[str, str],
    edits: list[Step],
    dotted: tuple[str, str],
    test: str,
    paths: str,
) -> Draft:
    defined, used = dotted
    user = symbol.user.removeprefix("def ").split("(")[0]
    imports = [f"from {defined} import {symbol.new}"]
    if defined == used:
        imports = [f"from {defined} import {', '.join(sorted((symbol.new, user)))}"]
    else:
        imports += [f"from {used} import {user}"]
    module = draw.names.word()
    gone = [
        f"{module} = importlib.import_module({name!r})\n    "
        f"assert not hasattr({module}, {symbol.old!r})"
        for name in sorted(set(dotted))
    ]
    visible = test_function(draw.names.word(), [check(symbol.case, symbol.value)])
    hidden = [
        test_function(draw.names.word(), [f"assert {symbol.new}", *gone]),
        test_function(draw.names.word(), [check(symbol.case, symbol.value)]),
    ]
    return Draft(
        fields={"path": paths, "name": symbol.old, "new": symbol.new, "test": test},
        files={
            **files,
            test: test_file([imports[-1]] if defined != used else imports, [visible]),
            "pytest.ini": PYTEST_INI,
        },
        hidden={HIDDEN_FILE: test_file(["import importlib", "", *imports], hidden)},
        steps=tuple(edits),
    )


FAMILY = Family(
    "rename",
    build,
    standard=(
        "Rename `{name}` to `{new}` in {path}.",
        "Rename `{name}` in {path} to `{new}`, with all its uses.",
        "In {path} rename `{name}` to `{new}` everywhere.",
        "{path}: rename `{name}` to `{new}`.",
        "`{name}` in {path} needs a better name. Call it `{new}`.",
        "Change the name `{name}` to `{new}` in {path}.",
        "Change the name of `{name}` in {path} to `{new}` and update every use.",
        "`{name}` should be called `{new}`. Rename it in {path}.",
        "Give `{name}` in {path} the new name `{new}`.",
        "Rename the symbol `{name}` to `{new}`. It is in {path}.",
        "Please rename `{name}` to `{new}` throughout {path}.",
        "We want `{new}` instead of `{name}` in {path}. Rename it.",
        "Replace the name `{name}` by `{new}` in {path}.",
        "Rename `{name}` to `{new}` (definition and uses) in {path}.",
        "The name `{name}` in {path} is old. Rename it to `{new}`.",
        "Open {path} and rename `{name}` to `{new}`.",
        "The tests expect `{new}`, but {path} still says `{name}`. Rename it.",
        "Update {path}: `{name}` is now called `{new}`.",
    ),
    hard=(
        "From now on `{name}` goes by `{new}`; carry that through {path}.",
        "The identifier `{name}` has to become `{new}` wherever {path} mentions it.",
        "Swap out `{name}` for `{new}` across {path}, leaving no trace of the former.",
        "Let `{new}` be what `{name}` was so far; affected: {path}.",
        "Our naming guide wants `{new}`, not `{name}`. Affected: {path}.",
        "Across {path}, turn each `{name}` into `{new}`.",
    ),
)
