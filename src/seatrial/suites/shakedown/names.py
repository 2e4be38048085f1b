"""Where every drawn identifier comes from: word pools and the shapes of names.

The words of the evaluation and the words of training are disjoint, split by the md5 of the
word, so a model that solves a task has copied a name it never saw. Not a dictionary: plain
words, no meaning. In: a random source. Out: names, each base word used once per instance.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_HELD_OUT_BYTES = 32
_CLUSTERS = ("br", "cl", "dr", "fl", "gr", "kl", "pl", "qu", "sh", "sk", "st", "tr")
_ONSETS = (*"bcdfghjklmnprstvwz", *_CLUSTERS)
_VOWELS = (*"aeiou", "ai", "ea", "oo", "ou")
_CODAS = ("", "", "", *"bdgklmnprstx", "ck", "nd", "rn", "st")


def held_out(word: str) -> bool:
    """Whether the word belongs to the evaluation (an eighth of all words does)."""
    return hashlib.md5(word.encode(), usedforsecurity=False).digest()[0] < _HELD_OUT_BYTES


@dataclass(frozen=True)
class WordPool:
    """Words to draw from; `invented` is the share of made-up words of the training side."""

    words: tuple[str, ...]
    invented: float = 0.0

    def draw(self, rng: random.Random) -> str:
        if self.invented and rng.random() < self.invented:
            return _invent(rng)
        return self.words[rng.randrange(len(self.words))]


def _invent(rng: random.Random) -> str:
    while True:
        count = rng.choice((1, 2, 2, 3))
        word = "".join(
            rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(count)
        )
        # Four letters and more: three would now and then be a keyword or a builtin. And pytest
        # would collect what starts with "test".
        if 4 <= len(word) <= 10 and word[:4] != "test" and not held_out(word):
            return word


@cache
def held_out_pool() -> WordPool:
    """The words of the evaluation."""
    text = Path(__file__).with_name("words.txt").read_text(encoding="utf-8")
    return WordPool(tuple(text.split()))


class Names:
    """Draws names for one instance; no base word comes twice."""

    def __init__(self, rng: random.Random, pool: WordPool, style: str) -> None:
        self._rng = rng
        self._pool = pool
        self._style = style
        self._used: set[str] = set()

    def word(self) -> str:
        while True:
            word = self._pool.draw(self._rng)
            if word not in self._used:
                self._used.add(word)
                return word

    def symbol(self) -> str:
        """A function's or variable's name in the instance's style."""
        first, second = self.word(), self.word()
        if self._style == "three":
            return f"{first}_{second}_{self.word()}"
        if self._style == "camel":
            return first + second.capitalize()
        if self._style == "digit":
            digit = self._rng.randrange(1, 100)
            return self._rng.choice((f"{first}_{second}{digit}", f"{first}{digit}_{second}"))
        return f"{first}_{second}"

    def constant(self) -> str:
        if self._style == "camel":
            return f"{self.word()}_{self.word()}".upper()
        return self.symbol().upper()

    def type_name(self) -> str:
        if self._style == "digit":
            return f"{self.word().capitalize()}{self._rng.randrange(2, 100)}"
        return self.word().capitalize() + self.word().capitalize()
