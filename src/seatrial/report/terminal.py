"""The report on a terminal: short, readable without colour, the verdict first.

In: a `RunReport` or a `Diagnosis`. Out: text that ends in a newline.
"""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.diagnose import Diagnosis, TrialDiagnosis
from seatrial.report.model import ArmReport, Comparison, RunReport, TrialReport
from seatrial.report.transcript import Segment, transcript
from seatrial.report.visible import one_line, visible

if TYPE_CHECKING:
    from rich.table import Table

WIDTH = 100

_LEVEL = 0.05
_FEWEST_DIFFERING = 5
"""Differing pairs from which on McNemar's mid-p can fall below 5 % at all."""


def terminal_summary(report: RunReport) -> str:
    """Pass rates, families, outcomes, causes, speed, and what was attested."""
    parts = [verdict(report), ""]
    parts += [_render(_arms_table(report)), "", _render(_families_table(report)), ""]
    for comparison in report.comparisons:
        parts.append(sentence(comparison))
    causes = _causes(report)
    if causes:
        parts += ["", "why trials failed (primary cause, first evidence):", *causes]
    parts += ["", "what answered:", *(_attested(arm) for arm in report.arms)]
    parts += ["", *caveats(report)]
    return "\n".join(parts).rstrip() + "\n"


def verdict(report: RunReport) -> str:
    """One sentence for each arm."""
    if not report.arms:
        return f"run {report.run}: no arm was attested, nothing was measured"
    return "\n".join(
        f"{arm.name} passed {arm.as_run.passed} of {arm.as_run.n} trials: {arm.as_run}"
        for arm in report.arms
    )


def sentence(comparison: Comparison) -> str:
    """The paired comparison in words, with what this n can and cannot show."""
    differing = comparison.only_left + comparison.only_right
    head = (
        f"{comparison.left} against {comparison.right} on {comparison.pairs} pairs: "
        f"{comparison.only_left} passed only by {comparison.left}, "
        f"{comparison.only_right} only by {comparison.right} "
        f"(McNemar mid-p {comparison.p_value:.2g})"
    )
    if comparison.p_value < _LEVEL:
        return head
    # With fewer than five differing pairs no split of them reaches 5 % (mid-p of 5:0 is 0.031,
    # of 4:0 0.063), so the test had no chance.
    if differing < _FEWEST_DIFFERING:
        return f"{head}; so few pairs differ that this n cannot show a difference"
    return f"{head}; no difference is shown, which is not the same as none"


def caveats(report: RunReport) -> list[str]:
    """What a reader must know before believing the numbers."""
    found = []
    if report.finished < report.planned:
        left = report.planned - report.finished
        found.append(f"incomplete: {left} of {report.planned} trials are still to do")
    found += _meter(report)
    if report.finished and not report.attested_last and not report.problems:
        found.append("not every launch was attested again after its last trial")
    found += _dependence(report)
    for arm in report.arms:
        if arm.tainted:
            found.append(f"{arm.name}: {arm.tainted} tainted trials are left out of the rates")
        if arm.sandbox == "process":
            found.append(f"{arm.name}: ran without isolation (--sandbox process)")
        aside = arm.as_run.n - arm.model_only.n
        if aside:
            found.append(
                f"{arm.name}: {aside} trials say nothing about the model; without them "
                f"{arm.model_only}"
            )
    return found


def _meter(report: RunReport) -> list[str]:
    """What is known of the meter, and why the run was suspended."""
    if _calibration_failed(report):
        return ["INVALID: the meter failed its calibration", *report.problems]
    found = [f"SUSPENDED: {problem}" for problem in report.problems]
    if report.calibration is None:
        return ["the meter was not calibrated in this run", *found]
    tasks = report.calibration.get("tasks", 0)
    unproven = tasks - report.calibration.get("solvable", tasks)
    if unproven:
        found.append(f"{unproven} of {tasks} tasks tried have no reference solution to prove them")
    return found


def _calibration_failed(report: RunReport) -> bool:
    return (report.calibration or {}).get("event") == "calibration_failed"


def _dependence(report: RunReport) -> list[str]:
    """Where the statistics promise more than they can keep."""
    found = []
    if len(report.sampler_seeds) > 1:
        found.append(
            f"each task was tried with {len(report.sampler_seeds)} seeds: trials of one task are "
            "not independent, so the intervals are too narrow and the p values too small"
        )
    if len(report.comparisons) > 1:
        found.append(
            f"{len(report.comparisons)} comparisons, each at 5 %: one may show a difference by "
            "chance alone"
        )
    return found


