"""`seatrial report`: write the HTML report of a run again, or its data as JSON."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from seatrial.cli.execution import shown
from seatrial.cli.options import add_json, add_run_choice, find_run
from seatrial.core.errors import UserError
from seatrial.report import build_report, report_json, terminal_summary, write_html


def configure(parser: argparse.ArgumentParser) -> None:
    add_run_choice(parser)
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", help="default: in the run")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    folder = find_run(args.runs, args.run)
    report = build_report(folder)
    if args.json:
        sys.stdout.buffer.write(report_json(report) + b"\n")
        return 0
    page = args.out or folder / "report.html"
    if page.is_dir() or not page.parent.is_dir():
        raise UserError(f"{page} is not a file to write to", hint="give a file in a folder with -o")
    write_html(report, folder, page)
    sys.stdout.write(terminal_summary(report))
    sys.stdout.write(f"\nreport: {shown(page)}\n")
    return 0
