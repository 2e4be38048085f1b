"""What a diagnosis says, as values: findings, trials, groups, recommendations, and their JSON.

The JSON is a contract that other programs read (design: `diagnose --json`). Nothing is decided
here.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from seatrial.core.evidence import Evidence
from seatrial.core.schema import REPORT_VERSION
from seatrial.diagnose.modes import mode_of

Confidence = Literal["high", "medium", "low"]
Where = Literal["client", "harness", "gateway", "server", "suite", "infra", "model"]
Setting = str | int | float | bool | None

NONE = "none"
"""The primary cause of a trial that passed."""
INCONCLUSIVE = "inconclusive"
"""Nothing on the trace explains the failure."""


class ModeFinding(msgspec.Struct, frozen=True):
    """One failure mode in one trial."""

    id: str
    scope: str
    confidence: Confidence
    sufficient: bool
    """It can explain the outcome alone; only then may it be the primary cause."""
    count: int
    evidence: tuple[Evidence, ...]
    """The first and the last occurrence; files are named relative to the trial's folder."""


class TrialDiagnosis(msgspec.Struct, frozen=True, omit_defaults=True):
    """One trial explained."""

    path: str
    task: str
    model: str
    outcome: str
    turns: int
    primary: str
    """A mode id, `none` or `inconclusive`."""
    modes: tuple[ModeFinding, ...]
    note: str = ""
    """What kept the trial from being read; written only where there is something to say."""


class Group(msgspec.Struct, frozen=True):
    """One mode over all trials of a run."""

    id: str
    trials: int
    share: float
    """Of all trials."""
    pass_with: float | None
    """Pass rate of the scored, untainted trials that show the mode; None = there are none."""
    pass_without: float | None


class Recommendation(msgspec.Struct, frozen=True):
    """A change to try, and what would show that it was the wrong one."""

    mode: str
    where: Where
    knob: str
    from_: Setting = msgspec.field(name="from")
    to: Setting
    diff: str
    """Unified diff of the arm's file; empty where no file says it."""
    prerequisites: tuple[str, ...]
    refuted_by: str
    """The outcome of the paired experiment that refutes it."""


class Diagnosis(msgspec.Struct, frozen=True):
    """A run explained."""

    schema_version: int
    trials: tuple[TrialDiagnosis, ...]
    groups: tuple[Group, ...]
    recommendations: tuple[Recommendation, ...]


def make_finding(
    id_: str,
    evidence: tuple[Evidence, ...],
    *,
    confidence: Confidence = "high",
    sufficient: bool = True,
    count: int = 1,
) -> ModeFinding:
    """A finding of a known mode.

    Raises:
        FormatError: `id_` is no mode of the table.
    """
    return ModeFinding(id_, mode_of(id_).scope, confidence, sufficient, count, evidence)


def make_diagnosis(
    trials: tuple[TrialDiagnosis, ...],
    groups: tuple[Group, ...],
    recommendations: tuple[Recommendation, ...],
) -> Diagnosis:
    """A diagnosis in the version that this package writes."""
    return Diagnosis(REPORT_VERSION, trials, groups, recommendations)


def to_json(diagnosis: Diagnosis) -> bytes:
    """The JSON of the contract, one line without a newline."""
    return msgspec.json.encode(diagnosis)
