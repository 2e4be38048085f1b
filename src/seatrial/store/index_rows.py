"""What the index holds of a run and of an attempt, as SQL tables and as values.

No SQL but the tables and one summary, no file access but the frames of a trace. In: results and
references. Out: tuples for the tables; `RunRow` and `TrialRow` for listings.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec

from seatrial.core.errors import FormatError
from seatrial.core.result import NOT_THE_MODEL, Result
from seatrial.core.trace import TrialRef
from seatrial.store.frames import PACKED, frame_offsets
from seatrial.store.layout import Slot
from seatrial.store.run import RunDir


class RunRow(msgspec.Struct, frozen=True):
    """One run in a listing. The five counts are disjoint and make up its trials; they and the
    totals are over the latest finished attempt of each trial.
    """

    run: str
    created: str
    suite: str
    arms: str
    """Names of the arms, comma separated."""
    seatrial: str
    passed: int
    failed: int
    unscored: int
    """Say nothing about the model: infrastructure, our own faults, cancelled."""
    tainted: int
    """Excluded from rates, whatever the outcome."""
    unfinished: int
    """No attempt has a result."""
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    problem: str
    """Why the run, or a result in it, cannot be read; empty = all is well."""


class TrialRow(msgspec.Struct, frozen=True):
    """One attempt in a listing."""

    task: str
    task_digest: str
    arm: str
    seed: int
    attempt: int
    task_part: str
    arm_part: str
    outcome: str | None
    """None = unfinished."""
    latest: bool
    """The latest finished attempt of its trial: the one that counts."""
    family: str
    arm_name: str
    ended: str
    verified: str
    oracle: str
    taint: str
    """Comma separated."""
    turns: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    seconds: float
    started: str
    detail: str
    frames: tuple[int, ...] = ()
    """Where the frames of the compacted trace begin; empty = it is plain."""

    def path(self, run: Path) -> Path:
        """The attempt's folder in the run folder `run`."""
        return Slot(self.task_part, self.arm_part, self.seed, self.attempt).below(run)


RUN_COLUMNS = ("inode", "size", *RunRow.__struct_fields__)
TRIAL_COLUMNS = ("run", *TrialRow.__struct_fields__)

SCHEMA = (
    "DROP TABLE IF EXISTS runs",
    "DROP TABLE IF EXISTS trials",
    f"CREATE TABLE runs ({', '.join(RUN_COLUMNS)}, PRIMARY KEY (run))",
    f"CREATE TABLE trials ({', '.join(TRIAL_COLUMNS)}, "
    "PRIMARY KEY (run, task_part, arm_part, seed, attempt))",
    "CREATE INDEX open_trials ON trials (run) WHERE outcome IS NULL",
)

_ASIDE = ", ".join(f"'{outcome}'" for outcome in sorted(NOT_THE_MODEL))

# The latest finished attempt of each key counts; a trial without one has no row with `latest`.
_MARK_LATEST = """
UPDATE trials SET latest = (outcome IS NOT NULL AND attempt = (
    SELECT max(other.attempt) FROM trials AS other
    WHERE other.run = trials.run AND other.task_part = trials.task_part
      AND other.arm_part = trials.arm_part AND other.seed = trials.seed
      AND other.task_digest = trials.task_digest AND other.outcome IS NOT NULL))
WHERE run = ?
"""
_SUMMARY = f"""
SELECT coalesce(sum(taint = '' AND outcome = 'passed'), 0),
       coalesce(sum(taint = '' AND outcome != 'passed' AND outcome NOT IN ({_ASIDE})), 0),
       coalesce(sum(taint = '' AND outcome IN ({_ASIDE})), 0),
       coalesce(sum(taint != ''), 0),
       (SELECT count(*) FROM (
           SELECT 1 FROM trials WHERE run = ?1
           GROUP BY task, task_digest, arm, seed HAVING max(latest) = 0)),
       coalesce(sum(prompt_tokens), 0), coalesce(sum(completion_tokens), 0),
       coalesce(sum(seconds), 0.0)
FROM trials WHERE run = ?1 AND latest
"""


def run_row(db: sqlite3.Connection, run: RunDir | Path, problem: str) -> RunRow:
    """The row of a run whose trials are in the table; a bare path is a run without manifest."""
    path = run.path if isinstance(run, RunDir) else run
    db.execute(_MARK_LATEST, (path.name,))
    summary = db.execute(_SUMMARY, (path.name,)).fetchone()
    head: tuple[str, ...] = (path.name, "", "", "", "")
    if isinstance(run, RunDir):
        made = run.manifest
        arms = ", ".join(arm.name for arm in made.spec.arms)
        head = (path.name, made.created, made.spec.suite.name, arms, made.seatrial)
    return run_from_sql((*head, *summary, problem))


def unfinished_row(slot: Slot, trial: TrialRef) -> TrialRow:
    """The row of an attempt without a result."""
    return TrialRow(
        task=trial.task,
        task_digest=trial.task_digest,
        arm=trial.arm,
        seed=slot.seed,
        attempt=slot.attempt,
        task_part=slot.task_part,
        arm_part=slot.arm_part,
        outcome=None,
        latest=False,
        family="",
        arm_name="",
        ended="",
        verified="",
        oracle="",
        taint="",
        turns=0,
        prompt_tokens=0,
        cached_tokens=0,
        completion_tokens=0,
        seconds=0.0,
        started="",
        detail="",
    )


def finished_row(slot: Slot, result: Result, folder: Path) -> TrialRow:
    """The row of an attempt with a result."""
    return TrialRow(
        task=result.task,
        task_digest=result.task_digest,
        arm=result.arm,
        seed=slot.seed,
        attempt=slot.attempt,
        task_part=slot.task_part,
        arm_part=slot.arm_part,
        outcome=result.outcome,
        latest=False,
        family=result.family,
        arm_name=result.arm_name,
        ended=result.ended.value,
        verified=result.verified.value,
        oracle=result.oracle.status,
        taint=", ".join(result.taint),
        turns=result.turns,
        prompt_tokens=result.usage.prompt,
        cached_tokens=result.usage.cached,
        completion_tokens=result.usage.completion,
        seconds=result.seconds,
        started=result.started,
        detail=result.detail,
        frames=_frames(folder / PACKED),
    )


def to_sql(row: RunRow | TrialRow) -> tuple[object, ...]:
    """The fields in the order of the columns; frames as JSON."""
    values = msgspec.structs.astuple(row)
    if isinstance(row, RunRow):
        return values
    return (*values[:-1], msgspec.json.encode(row.frames).decode())


def trial_from_sql(values: tuple[object, ...]) -> TrialRow:
    """The other way round, checked: a damaged index must not pass for a listing.

    Raises:
        msgspec.ValidationError, msgspec.DecodeError: not the row of a trial.
    """
    fields = dict(zip(TrialRow.__struct_fields__, values, strict=True))
    fields["frames"] = msgspec.json.decode(str(fields["frames"]))
    return msgspec.convert(fields, TrialRow, strict=False)


def run_from_sql(values: tuple[object, ...]) -> RunRow:
    """The row of a run, checked.

    Raises:
        msgspec.ValidationError: not the row of a run.
    """
    return msgspec.convert(dict(zip(RunRow.__struct_fields__, values, strict=True)), RunRow)


def _frames(packed: Path) -> tuple[int, ...]:
    try:
        return frame_offsets(packed) if packed.exists() else ()
    except FormatError:
        # Whoever reads the trace says so; a listing does without.
        return ()
