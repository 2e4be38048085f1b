"""The built-in suite `shakedown`: small generated coding tasks with hidden tests.

It measures whether a model, a server and a harness work together on short, fully specified
work; it is no measure of general programming skill. In: a seed, a count, a band. Out:
`Instance`s. A new family is one module with a `FAMILY`, and its name in `_MODULES`.
"""

from __future__ import annotations

import random
from dataclasses import replace
from importlib import import_module

from seatrial.core.errors import UserError
from seatrial.suites.shakedown.draw import Draw, Traits
from seatrial.suites.shakedown.model import Edit, Family, Instance, StepError, Write, apply
from seatrial.suites.shakedown.names import WordPool, held_out_pool
from seatrial.suites.shakedown.wording import HARD_WRAPPERS, STANDARD_WRAPPERS, say

__all__ = [
    "BANDS",
    "FAMILIES",
    "VERSION",
    "Edit",
    "Instance",
    "Traits",
    "WordPool",
    "Write",
    "apply",
    "build",
    "generate",
]

VERSION = "1"
"""Version of the generator: the same version, seed and band give the same tasks."""

_MODULES = (
    "offbyone",
    "rename",
    "implement",
    "config",
    "imports",
    "failing_test",
    "operator",
    "create",
)


def _load(module: str) -> Family:
    family = import_module(f"seatrial.suites.shakedown.{module}").FAMILY
    assert isinstance(family, Family)
    return family


FAMILIES: dict[str, Family] = {family.name: family for family in map(_load, _MODULES)}

BANDS: dict[str, Traits] = {
    "standard": Traits(
        styles=(("two", 1),),
        fillers=(0, 1, 2, 3),
        wording="standard",
        wrappers=STANDARD_WRAPPERS,
        wrapped=0.2,
    ),
    "hard": Traits(
        styles=(("camel", 2), ("digit", 2), ("three", 2)),
        fillers=(0, 1, 2, 3, 4, 5, 6, 7, 8),
        wording="hard",
        wrappers=HARD_WRAPPERS,
        wrapped=0.6,
    ),
}


def build(
    rng: random.Random, family: Family, traits: Traits, words: WordPool, name: str, band: str
) -> Instance:
    """One instance; draws again until every step fits and changes something."""
    while True:
        draw = Draw(rng, words, traits)
        try:
            draft = family.build(draw)
            if apply(draft.files, draft.steps) == draft.files:
                continue
        except StepError:
            continue
        wordings = family.hard if traits.wording == "hard" else family.standard
        text = say(rng, wordings, draft.fields, traits.wrappers, traits.wrapped)
        return Instance(name, family.name, band, text, draft.files, draft.hidden, draft.steps)


def generate(
    seed: int, count: int, band: str = "standard", words: WordPool | None = None
) -> list[Instance]:
    """`count` tasks, the families in turn; the same arguments give the same tasks.

    Raises:
        UserError: there is no such band.
    """
    if band not in BANDS:
        raise UserError(f"no such band: {band}", hint=f"one of {', '.join(BANDS)}")
    traits = BANDS[band]
    pool = words or held_out_pool()
    families = list(FAMILIES.values())
    instances = []
    for index in range(count):
        family = families[index % len(families)]
        rng = random.Random(f"shakedown/{VERSION}/{band}/{seed}/{index}")
        slug = f"{family.name.replace('_', '-')}-{index:03d}"
        if band != "standard":
            slug += f"-{band}"
        instances.append(replace(build(rng, family, traits, pool, slug, band), seed=seed))
    return instances
