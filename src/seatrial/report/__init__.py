"""Reports for people: terminal, one static HTML page, JSON."""

import msgspec

from seatrial.report.build import build_report
from seatrial.report.html import write_html
from seatrial.report.model import RunReport, TrialReport
from seatrial.report.terminal import (
    terminal_diagnosis,
    terminal_summary,
    terminal_transcript,
)

__all__ = [
    "RunReport",
    "TrialReport",
    "build_report",
    "report_json",
    "terminal_diagnosis",
    "terminal_summary",
    "terminal_transcript",
    "write_html",
]


def report_json(report: RunReport) -> bytes:
    """The report as one line of JSON."""
    return msgspec.json.encode(report)
