"""Writes dinghy's training data: one conversation a line, from a seed.

    python recipes/dinghy/gen.py --seed 1 --count 24000 --out data.jsonl

In: a seed, a count, a kind. Out: JSON lines `{"tools", "family", "messages"}`; an assistant
message has `call` or `content`, and a `weight` (0: a deliberate mistake, context only).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import babble
import chats
import expert
import phrases

from seatrial.suites import shakedown
from seatrial.suites.shakedown import FAMILIES, Instance, Traits, WordPool
from seatrial.suites.shakedown.wording import STANDARD_WRAPPERS

WORDS = WordPool(
    tuple(Path(__file__).with_name("words_train.txt").read_text(encoding="utf-8").split()),
    invented=0.35,
)
TRAITS = Traits(
    styles=(("two", 56), ("three", 14), ("camel", 15), ("digit", 15)),
    fillers=(0, 1, 2, 3) * 5 + (4, 5, 6, 7, 8),
    wording="standard",
    wrappers=STANDARD_WRAPPERS + phrases.WRAPPERS,
    wrapped=0.35,
)
# Copying digits is the hard skill, so the families that live on it come twice.
SHARES = {name: 2 if name in ("config", "failing_test") else 1 for name in FAMILIES}
CHAT_SHARE = 0.07
REWORDED_TRAITS = replace(
    TRAITS,
    styles=(("two", 34), ("three", 22), ("camel", 22), ("digit", 22)),
    fillers=(0, 1, 2, 3) * 3 + (4, 5, 6, 7, 8),
    wrapped=0.5,
)
READS_FIRST = 0.35
KINDS = ("mix", "reworded", "agent", "markdown")


def instance(rng: random.Random, index: int) -> Instance:
    """A training task: any style of names, standard wordings and those of training only."""
    family = FAMILIES[rng.choices(list(SHARES), list(SHARES.values()))[0]]
    family = replace(family, standard=family.standard + phrases.EXTRA[family.name])
    return shakedown.build(rng, family, TRAITS, WORDS, f"train-{index}", "train")


def reworded(rng: random.Random, index: int) -> Instance:
    """A training task whose instruction is partly or wholly made of random words."""
    family = FAMILIES[rng.choices(list(SHARES), list(SHARES.values()))[0]]
    known = family.standard + phrases.EXTRA[family.name]
    family = replace(family, standard=(babble.wording(rng, family.name, known, WORDS),))
    plain = rng.random() < 0.3
    around = TRAITS.wrappers if plain else babble.wrappers(rng, WORDS)
    traits = replace(REWORDED_TRAITS, wrappers=around)
    return shakedown.build(rng, family, traits, WORDS, f"train-{index}", "train")


def conversation(seed: int, kind: str, index: int) -> str:
    rng = random.Random(f"dinghy/{seed}/{kind}/{index}")
    if kind in ("mix", "reworded") and rng.random() < CHAT_SHARE:
        return _line(False, "chat", chats.question(rng, TRAITS, WORDS))
    task = reworded(rng, index) if kind == "reworded" else instance(rng, index)
    if kind == "markdown":
        return _line(True, task.family, chats.instead_of_tools(rng, task))
    reads_first = READS_FIRST if kind == "reworded" else 0.0
    run = expert.Expert(rng, task, reads_first=reads_first).run()
    assert run.passed, (task, run.messages)
    return _line(True, task.family, run.messages)


def _line(tools: bool, family: str, messages: list[dict[str, object]]) -> str:
    return json.dumps({"tools": tools, "family": family, "messages": messages}) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--count", type=int, default=24000)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kind", choices=KINDS, default="mix")
    parser.add_argument(
        "--chats-markdown", dest="kind", action="store_const", const="markdown", help="= --kind"
    )
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    options = parser.parse_args()
    started = time.monotonic()
    options.out = options.out.absolute()
    with (
        multiprocessing.Pool(options.processes) as pool,
        options.out.open("w", encoding="utf-8") as out,
    ):
        work = partial(conversation, options.seed, options.kind)
        for line in pool.imap(work, range(options.count), chunksize=200):
            out.write(line)
    seconds = time.monotonic() - started
    print(f"{options.count} conversations in {seconds:.0f} s: {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
