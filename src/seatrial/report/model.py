"""The report as data: what terminal, page and `--json` all show.

Numbers only; no words about them and no layout. In: nothing. Out: frozen values.
"""

from __future__ import annotations

from typing import Any

import msgspec

from seatrial.diagnose import ModeFinding, Recommendation
from seatrial.stats import Interval


class Rate(msgspec.Struct, frozen=True):
    """k of n with its Wilson interval, all from 0 to 1."""

    passed: int
    n: int
    low: float
    high: float

    @classmethod
    def of(cls, interval: Interval) -> Rate:
        return cls(interval.k, interval.n, interval.low, interval.high)

    def __str__(self) -> str:
        if self.n == 0:
            return "no trials"
        share = 100 * self.passed / self.n
        return f"{share:.1f} % [{100 * self.low:.1f}, {100 * self.high:.1f}], n = {self.n}"


class ArmReport(msgspec.Struct, frozen=True):
    """One arm over all its trials."""

    id: str
    name: str
    as_run: Rate
    """Of all finished, untainted trials; an unscored one counts as not passed."""
    model_only: Rate
    """Without the trials that say nothing about the model."""
    families: dict[str, Rate]
    outcomes: dict[str, int]
    modes: dict[str, int]
    """Trials whose primary cause it is."""
    prompt_tokens: int
    completion_tokens: int
    turns: int
    agent_seconds: float
    generated_tokens_per_second: float | None
    """Median over responses, as the server tells it."""
    tainted: int
    sandbox: str
    grade: str
    served: dict[str, Any]
    spec: dict[str, Any]


class TrialReport(msgspec.Struct, frozen=True):
    """One trial."""

    task: str
    family: str
    arm: str
    arm_name: str
    seed: int
    attempt: int
    outcome: str
    ended: str
    verified: str
    oracle: str
    taint: tuple[str, ...]
    primary: str
    modes: tuple[ModeFinding, ...]
    turns: int
    seconds: float
    prompt_tokens: int
    completion_tokens: int
    detail: str
    path: str
    """Folder of the attempt, relative to the run."""


class Comparison(msgspec.Struct, frozen=True):
    """Two arms on the tasks and seeds where both trials say something about the model."""

    left: str
    right: str
    pairs: int
    both: int
    only_left: int
    only_right: int
    neither: int
    p_value: float
    """McNemar's test, mid-p, two-sided."""


class RunReport(msgspec.Struct, frozen=True):
    """A whole run."""

    schema_version: int
    run: str
    created: str
    seatrial: str
    suite: str
    suite_seed: int | None
    band: str | None
    sampler_seeds: tuple[int, ...]
    tasks: int
    planned: int
    finished: int
    calibration: dict[str, Any] | None
    """What the reference solution and the do-nothing agent did; None = not calibrated."""
    attested_last: bool
    """Whether every launch of an arm was attested again after its last trial."""
    problems: tuple[str, ...]
    """Why the run is suspended: what the last attestation or the calibration found wrong."""
    arms: tuple[ArmReport, ...]
    comparisons: tuple[Comparison, ...]
    trials: tuple[TrialReport, ...]
    recommendations: tuple[Recommendation, ...]


def report_json(report: RunReport) -> bytes:
    """The report as one line of JSON."""
    return msgspec.json.encode(report)
