"""Words of a command line to settings, by a table of flags.

No program is known here: `llama_flags` and `other_flags` hold the tables. A word that no row
knows is kept as unknown, never dropped. In: words with their places. Out: settings by canonical
name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Literal

import msgspec

from seatrial.serve.lint.readers.words import Word
from seatrial.serve.lint.subject import Place, Setting, Value

Kind = Literal["n", "t", "s", "b", "o", "2", "h"]
"""A number (or a word in its place), text, a switch, a switch that also has a `--no-` form,
on/off/auto, two values, a number that may be written as `32k` (32000) or `32K` (32768)."""
_SWITCHES = ("s", "b")

HIDDEN = "<hidden>"
SECRETS = frozenset({"api-key", "hf-token", "hf_token"})
"""Options whose value is nobody's business."""

_INT = re.compile(r"[+-]?[0-9]{1,18}")
_FLOAT = re.compile(r"[+-]?(?:[0-9]{1,18}\.?[0-9]{0,18}|\.[0-9]{1,18})(?:[eE][+-]?[0-9]{1,3})?")
_SHORT = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)([kKmMgG])")
_UNITS = {"k": 1000, "m": 1000**2, "g": 1000**3, "K": 1024, "M": 1024**2, "G": 1024**3}
_ON = {"on", "enabled", "true", "1", "yes"}
_OFF = {"off", "disabled", "false", "0", "no"}
_AUTO = {"auto", "-1"}


class Row(msgspec.Struct, frozen=True):
    """One flag as the table knows it."""

    name: str
    kind: Kind
    on: bool = True
    """What the switch becomes; `--no-x` is False."""


class Flags(msgspec.Struct, frozen=True):
    """What the words said."""

    options: dict[str, Setting]
    unknown: tuple[Setting, ...]
    positional: tuple[Setting, ...]


class Table:
    """Flags of one program, from lines `name kind -alias --alias !-negation ENVIRONMENT`.

    `strict`: a word that no row knows is unknown. Otherwise the program has more flags than
    anybody lists, and an unlisted `--name value` is an option of that name.
    """

    def __init__(
        self,
        lines: str,
        *,
        env_prefix: str = "",
        negated: Mapping[str, str] | None = None,
        with_value: frozenset[str] = frozenset(),
        strict: bool = True,
    ) -> None:
        self._lines = lines
        self._env_prefix = env_prefix
        self._negated = dict(negated or {})
        self._with_value = with_value
        self.strict = strict

    @cached_property
    def _rows(self) -> tuple[dict[str, Row], dict[str, Row]]:
        by_flag: dict[str, Row] = {}
        by_env: dict[str, Row] = {}
        for line in self._lines.split("\n"):
            name, *rest = line.split() or [""]
            if name:
                _add(name, rest, by_flag, by_env, self._env_prefix)
        for flag, name in self._negated.items():
            by_flag[flag] = Row(name, "s", on=False)
        return by_flag, by_env

    @property
    def flags(self) -> dict[str, Row]:
        """Every spelling of every flag."""
        return self._rows[0]

    @property
    def env(self) -> dict[str, Row]:
        """By environment variable."""
        return self._rows[1]

    def row(self, word: str) -> Row | None:
        """The row of a flag as it was written; long flags may have underscores."""
        found = self.flags.get(word)
        if found is None and word.startswith("--"):
            found = self.flags.get(word.replace("_", "-"))
        return found

    def takes_value(self, word: str) -> bool:
        """Whether a flag that is unknown now used to take a value."""
        return word in self._with_value


def read_flags(words: Sequence[Word], table: Table, source: str) -> Flags:
    """Read `words` (without the program) as flags of `table`; the last of several wins."""
    options: dict[str, Setting] = {}
    unknown: list[Setting] = []
    positional: list[Setting] = []
    at = 0
    while at < len(words):
        word = words[at]
        row = table.row(word.text)
        if row is not None:
            count = _count(row, words, at, table)
            options[row.name] = _setting(row, words[at : at + 1 + count], source)
            at += 1 + count
        elif not table.strict and word.text.startswith("-"):
            at += _open(words, at, table, source, options)
        elif word.text.startswith("-") and len(word.text) > 1:
            count = 1 if table.takes_value(word.text) and at + 1 < len(words) else 0
            unknown.append(_written(words[at].text, words[at : at + 1 + count], source))
            at += 1 + count
        elif word.text.startswith("$"):  # a variable nobody set here: it may be anything
            at += 1
        else:
            positional.append(_written(word.text, [word], source))
            at += 1
    return Flags(options, tuple(unknown), tuple(positional))


