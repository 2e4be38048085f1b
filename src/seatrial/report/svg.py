"""Small SVG plots for the page: an interval for each arm, a bar for each primary cause.

Colours come from the page's own style sheet, so that one plot serves light and dark. In:
rates and counts. Out: SVG elements as text, every word escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from seatrial.report.model import Rate
from seatrial.report.visible import one_line, visible

_LABEL = 130
_PLOT = 360
_ROW = 26


def interval_plot(rows: Sequence[tuple[str, Rate]], title: str) -> str:
    """One line a row: the Wilson interval as a bar, the rate as a dot, 0 to 100 %."""
    height = _ROW * len(rows) + 24
    parts = [_open(height, title)]
    for percent in (0, 25, 50, 75, 100):
        x = _x(percent / 100)
        parts.append(f'<line class="grid" x1="{x}" y1="4" x2="{x}" y2="{height - 18}"/>')
        parts.append(
            f'<text class="tick" x="{x}" y="{height - 4}" text-anchor="middle">{percent} %</text>'
        )
    for index, (name, rate) in enumerate(rows):
        y = _ROW * index + 18
        parts.append(f'<text x="{_LABEL - 8}" y="{y + 4}" text-anchor="end">{_short(name)}</text>')
        if rate.n == 0:
            continue
        low, high = _x(rate.low), _x(rate.high)
        # In a group of its own, or the title would belong to the whole plot.
        parts.append(f"<g><title>{escape(visible(name))}: {escape(str(rate))}</title>")
        parts.append(f'<line class="bar" x1="{low}" y1="{y}" x2="{high}" y2="{y}"/>')
        parts.append(f'<circle class="dot" cx="{_x(rate.passed / rate.n)}" cy="{y}" r="5"/></g>')
    return "".join([*parts, "</svg>"])


def bars(rows: Sequence[tuple[str, int]], title: str) -> str:
    """One horizontal bar a row, scaled to the largest count."""
    most = max((count for _, count in rows), default=1) or 1
    parts = [_open(_ROW * len(rows) + 8, title)]
    for index, (name, count) in enumerate(rows):
        y = _ROW * index + 6
        width = round((_PLOT - 60) * count / most)
        parts.append(f'<rect class="count" x="4" y="{y + 13}" width="{width}" height="5"/>')
        parts.append(f'<text x="4" y="{y + 9}">{escape(visible(name))}: {count}</text>')
    return "".join([*parts, "</svg>"])


def _open(height: int, title: str) -> str:
    width = _LABEL + _PLOT + 24
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>"
    )


def _x(share: float) -> float:
    return round(_LABEL + _PLOT * share, 1)


def _short(name: str) -> str:
    return escape(one_line(name, 17))
