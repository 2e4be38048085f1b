"""Family `config`: change one value of a configuration; every digit counts."""

from __future__ import annotations

import json
from collections.abc import Callable
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
from seatrial.suites.shakedown.model import Draft, Edit, Family

Value = int | float | bool | str


@dataclass(frozen=True)
class _Settings:
    """Keys and values of one section, and which one is to change to what."""

    section: str
    values: dict[str, Value]
    key: str
    new: Value

    @property
    def after(self) -> dict[str, Value]:
        return {**self.values, self.key: self.new}


@dataclass(frozen=True)
class _Format:
    """How a format spells a key with its value, and how a test reads it back."""

    suffix: str
    line: Callable[[str, Value], str]
    spell: Callable[[Value], str]
    text: Callable[[Draw, _Settings], str]
    test: Callable[[Draw, Place, _Settings, dict[str, Value]], tuple[list[str], list[str]]]


def _value(draw: Draw, like: Value | None = None) -> Value:
    """A value; of the same kind as `like`, but another one, where that is given."""
    kind = (
        type(like)
        if like is not None
        else draw.rng.choices((int, float, bool, str), (60, 12, 10, 18))[0]
    )
    if kind is bool:
        return not like if like is not None else draw.chance(0.5)
    value: Value = draw.names.word()
    if kind is int:
        value = draw.number()
    elif kind is float:
        value = draw.rng.randrange(1, 10000) / draw.rng.choice((10, 100, 1000))
    return value if value != like else _value(draw, like)


def _settings(draw: Draw, key: Callable[[], str]) -> _Settings:
    keys = [key() for _ in range(draw.rng.randrange(1, 5) + draw.filler_count() // 2)]
    values = {name: _value(draw) for name in keys}
    target = draw.rng.choice(keys)
    return _Settings(draw.names.word(), values, target, _value(draw, values[target]))


def _plain(value: Value) -> str:
    return json.dumps(value) if not isinstance(value, bool) else str(value).lower()


def _assignments(settings: _Settings, spell: Callable[[Value], str]) -> str:
    return "\n".join(f"{key} = {spell(value)}" for key, value in settings.values.items())


def _python_spelling(value: Value) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _python_test(
    draw: Draw, place: Place, settings: _Settings, wanted: dict[str, Value]
) -> tuple[list[str], list[str]]:
    names = ", ".join(sorted(wanted))
    return [f"from {place.dotted} import {names}"], [check(k, v) for k, v in wanted.items()]


def _toml_test(
    draw: Draw, place: Place, settings: _Settings, wanted: dict[str, Value]
) -> tuple[list[str], list[str]]:
    name = draw.names.word()
    lines = [f'{name} = tomllib.loads(Path("{place.path}").read_text())["{settings.section}"]']
    lines += [check(f'{name}["{key}"]', value) for key, value in wanted.items()]
    return ["import tomllib", "from pathlib import Path"], lines


def _json_test(
    draw: Draw, place: Place, settings: _Settings, wanted: dict[str, Value]
) -> tuple[list[str], list[str]]:
    name = draw.names.word()
    lines = [f'{name} = json.loads(Path("{place.path}").read_text())']
    lines += [check(f'{name}["{key}"]', value) for key, value in wanted.items()]
    return ["import json", "from pathlib import Path"], lines


def _ini_test(
    draw: Draw, place: Place, settings: _Settings, wanted: dict[str, Value]
) -> tuple[list[str], list[str]]:
    name = draw.names.word()
    lines = [f"{name} = ConfigParser()", f'{name}.read("{place.path}")']
    lines += [
        check(f'{name}["{settings.section}"]["{key}"]', _ini_spelling(value))
        for key, value in wanted.items()
    ]
    return ["from configparser import ConfigParser"], lines


def _ini_spelling(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _assign(spell: Callable[[Value], str]) -> Callable[[str, Value], str]:
    return lambda key, value: f"{key} = {spell(value)}"


_FORMATS = (
    _Format(
        ".py",
        _assign(_python_spelling),
        _python_spelling,
        lambda draw, s: draw.module(
            [], constants=[f"{k} = {_python_spelling(v)}" for k, v in s.values.items()]
        ),
        _python_test,
    ),
    _Format(
        ".toml",
        _assign(_plain),
        _plain,
        lambda draw, s: f"[{s.section}]\n{_assignments(s, _plain)}\n",
        _toml_test,
    ),
    _Format(
        ".ini",
        _assign(_ini_spelling),
        _ini_spelling,
        lambda draw, s: f"[{s.section}]\n{_assignments(s, _ini_spelling)}\n",
        _ini_test,
    ),
    _Format(
        ".json",
        lambda key, value: f'"{key}": {_plain(value)}',
        _plain,
        lambda draw, s: json.dumps(s.values, indent=2) + "\n",
        _json_test,
    ),
)


def build(draw: Draw) -> Draft:
    form = draw.rng.choice(_FORMATS)
    place = draw.place(form.suffix)
    symbol = draw.names.constant if form.suffix == ".py" else lambda: draw.names.symbol().lower()
    settings = _settings(draw, symbol)
    key, old, new = settings.key, settings.values[settings.key], settings.new
    imports, lines = form.test(draw, place, settings, {key: new})
    all_imports, all_lines = form.test(draw, place, settings, settings.after)
    test = f"test_{place.stem}.py"
    return Draft(
        fields={
            "path": place.path,
            "name": key,
            "old": form.spell(old),
            "new": form.spell(new),
            "test": test,
        },
        files={
            place.path: form.text(draw, settings),
            test: test_file(imports, [test_function(draw.names.word(), lines)]),
            "pytest.ini": PYTEST_INI,
        },
        hidden={HIDDEN_FILE: test_file(all_imports, [test_function(draw.names.word(), all_lines)])},
        steps=(Edit(place.path, form.line(key, old), form.line(key, new)),),
    )


FAMILY = Family(
    "config",
    build,
    standard=(
        "Set `{name}` in {path} to {new}.",
        "Change `{name}` in {path} to {new}.",
        "Change `{name}` in {path} from {old} to {new}.",
        "In {path} set `{name}` to {new}.",
        "{path}: set `{name}` to {new}.",
        "The value of `{name}` in {path} must be {new}. Change it.",
        "`{name}` in {path} should be {new}, not {old}.",
        "Update `{name}` in {path}. The new value is {new}.",
        "Update the setting `{name}` in {path} to {new}.",
        "Replace the value of `{name}` in {path} by {new}.",
        "Give `{name}` in {path} the value {new}.",
        "Make `{name}` equal to {new} in {path}.",
        "The setting `{name}` in {path} is wrong. It should be {new}.",
        "Open {path} and change `{name}` to {new}.",
        "We need {new} as the value of `{name}` in {path}.",
        "Edit {path} so that `{name}` is {new}.",
        "Please use {new} for `{name}` in {path}.",
        "Change the value of `{name}` from {old} to {new} in the file {path}.",
    ),
    hard=(
        "From today `{name}` has to read {new}; it is kept in {path}.",
        "Operations asked for {new} under `{name}`, configured by {path}.",
        "Adjust {path}: {new} is what `{name}` ought to hold.",
        "Put {new} where {path} currently has another value for `{name}`.",
        "Let `{name}` take the value {new}; you will find it within {path}.",
        "Our deployment wants `{name}` at {new}. Its home is {path}.",
    ),
)
