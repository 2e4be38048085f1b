"""Fuzzing by the minute: `python -m tests.toolcalls.fuzz --minutes 10`.

Prints every silent wrong that it finds with its seed, then the counts. Exit code 1 if there was
one.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter

from seatrial.core.generation import Finish
from seatrial.core.message import Call
from seatrial.toolcalls import Parsed, arguments_of, parse
from tests.toolcalls.defects import LEAD_INS, TOOLS, turn


def is_beginning(parsed: Parsed, meant: list[Call]) -> bool:
    """Would only a beginning of what was meant be executed? Repeats in a row count once."""
    wanted: list[tuple[str, object]] = []
    for call in meant:
        pair = (call.name, arguments_of(call))
        if not wanted or wanted[-1] != pair:
            wanted.append(pair)
    got = [(call.name, arguments_of(call)) for call in parsed.calls]
    return got == wanted[: len(got)]


def check(seed: int) -> tuple[str, str | None]:
    """The verdict of one random turn, and the turn itself if it was silently wrong."""
    rng = random.Random(seed)
    made = turn(rng, rng.choice((0, 1, 1, 2, 2)))
    if made is None:
        return "unwritable", None
    raw, meant, dialect = made
    finish = rng.choice((Finish.STOP, Finish.STOP, Finish.LENGTH))
    if rng.random() < 0.3:
        raw, finish = raw[: rng.randrange(len(raw) + 1)], Finish.LENGTH
    parsed = parse(raw, TOOLS, finish=finish)
    if is_beginning(parsed, meant):
        return parsed.verdict, None
    repaired = any(call.repairs for call in parsed.calls)
    if not repaired and parsed.text.strip() in ("", *map(str.strip, LEAD_INS)):
        # Two defects made another call of it, well-formed from end to end: nobody can tell.
        return "another call", None
    return parsed.verdict, f"{dialect} {finish}: {raw!r}\n  gave {parsed.calls}"


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--minutes", type=float, default=1.0)
    options.add_argument("--seed", type=int, default=time.time_ns() % 10**9)
    args = options.parse_args()
    counts: Counter[str] = Counter()
    wrong = 0
    seed, end = args.seed, time.monotonic() + 60 * args.minutes
    while time.monotonic() < end:
        verdict, found = check(seed)
        counts[verdict] += 1
        if found is not None:
            wrong += 1
            print(f"seed {seed}: {found}")
        seed += 1
    print(f"seeds {args.seed} to {seed - 1}: {dict(counts)}; silently wrong: {wrong}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
