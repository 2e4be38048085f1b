"""`seatrial resume`: finish a run that was interrupted."""

from __future__ import annotations

import argparse
import sys

from seatrial.cli.execution import run_and_report, shown
from seatrial.cli.options import add_json, add_run_choice, find_run
from seatrial.store import RunDir


def configure(parser: argparse.ArgumentParser) -> None:
    add_run_choice(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    run_dir = RunDir.open(find_run(args.runs, args.run))
    sys.stderr.write(f"run {shown(run_dir.path)}, suite seed {run_dir.manifest.spec.suite.seed}\n")
    return run_and_report(run_dir, as_json=args.json)
