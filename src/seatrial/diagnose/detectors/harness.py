"""Scope harness: the bounds of the loop. All of these are symptoms: never a primary cause."""

from __future__ import annotations

from seatrial.core.generation import Finish
from seatrial.core.result import Ended, Verified
from seatrial.diagnose.facts import Trial
from seatrial.diagnose.findings import ModeFinding, make_finding
from seatrial.diagnose.registry import at_end


@at_end("harness.wall_timeout", "generating", "tool", "after_success")
def wall_timeout(trial: Trial) -> ModeFinding | None:
    """The wall clock ended the trial; finer where the trace says what was going on."""
    if trial.verified is Verified.YES:
        return _ended(trial, Ended.WALL_TIMEOUT, "harness.wall_timeout.after_success")
    if trial.open_call:
        return _ended(trial, Ended.WALL_TIMEOUT, "harness.wall_timeout.tool")
    if trial.requests > trial.turns or _cut_short(trial):
        return _ended(trial, Ended.WALL_TIMEOUT, "harness.wall_timeout.generating")
    return _ended(trial, Ended.WALL_TIMEOUT, "harness.wall_timeout")


@at_end("harness.budget_steps")
def budget_steps(trial: Trial) -> ModeFinding | None:
    """All turns were used up."""
    return _ended(trial, Ended.MAX_TURNS, "harness.budget_steps")


@at_end("harness.budget_cost")
def budget_cost(trial: Trial) -> ModeFinding | None:
    """All tokens of the trial were used up."""
    return _ended(trial, Ended.BUDGET, "harness.budget_cost")


def _cut_short(trial: Trial) -> bool:
    return trial.last is not None and trial.last.response.finish is Finish.CANCELLED


def _ended(trial: Trial, ended: Ended, mode: str) -> ModeFinding | None:
    if trial.ended is not ended or trial.ended_evidence is None:
        return None
    return make_finding(mode, (trial.ended_evidence,), sufficient=False)
