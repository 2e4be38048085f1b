"""Builds the two word lists: plain lowercase words out of the standard library's identifiers.

Words are facts about names, split by md5 (`seatrial.suites.shakedown.names.held_out`) into a
training list and a held-out list. Keywords, builtins, module names and the words of our own
templates are dropped. The committed lists are frozen with the weights that were trained on them:
another Python, or another template, gives lists of the same kind but not the same lists, so the
script writes elsewhere. In: the running Python's library. Out: two text files.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import importlib.metadata
import keyword
import re
import sys
import sysconfig
from collections import Counter
from pathlib import Path

from seatrial.suites import shakedown
from seatrial.suites.shakedown.names import held_out

HERE = Path(__file__).parent
SUITE = Path(shakedown.__file__).parent
TEMPLATES = ("chats", "check_runner", "contract", "expert", "gen", "phrases", "runner", "spoil")
RESERVED = (
    "app",
    "src",
    "tests",
    "conftest",
    "main",
    "setup",
    "solution",
    "workspace",
    "logs",
    "self",
    "cls",
    "run",
    "finish",
    "words",
)

# Words that would look odd or rude in a report, and people's names.
UNWANTED = (
    "ass",
    "crap",
    "dumb",
    "evil",
    "hate",
    "insane",
    "kill",
    "killed",
    "killer",
    "killing",
    "kills",
    "overkill",
    "slave",
    "slaves",
    "stupid",
    "suck",
    "sucks",
    "barf",
    "die",
    "dead",
    "death",
    "dying",
    "murder",
    "baxter",
    "brandl",
    "ault",
    "guido",
    "rossum",
    "mathewson",
)


def identifiers() -> Counter[str]:
    """Lowercase parts of every identifier in the library, with their frequency."""
    counts: Counter[str] = Counter()
    for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        if "site-packages" in path.parts or "dist-packages" in path.parts:
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        parts = {
            part.lower()
            for name in set(re.findall(r"[A-Za-z_]{3,40}", text))
            for part in re.findall(r"[A-Z]?[a-z]+", name)
        }
        counts.update(part for part in parts if re.fullmatch(r"[a-z]{3,10}", part))
    return counts


def template_words() -> set[str]:
    """Words that stand in string literals of the suite or of this recipe."""
    words: set[str] = set()
    for path in [*SUITE.glob("*.py"), *(HERE / f"{name}.py" for name in TEMPLATES)]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words.update(re.findall(r"[a-z]+", node.value.lower()))
    return words


def forbidden() -> set[str]:
    installed = {name.lower() for name in importlib.metadata.packages_distributions()}
    python = (keyword.kwlist, keyword.softkwlist, dir(builtins), sys.stdlib_module_names)
    lists = (*python, RESERVED, UNWANTED)
    words = {word.lower() for words in lists for word in words}
    return words | installed | template_words()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the two lists")
    folder = parser.parse_args().out
    taken = forbidden()
    words = [word for word, seen in identifiers().most_common() if seen >= 2 and word not in taken]
    # A name that starts with "test" would be collected as a test where a test imports it.
    vowels = [word for word in words if re.search("[aeiouy]", word) and word[:4] != "test"]
    for name, side, count in (("words_train.txt", False, 5000), ("words.txt", True, 700)):
        chosen = [word for word in vowels if held_out(word) is side][:count]
        (folder / name).write_text("\n".join(sorted(chosen)) + "\n", encoding="utf-8")
        print(folder / name, len(chosen))


if __name__ == "__main__":
    main()
