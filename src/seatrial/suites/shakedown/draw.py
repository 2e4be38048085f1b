"""The drawing board of one instance: random values, names, places, fillers, test files.

Families use it to build their drafts; it knows no family. In: a random source, a word pool and
the traits of a band. Out: text.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from seatrial.suites.shakedown.names import Names, WordPool

PYTEST_INI = "[pytest]\naddopts = -qq --tb=no -p no:cacheprovider\nconsole_output_style = classic\n"
HIDDEN_FILE = "test_hidden.py"


@dataclass(frozen=True)
class Traits:
    """What a band draws: shares of name styles, numbers of fillers, wordings, wrappers."""

    styles: tuple[tuple[str, int], ...]
    fillers: tuple[int, ...]
    wording: str
    wrappers: tuple[str, ...]
    wrapped: float


@dataclass(frozen=True)
class Place:
    """A module's file and the name it is imported by."""

    path: str
    dotted: str
    stem: str


class Draw:
    """One instance's source of everything random."""

    def __init__(self, rng: random.Random, pool: WordPool, traits: Traits) -> None:
        self.rng = rng
        self.traits = traits
        styles = [style for style, _ in traits.styles]
        weights = [weight for _, weight in traits.styles]
        self.names = Names(rng, pool, rng.choices(styles, weights)[0])

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def number(self) -> int:
        """A whole number of two to five digits: every digit has to be copied."""
        digits = self.rng.choice((2, 2, 3, 3, 3, 4, 4, 5))
        return self.rng.randrange(10 ** (digits - 1), 10**digits)

    def numbers(self, count: int, low: int = -20, high: int = 60) -> list[int]:
        return [self.rng.randrange(low, high) for _ in range(count)]

    def words(self, count: int) -> list[str]:
        return [self.names.word() for _ in range(count)]

    def place(self, suffix: str = ".py") -> Place:
        stem = self.names.word() if self.chance(0.6) else f"{self.names.word()}_{self.names.word()}"
        if self.chance(0.25):
            folder = self.names.word()
            return Place(f"{folder}/{stem}{suffix}", f"{folder}.{stem}", stem)
        return Place(f"{stem}{suffix}", stem, stem)

    def filler_count(self) -> int:
        return self.rng.choice(self.traits.fillers)

    def module(self, blocks: Sequence[str], constants: Sequence[str] = (), head: str = "") -> str:
        """A module's text: the given blocks in order, fillers between them."""
        body = list(blocks)
        top = list(constants)
        for _ in range(self.filler_count()):
            if self.chance(0.25):
                top.insert(self.rng.randrange(len(top) + 1), self._constant())
            else:
                body.insert(self.rng.randrange(len(body) + 1), self._block())
        parts = [part for part in (head, "\n".join(top)) if part]
        text = "\n\n".join(parts)
        spaced = "\n\n\n".join(body)
        return f"{text}\n\n\n{spaced}\n" if text and spaced else f"{text or spaced}\n"

    def _constant(self) -> str:
        value = str(self.number()) if self.chance(0.7) else f'"{self.names.word()}"'
        return f"{self.names.constant()} = {value}"

    def _block(self) -> str:
        if self.chance(0.15):
            attribute, value = self.names.word(), self.number()
            return f"class {self.names.type_name()}:\n    {attribute} = {value}"
        template = self.rng.choice(_FILLERS)
        return template.format(
            f=self.names.symbol(),
            a=self.names.word(),
            b=self.names.word(),
            n=self.number(),
            w=self.names.word(),
        )


_FILLERS = (
    "def {f}({a}):\n    return {a} + {n}",
    "def {f}({a}):\n    return {a} * {n}",
    "def {f}({a}, {b}):\n    return {a} - {b}",
    "def {f}({a}, {b}):\n    return [{a}, {b}]",
    'def {f}({a}):\n    return "{w} " + {a}',
    "def {f}():\n    return {n}",
    'def {f}():\n    return "{w}"',
    "def {f}({a}):\n    {b} = {a} + {n}\n    return {b}",
    "def {f}({a}):\n    if {a} > {n}:\n        return {a}\n    return {n}",
    "def {f}({a}):\n    return len({a})",
    "def {f}({a}, {b}={n}):\n    return {a} + {b}",
)


def test_function(name: str, lines: Sequence[str]) -> str:
    return "\n".join([f"def test_{name}():", *(f"    {line}" for line in lines)])


def test_file(imports: Sequence[str], functions: Sequence[str]) -> str:
    return "\n".join(imports) + "\n\n\n" + "\n\n\n".join(functions) + "\n"


def check(expression: str, value: object) -> str:
    """One assertion; singletons are compared by identity, as people write it."""
    operator = "is" if value is None or isinstance(value, bool) else "=="
    return f"assert {expression} {operator} {value!r}"


def call(name: str, arguments: Sequence[object]) -> str:
    return f"{name}({', '.join(repr(argument) for argument in arguments)})"
