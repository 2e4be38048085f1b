"""`seatrial runs`: the runs of a folder, newest first."""

from __future__ import annotations

import argparse
import sys

import msgspec

from seatrial.cli.options import add_json, add_runs_root
from seatrial.store import RunRow, list_runs


def configure(parser: argparse.ArgumentParser) -> None:
    add_runs_root(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    rows = list_runs(args.runs)
    if args.json:
        sys.stdout.buffer.write(msgspec.json.encode(rows) + b"\n")
        return 0
    if not rows:
        sys.stderr.write(f"no runs in {args.runs}; `seatrial demo` makes one\n")
        return 0
    width = max(len(row.run) for row in rows)
    for row in rows:
        sys.stdout.write(f"{row.run:<{width}}  {_counts(row)}  {row.arms}\n")
    return 0


def _counts(row: RunRow) -> str:
    """Passed of scored, then what is aside; a problem instead of numbers that mislead."""
    if row.problem:
        return f"cannot be read: {row.problem}"
    words = f"{row.passed:>4} passed, {row.failed:>4} failed"
    for count, word in (
        (row.unscored, "unscored"),
        (row.tainted, "tainted"),
        (row.unfinished, "unfinished"),
    ):
        if count:
            words += f", {count} {word}"
    return words
