"""Instructions in words that mean nothing: what is marked counts, not the words around it.

A small model that only ever saw a closed set of wordings takes any unknown word for a name. So
the second phase of training rewords its tasks: words are swapped for random ones, left out or
added, clauses are put around, and now and then only the marked parts are left in a row of
noise. What the task is can still be told from the file, its docstring or the failing test.

The hard band's wordings are not used here. In: a random source, a family's wordings. Out:
wordings and wrappers with the same `{fields}`.
"""

from __future__ import annotations

import random
import re

from seatrial.suites.shakedown import WordPool

EVERYDAY = (
    "a about above after again all also an and another any are around as ask at back bad bank be "
    "because been before began behind below best better big bit both but by came can case chance "
    "change clear close code come could day dear deep did do does done down each early either end "
    "enough error even ever every fact far few file final find fine first follow for found free "
    "from full function gave get give go good great group had half hand has have head hear help "
    "her here him his hold home hour house how if in inside instead into is issue it its job just "
    "keep kind know last late least left less let like line list little live long look made main "
    "make many may me mean might mind minute module more most much must my name near need never "
    "next nice night no none not note now of off office often old on once one only open or order "
    "other our out over own page part people place plan please point project put quick quite "
    "rather read ready really reason report request rest right room same say second see seem send "
    "set she short should show side simple since small so some soon sort start state stay step "
    "still stop story such sure take talk team tell than thank that the their them then there "
    "they thing think this those though thought three through time to today together told too "
    "took toward tree true try turn two under until up upon us use user value very wait walk want "
    "was watch way we week well went were what when where whether which while who whole why will "
    "wish with within without word work world would write wrong year yet you your"
).split()

KEPT_WORDS = frozenset(
    "to is be = value from test tests fails failing pytest rename name import new file".split()
)
"""Words that often tell what is wanted; a reworded instruction keeps them more often."""

_PLAIN = re.compile(r"^[A-Za-z']+[.,;:!?]?$")


def wording(rng: random.Random, family: str, wordings: tuple[str, ...], pool: WordPool) -> str:
    """One wording of the family, reworded to some degree."""
    text = rng.choice(wordings)
    kind = rng.random()
    if kind < 0.25:
        return text
    # A configuration value may be a bare word: only its place in the sentence marks it.
    if kind < 0.45 and family != "config":
        return _row(rng, text, pool)
    return _reworded(rng, text, rng.uniform(0.2, 0.9), pool)


def wrappers(rng: random.Random, pool: WordPool) -> tuple[str, ...]:
    """Wrappers of random sentences around an instruction."""
    before, after = _sentence(rng, pool), _sentence(rng, pool)
    opening = " ".join(_words(rng, rng.randrange(1, 5), pool)).capitalize()
    return (
        f"{before} {{}}",
        f"{{}} {after}",
        f"{before} {{}} {after}",
        f"{opening}: {{}}",
        f"{opening}, {{}}",
        f"{opening} {rng.randrange(10, 9999)}: {{}} {after}",
    )


def _reworded(rng: random.Random, text: str, share: float, pool: WordPool) -> str:
    words: list[str] = []
    for word in text.split():
        plain = _PLAIN.match(word)
        kept = 0.3 if word.rstrip(".,;:").lower() in KEPT_WORDS else 1.0
        if not plain or rng.random() >= share * kept:
            words.append(word)
            continue
        if rng.random() < 0.2:
            continue
        mark = word[-1] if word[-1] in ".,;:!?" else ""
        words += [*_words(rng, rng.choice((1, 1, 1, 2)), pool)]
        words[-1] += mark
    return _cased(rng, " ".join(words))


def _row(rng: random.Random, text: str, pool: WordPool) -> str:
    """Only the fields of the wording, in any order, in a row of noise."""
    fields = re.findall(r"`?\{\w+\}`?", text)
    rng.shuffle(fields)
    words: list[str] = []
    for field in fields:
        words += _words(rng, rng.randrange(1, 6), pool)
        if words and rng.random() < 0.15:
            words[-1] += rng.choice(",;:.")
        words.append(field)
    words += _words(rng, rng.randrange(0, 5), pool)
    return _cased(rng, " ".join(words) + rng.choice((".", ".", "!", "", ", please.")))


def _sentence(rng: random.Random, pool: WordPool) -> str:
    text = " ".join(_words(rng, rng.randrange(2, 9), pool)).capitalize()
    return text + rng.choice((".", ".", ".", "!", "?"))


def _words(rng: random.Random, count: int, pool: WordPool) -> list[str]:
    return [rng.choice(EVERYDAY) if rng.random() < 0.7 else pool.draw(rng) for _ in range(count)]


def _cased(rng: random.Random, text: str) -> str:
    return text[:1].upper() + text[1:] if rng.random() < 0.85 else text