def read_environment(env: Mapping[str, Setting], table: Table) -> Flags:
    """The settings that environment variables make; flags of the command line come first."""
    options: dict[str, Setting] = {}
    for name, setting in env.items():
        row = table.env.get(name)
        text = str(setting.value)
        if row is not None:
            value = value_of(row, text)
            if row.name in SECRETS:
                setting = Setting(HIDDEN, setting.place, f"{name}={HIDDEN}")
            options[row.name] = Setting(
                HIDDEN if row.name in SECRETS else value, setting.place, setting.written
            )
    return Flags(options, (), ())


def value_of(row: Row, text: str) -> Value:
    """The value of one flag from its text."""
    if row.kind in _SWITCHES:
        low = text.lower()
        return row.on if low in _ON else not row.on if low in _OFF else text
    if row.kind == "o":
        low = text.lower()
        for word, spellings in (("on", _ON), ("off", _OFF), ("auto", _AUTO)):
            if low in spellings:
                return word
        return text
    if row.kind == "h":
        match = _SHORT.fullmatch(text)
        return int(float(match[1]) * _UNITS[match[2]]) if match else number(text)
    return number(text) if row.kind == "n" else text


def number(text: str) -> Value:
    """An int or a float if it is one, else the text."""
    if _INT.fullmatch(text):
        return int(text)
    value = float(text) if _FLOAT.fullmatch(text) else math.inf
    return value if math.isfinite(value) else text


def _add(
    name: str, rest: list[str], by_flag: dict[str, Row], by_env: dict[str, Row], prefix: str
) -> None:
    kind: Kind = rest[0]  # type: ignore[assignment]
    row, off = Row(name, kind), Row(name, "s", on=False)
    by_flag[f"--{name}"] = row
    if kind == "b":
        by_flag.setdefault(f"--no-{name}", off)
    for word in rest[1:]:
        if word.startswith("!"):
            by_flag[word[1:]] = off
        elif word.startswith("-"):
            by_flag[word] = row
            if kind == "b" and word.startswith("--"):
                by_flag.setdefault(f"--no-{word[2:]}", off)
        elif word.startswith("="):
            by_env[word[1:]] = row
        else:
            by_env[f"{prefix}{word}"] = row
            if kind == "b":
                by_env[f"{prefix}NO_{word}"] = off


def _count(row: Row, words: Sequence[Word], at: int, table: Table) -> int:
    """How many words behind the flag are its values."""
    wanted = {"s": 0, "b": 0, "2": 2}.get(row.kind, 1)
    following = words[at + 1 : at + 1 + wanted]
    if row.kind == "o":
        known = _ON | _OFF | _AUTO
        return len(following) if following and following[0].text.lower() in known else 0
    # A value that is missing must not swallow the next flag: `-c --port 80`.
    if any(table.row(word.text) is not None for word in following):
        return 0
    return len(following)


def _setting(row: Row, words: Sequence[Word], source: str) -> Setting:
    flag, values = words[0], words[1:]
    value: Value
    if row.kind in _SWITCHES:
        value = row.on
    elif row.kind == "o" and not values:
        value = "on"
    elif row.kind == "2":
        value = " ".join(word.text for word in values) or None
    else:
        value = value_of(row, values[0].text) if values else None
    if row.name in SECRETS:
        return Setting(HIDDEN, Place(source, flag.line), f"{flag.raw} {HIDDEN}")
    return _written(value, words, source)


def _open(
    words: Sequence[Word], at: int, table: Table, source: str, options: dict[str, Setting]
) -> int:
    """Read a flag that no row knows; how many words it took."""
    name, equals, text = words[at].text.lstrip("-").partition("=")
    name = name.replace("_", "-")
    row = table.row(f"--{name}") or table.row(f"-{name}")
    used = words[at : at + 1]
    value: Value
    if equals:
        value = value_of(row or Row(name, "n"), text)
    elif at + 1 < len(words) and not words[at + 1].text.startswith("-"):
        used = words[at : at + 2]
        value = number(used[1].text)
    else:
        value = not name.startswith("no-")
        name = name.removeprefix("no-")
    name = row.name if row else name
    if name in SECRETS:
        options[name] = Setting(HIDDEN, Place(source, used[0].line), f"--{name} {HIDDEN}")
    elif name:
        options[name] = _written(value, used, source)
    return len(used)


def _written(value: Value, words: Sequence[Word], source: str) -> Setting:
    """A setting whose `written` is verbatim where its words stand on one line."""
    text = words[0].raw
    for before, word in pairwise(words):
        text += (word.gap if word.line == before.line and word.gap else " ") + word.raw
    return Setting(value, Place(source, words[0].line), text)
