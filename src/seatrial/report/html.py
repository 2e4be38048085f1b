"""The report as one static page: no script, no request to anywhere, under 300 KB.

The trials' transcripts are folded into it as far as the size allows, failures first, and of a
very large run not every trial is listed; what is left out is said. In: a `RunReport`. Out: a
file, written whole or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from seatrial.core.result import NOT_THE_MODEL
from seatrial.report import svg
from seatrial.report.model import ArmReport, RunReport, TrialReport
from seatrial.report.terminal import caveats, sentence
from seatrial.report.transcript import Block, transcript
from seatrial.report.visible import one_line, visible
from seatrial.store import write_atomic

MAX_BYTES = 300_000
_TRANSCRIPT_SHARES = (0.8, 0.4)
"""What part of the page may be transcripts, tried in order; the tables take the rest."""
_MAX_FAMILIES = 100
_LISTED_BYTES = 400
"""What a trial costs in the tables, about."""
_MARKUP_BYTES = 90
"""What a block or a segment costs besides its text, about."""


Key = tuple[str, int]
"""A row of the grid: task and seed."""


class Shown(msgspec.Struct, frozen=True):
    """One trial on the page; `blocks` is None where the page had no room for it."""

    anchor: str
    trial: TrialReport
    blocks: tuple[Block, ...] | None


def write_html(report: RunReport, folder: Path, page: Path) -> None:
    """Write the page of the run in `folder` to `page`.

    Raises:
        InfraError: the file cannot be written.
    """
    text = render_html(report, folder)
    # A name on disk may hold bytes that are no text; the page shows them as "?".
    write_atomic(page, text.encode("utf-8", "replace"))


def render_html(report: RunReport, folder: Path) -> str:
    """The page as text."""
    environment = _environment()
    read = _Transcripts(folder)
    keys = _keys(report)
    while True:
        for share in _TRANSCRIPT_SHARES:
            page = _render(environment, report, keys, read, int(MAX_BYTES * share))
            if len(page.encode("utf-8", "replace")) < MAX_BYTES or not keys:
                return page
        keys = keys[: len(keys) // 2]


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("seatrial.report", "page"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["visible"] = visible
    environment.filters["line"] = one_line
    return environment


def _render(
    environment: Environment, report: RunReport, keys: list[Key], read: _Transcripts, room: int
) -> str:
    """The page with the trials of `keys`, and `room` bytes for their transcripts."""
    shown = _shown(report, set(keys), read, room)
    families = sorted({name for arm in report.arms for name in arm.families})
    return environment.get_template("report.html").render(
        report=report,
        not_the_model=NOT_THE_MODEL,
        style=Markup(environment.get_template("report.css").render()),
        arms_plot=Markup(
            svg.interval_plot([(a.name, a.as_run) for a in report.arms], "pass rate by arm")
        ),
        mode_plots={arm.name: _mode_plot(arm) for arm in report.arms if arm.modes},
        families=families[:_MAX_FAMILIES],
        families_left_out=len(families[_MAX_FAMILIES:]),
        comparisons=[sentence(comparison) for comparison in report.comparisons],
        caveats=caveats(report),
        rows=_rows(report, shown),
        shown=shown,
        left_out=sum(each.blocks is None for each in shown),
        unlisted=len(report.trials) - len(shown),
    )


def _mode_plot(arm: ArmReport) -> Markup:
    return Markup(svg.bars(list(arm.modes.items()), f"primary causes of {arm.name}"))


def _rows(
    report: RunReport, shown: Sequence[Shown]
) -> list[tuple[str, str, int, list[Shown | None]]]:
    """The grid: one row a task and seed, one cell an arm."""
    cells = {(s.trial.task, s.trial.seed, s.trial.arm): s for s in shown}
    tasks = {(s.trial.task, s.trial.seed): s.trial.family for s in shown}
    return [
        (task, family, seed, [cells.get((task, seed, arm.id)) for arm in report.arms])
        for (task, seed), family in sorted(tasks.items())
    ]


def _keys(report: RunReport) -> list[Key]:
    """The rows of the grid, those with a failure first."""
    failed: dict[Key, bool] = {}
    for trial in report.trials:
        key = (trial.task, trial.seed)
        failed[key] = failed.get(key, False) or trial.outcome != "passed"
    return sorted(failed, key=lambda key: (not failed[key], key))


class _Transcripts:
    """Reads each trial's transcript once, and only when it is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, tuple[tuple[Block, ...], int]] = {}

    def of(self, trial: TrialReport) -> tuple[tuple[Block, ...], int]:
        """The blocks, and how many bytes of the page they take, about."""
        if trial.path not in self._known:
            blocks = tuple(transcript(self._folder / trial.path, trial.modes))
            self._known[trial.path] = (blocks, _size(blocks))
        return self._known[trial.path]


def _shown(report: RunReport, keys: set[Key], read: _Transcripts, room: int) -> list[Shown]:
    """Every trial of `keys`; the transcripts of failures first, until the room is full."""
    listed = [trial for trial in report.trials if (trial.task, trial.seed) in keys]
    left = room - _LISTED_BYTES * len(listed)
    blocks: dict[str, tuple[Block, ...]] = {}
    for trial in sorted(listed, key=lambda trial: trial.outcome == "passed"):
        if left < _LISTED_BYTES:
            break
        found, size = read.of(trial)
        if size <= left:
            blocks[trial.path] = found
            left -= size
    return [Shown(f"t{index}", trial, blocks.get(trial.path)) for index, trial in enumerate(listed)]


def _size(blocks: Sequence[Block]) -> int:
    return sum(
        _MARKUP_BYTES
        + len(block.title)
        + sum(_MARKUP_BYTES // 3 + _escaped_bytes(segment.text) for segment in block.segments)
        for block in blocks
    )


def _escaped_bytes(text: str) -> int:
    return len(str(Markup.escape(visible(text))).encode("utf-8"))
