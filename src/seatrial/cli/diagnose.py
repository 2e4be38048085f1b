"""`seatrial diagnose`: explain the failures of runs, with quoted evidence."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from seatrial.cli.options import add_json, add_runs_root, find_run
from seatrial.diagnose import diagnose_run, diagnose_runs, to_json
from seatrial.report import terminal_diagnosis


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", metavar="PATH", help="runs; default the newest")
    add_runs_root(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    folders: list[Path] = [find_run(args.runs, path) for path in args.paths or [None]]
    if args.json:
        diagnosis = diagnose_run(folders[0]) if len(folders) == 1 else diagnose_runs(folders)
        sys.stdout.buffer.write(to_json(diagnosis) + b"\n")
        return 0
    for folder in folders:
        sys.stdout.write(terminal_diagnosis(diagnose_run(folder), folder))
    return 0
