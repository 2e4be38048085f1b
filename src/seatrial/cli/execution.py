"""Does a run from the command line: progress, interrupts, then the summary and the report."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from seatrial.bench.run import RunEnd, execute
from seatrial.cli.options import reader_left
from seatrial.cli.progress import progress_for_stderr
from seatrial.report import build_report, report_json, terminal_summary, write_html
from seatrial.store import RunDir


def run_and_report(run: RunDir, *, as_json: bool = False) -> int:
    """Execute what is left of `run`, show the summary, write the HTML report; the exit code."""
    end = _execute(run)
    for problem in end.problems:
        sys.stderr.write(f"error: {problem}\n")
    report = build_report(run.path)
    page = run.path / "report.html"
    write_html(report, run.path, page)
    try:
        if as_json:
            sys.stdout.buffer.write(report_json(report) + b"\n")
        else:
            sys.stdout.write(terminal_summary(report))
            sys.stdout.write(f"\nreport: {shown(page)}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # The verdict is in the exit code, whether somebody read the summary or not.
        if not reader_left():
            raise
    return end.exit_code


def _execute(run: RunDir) -> RunEnd:
    try:
        with progress_for_stderr() as progress:
            return asyncio.run(execute(run, progress))
    except KeyboardInterrupt:
        # Finished trials are on disk; only the ones under way are done again.
        sys.stderr.write(f"interrupted; go on with: seatrial resume {shown(run.path)}\n")
        raise SystemExit(130) from None


def shown(path: Path) -> str:
    """A path as a person would type it: relative where it lies below here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