def terminal_diagnosis(diagnosis: Diagnosis, folder: Path) -> str:
    """Every failing trial with its modes and quotes."""
    failing = sum(trial.outcome != "passed" for trial in diagnosis.trials)
    lines = [f"{folder.name}: {failing} of {len(diagnosis.trials)} trials did not pass"]
    for trial in diagnosis.trials:
        if trial.outcome == "passed" and not trial.note:
            continue
        lines += ["", *_explained(trial)]
    if diagnosis.groups:
        lines += ["", "modes over all trials:"]
        width = max(len(group.id) for group in diagnosis.groups)
        lines += [
            f"  {group.id:<{width}}  {group.trials:>4} trials ({100 * group.share:.0f} %)"
            for group in diagnosis.groups
        ]
    for advice in diagnosis.recommendations:
        before = "unset" if advice.from_ is None else advice.from_
        lines += [
            "",
            f"try ({advice.where}): {advice.knob} from {before} to {advice.to}, for {advice.mode}",
            *(f"  only if: {condition}" for condition in advice.prerequisites),
            f"  refuted by: {advice.refuted_by}",
        ]
    return "\n".join(lines) + "\n"


def terminal_transcript(trial: TrialReport, folder: Path) -> str:
    """A trial to read: what was said and done, with its findings first."""
    name = f"{visible(trial.task)} on {visible(trial.arm_name)}"
    lines = [f"{name}: {trial.outcome}, primary cause {trial.primary}"]
    if trial.taint:
        lines.append(f"  tainted: {', '.join(trial.taint)}")
    if trial.detail:
        lines.append(f"  {one_line(trial.detail)}")
    for finding in trial.modes:
        lines += [f"  {finding.id} at {item.file} {item.where}" for item in finding.evidence[:1]]
    for block in transcript(folder, trial.modes):
        lines += ["", f"-- {block.title}"]
        lines += ["".join(_as_text(segment) for segment in block.segments)]
    return "\n".join(lines).rstrip() + "\n\n"


def _as_text(segment: Segment) -> str:
    # Marks must be visible without colour: a quote that is evidence stands in guillemets.
    text = visible(segment.text)
    return f"»{text}«" if segment.mode else text


def _explained(trial: TrialDiagnosis) -> list[str]:
    name = f"{visible(trial.task)} ({visible(trial.model)})"
    lines = [f"{name}: {trial.outcome}, primary cause {trial.primary}"]
    if trial.note:
        lines.append(f"  note: {one_line(trial.note, 200)}")
    for mode in trial.modes:
        lines.append(f"  {mode.id} ({mode.confidence} confidence, seen {mode.count} times)")
        lines += [f"    {item.where}: {one_line(item.quote)}" for item in mode.evidence[:1]]
    return lines


def _arms_table(report: RunReport) -> Table:
    table = _table("arm", "passed", "outcomes", "turns", "tokens out", "tok/s")
    for arm in report.arms:
        speed = arm.generated_tokens_per_second
        _add_row(
            table,
            arm.name,
            f"{arm.as_run.passed}/{arm.as_run.n}",
            ", ".join(f"{name} {count}" for name, count in arm.outcomes.items()),
            str(arm.turns),
            str(arm.completion_tokens),
            "" if speed is None else f"{speed:.0f}",
        )
    return table


def _families_table(report: RunReport) -> Table:
    families = sorted({name for arm in report.arms for name in arm.families})
    table = _table("family", *(arm.name for arm in report.arms))
    for name in families:
        cells = [arm.families.get(name) for arm in report.arms]
        _add_row(table, name, *(f"{c.passed}/{c.n}" if c else "" for c in cells))
    return table


def _causes(report: RunReport) -> list[str]:
    lines = []
    for arm in report.arms:
        for mode, count in arm.modes.items():
            lines.append(f"  {arm.name}: {mode} in {count} of {arm.as_run.n + arm.tainted} trials")
            quote = _first_quote(report, arm, mode)
            if quote:
                lines.append(f"    {quote}")
    return lines


def _first_quote(report: RunReport, arm: ArmReport, mode: str) -> str:
    for trial in report.trials:
        if trial.arm != arm.id or trial.primary != mode:
            continue
        for finding in trial.modes:
            if finding.id == mode and finding.evidence:
                return f"{visible(trial.task)}: {one_line(finding.evidence[0].quote)}"
    return ""


def _attested(arm: ArmReport) -> str:
    weights = str(arm.served.get("weights", ""))[:12]
    window = arm.served.get("window_tokens", "?")
    return f"  {arm.name}: weights {weights}, window {window}, proof {arm.grade}, arm {arm.id}"


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _add_row(table: Table, *cells: str) -> None:
    from rich.text import Text

    # As text, not markup: a name may hold brackets.
    table.add_row(*(Text(visible(cell)) for cell in cells))


def _render(table: Table) -> str:
    from rich.console import Console

    out = StringIO()
    Console(file=out, width=WIDTH, highlight=False, no_color=True).print(table)
    return out.getvalue().rstrip("\n")
