"""No false stop on any text file that is installed here: a hundred megabytes, half a minute."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.core.config import GuardSpec
from seatrial.core.loop_limits import LoopLimits
from seatrial.guard.loops import PeriodicTail, find_near_loop, find_text_loop

pytestmark = pytest.mark.proof

SUFFIXES = frozenset(
    ".py .pyi .pyx .txt .rst .md .json .csv .h .c .dat .arff .f90 .pem .cfg .toml .xsl .html .js "
    ".css .sh .sql .xml .yml .yaml .svg .diff .patch .in .decTest".split()
)
MAX_BYTES = 4_000_000


def real_texts() -> Iterator[tuple[Path, str]]:
    paths = sysconfig.get_paths()
    for root in dict.fromkeys([paths["stdlib"], paths["purelib"], paths["platlib"]]):
        for path in sorted(Path(root).rglob("*")):
            if "site-packages" in path.relative_to(root).parts:
                continue  # not of this environment
            if path.suffix in SUFFIXES and path.is_file() and path.stat().st_size < MAX_BYTES:
                try:
                    yield path, path.read_text(encoding="utf-8")
                except UnicodeDecodeError:
                    continue


def test_no_installed_file_is_stopped() -> None:
    spec, limits = GuardSpec(), LoopLimits()
    files = chars = 0
    stopped = []
    for path, text in real_texts():
        files, chars = files + 1, chars + len(text)
        tail = PeriodicTail(limits.arguments.chars, limits.arguments.repeats)
        found = (
            find_text_loop(text, spec.loop_chars, spec.loop_repeats),
            find_near_loop(text, limits.text_near),
            find_near_loop(text, limits.think_near, "think"),
            tail.feed(text) or tail.end(),
        )
        if any(found):
            stopped.append((str(path), found))
    print(f"{files} files, {chars / 1e6:.0f} million characters, {len(stopped)} stopped")
    assert not stopped
    assert chars > 20_000_000
