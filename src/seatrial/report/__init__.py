"""Reports for people: terminal, one static HTML page, JSON.

The names are imported when they are first used: `lint` shows findings without a template engine.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seatrial.report.build import build_report
    from seatrial.report.html import write_html
    from seatrial.report.model import RunReport, TrialReport, report_json
    from seatrial.report.sessions import session_reports
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
    "session_reports",
    "terminal_diagnosis",
    "terminal_summary",
    "terminal_transcript",
    "write_html",
]

_HOMES = {
    "build": ("build_report",),
    "html": ("write_html",),
    "model": ("RunReport", "TrialReport", "report_json"),
    "sessions": ("session_reports",),
    "terminal": ("terminal_diagnosis", "terminal_summary", "terminal_transcript"),
}


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"seatrial.report.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
