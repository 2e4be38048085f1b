"""`seatrial reindex`: rebuild the index from the run folders, which are the truth."""

from __future__ import annotations

import argparse
import json
import sys

from seatrial.cli.options import add_json, add_runs_root
from seatrial.store import list_runs, reindex


def configure(parser: argparse.ArgumentParser) -> None:
    add_runs_root(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    reindex(args.runs)
    rows = list_runs(args.runs)
    trials = sum(row.passed + row.failed + row.unscored + row.tainted for row in rows)
    if args.json:
        sys.stdout.write(json.dumps({"runs": len(rows), "trials": trials}) + "\n")
    else:
        sys.stderr.write(f"{len(rows)} runs, {trials} finished trials indexed\n")
    return 0
