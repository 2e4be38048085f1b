"""Plausible mistakes: a wrong path, an old text that is not there, a wrong value or operator.

In: what is right. Out: what somebody careless would have done; None where nothing comes to mind.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import replace

from seatrial.suites.shakedown import Edit, Write

_SWAPS = (
    (" + ", " - "),
    (" - ", " + "),
    (" * ", " + "),
    (" // ", " % "),
    (" % ", " // "),
    (" <= ", " < "),
    (" >= ", " > "),
    (" < ", " > "),
    (" > ", " < "),
    (" == ", " != "),
    (" != ", " == "),
    (" and ", " or "),
    (" or ", " and "),
    ("max(", "min("),
    ("min(", "max("),
    ("true", "false"),
    ("false", "true"),
    ("True", "False"),
    ("False", "True"),
    (".upper()", ".lower()"),
    ("[::-1]", "[::1]"),
    ("[-1]", "[0]"),
    ("sorted(set(", "list(set("),
    (" + 1", ""),
    (" - 1", ""),
    ("[:", "[1:"),
    (" += ", " -= "),
    (" *= ", " += "),
)


def path(rng: random.Random, right: str, files: Mapping[str, str]) -> str:
    """A path near the right one at which there is no file."""
    stem, dot, suffix = right.rpartition(".")
    near = [
        f"src/{right}",
        right.split("/")[-1],
        f"{stem}s{dot}{suffix}",
        f"{stem[:-1]}{dot}{suffix}",
        stem,
        f"{stem}.txt",
        right.replace("_", "-"),
        right.replace("_", ""),
        f"app/{right.split('/')[-1]}",
    ]
    return rng.choice([name for name in near if name not in files])


def old_text(rng: random.Random, right: str, text: str) -> str | None:
    """An old text that does not occur once."""
    often = [word for word in ("return", "def ", " = ", "):", "    ") if text.count(word) > 1]
    if often and rng.random() < 0.25:
        return rng.choice(often)
    for _ in range(5):
        wrong = line(rng, right)
        if wrong and wrong not in text:
            return wrong
    return None


def line(rng: random.Random, right: str) -> str | None:
    """The line with one thing wrong."""
    makers = [_number, _word, _swap, _swap]
    if re.search("[0-9]{2}", right):
        makers += [_number, _number]
    rng.shuffle(makers)
    for maker in makers:
        wrong = maker(rng, right)
        if wrong and wrong != right:
            return wrong
    return None


def _number(rng: random.Random, right: str) -> str | None:
    numbers = list(re.finditer("[0-9]+", right))
    if not numbers:
        return None
    found = rng.choice(numbers)
    digits = found.group()
    at = rng.randrange(len(digits))
    other = str((int(digits[at]) + rng.randrange(1, 10)) % 10)
    variants = [f"{digits[:at]}{other}{digits[at + 1 :]}"] * 2
    if len(digits) > 1:
        variants += [digits[:at] + digits[at + 1 :], digits[:at] + digits[at] + digits[at:]]
    chosen = rng.choice(variants)
    # A leading zero would be a syntax error, which nobody makes by mistake.
    if len(chosen) > 1 and chosen.startswith("0"):
        return None
    return f"{right[: found.start()]}{chosen}{right[found.end() :]}"


def _word(rng: random.Random, right: str) -> str | None:
    words = list(re.finditer("[A-Za-z]{5,}", right))
    if not words:
        return None
    found = rng.choice(words)
    at = rng.randrange(found.start() + 1, found.end() - 1)
    if rng.random() < 0.5:
        return right[:at] + right[at + 1 :]
    return right[:at] + right[at + 1] + right[at] + right[at + 2 :]


def _swap(rng: random.Random, right: str) -> str | None:
    known = [(old, new) for old, new in _SWAPS if old in right]
    if not known:
        return None
    old, new = rng.choice(known)
    return right.replace(old, new, 1)


def step(rng: random.Random, right: Edit | Write) -> Edit | Write | None:
    """The step with one of its new lines wrong."""
    text = right.content if isinstance(right, Write) else right.new
    lines = text.split("\n")
    known = set() if isinstance(right, Write) else set(right.old.split("\n"))
    fresh = [index for index, part in enumerate(lines) if part.strip() and part not in known]
    if not fresh:
        return None
    index = rng.choice(fresh)
    wrong = _module(rng, lines[index]) or line(rng, lines[index])
    if wrong is None:
        return None
    lines[index] = wrong
    changed = "\n".join(lines)
    if isinstance(right, Write):
        return replace(right, content=changed)
    return replace(right, new=changed)


def _module(rng: random.Random, right: str) -> str | None:
    if not right.startswith("import "):
        return None
    return "import " + rng.choice(["sys", "time", "random", "copy", "os", "math", "json", "re"])


def difference(right: Edit | Write, wrong: Edit | Write) -> tuple[str, str]:
    """The line that is wrong, and what it should be."""
    texts = [part.content if isinstance(part, Write) else part.new for part in (wrong, right)]
    for bad, good in zip(*(text.split("\n") for text in texts), strict=True):
        if bad != good:
            return bad.strip(), good.strip()
    return "", ""


def repairable(right: Edit | Write, wrong: Edit | Write) -> bool:
    """Whether the one wrong line is enough to find and mend it."""
    bad, good = difference(right, wrong)
    return bool(bad) and bad != good
