"""Builds the report of a run from its directory: results, locks, journal and diagnosis.

In: a run's folder. Out: a `RunReport`. Every number is counted here from what is on disk.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from seatrial.core.errors import FormatError
from seatrial.core.lock import Lock
from seatrial.core.result import NOT_THE_MODEL, Result
from seatrial.core.schema import REPORT_VERSION
from seatrial.core.trace import Response
from seatrial.diagnose import TrialDiagnosis, diagnose_run
from seatrial.report.model import ArmReport, Comparison, Rate, RunReport, TrialReport
from seatrial.stats import mcnemar_midp, wilson
from seatrial.store import RunDir, TrialKey, read_events
from seatrial.suites import SUITES

_CALIBRATED = ("calibrated", "calibration_failed")


def build_report(folder: Path) -> RunReport:
    """The report of the run in `folder`, finished or not."""
    run = RunDir.open(folder)
    results = _results(run)
    diagnosis = diagnose_run(folder) if results else None
    explained = {trial.path: trial for trial in diagnosis.trials} if diagnosis else {}
    trials = tuple(_trial(path, result, explained.get(path)) for path, result in results)
    journal = list(run.journal_lines())
    spec, suite = run.manifest.spec, run.manifest.suite
    generated = spec.suite.name in SUITES
    locks = _locks(run)
    return RunReport(
        schema_version=REPORT_VERSION,
        run=run.manifest.run,
        created=run.manifest.created,
        seatrial=run.manifest.seatrial,
        suite=spec.suite.name,
        suite_seed=spec.suite.seed if generated else None,
        band=spec.suite.band if generated else None,
        sampler_seeds=spec.seeds,
        tasks=len(suite.tasks),
        planned=len(suite.tasks) * len(spec.arms) * len(spec.seeds),
        finished=len(trials),
        calibration=next((e for e in reversed(journal) if e.get("event") in _CALIBRATED), None),
        attested_last=_attested_last(journal),
        problems=_problems(journal),
        arms=tuple(_arm(run, lock, trials) for lock in locks),
        comparisons=tuple(_comparisons(locks, trials)),
        trials=trials,
        recommendations=diagnosis.recommendations if diagnosis else (),
    )


def _attested_last(journal: Sequence[dict[str, Any]]) -> bool:
    """Whether every launch that gave a result was attested again after its last one."""
    unconfirmed: set[str] = set()
    finished = False
    for entry in journal:
        arm = str(entry.get("arm"))
        match entry.get("event"):
            case "result":
                unconfirmed.add(arm)
            case "lock" if arm in unconfirmed:
                # Launched anew: whatever gave the results so far can no longer be asked.
                return False
            case "finished":
                unconfirmed.clear()
                finished = True
    return finished and not unconfirmed


def _problems(journal: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """Why the run does not stand as it is; one that finished afterwards does."""
    for entry in reversed(journal):
        if entry.get("event") in ("finished", "calibrated"):
            return ()
        if entry.get("event") in ("suspended", "calibration_failed"):
            return tuple(str(problem) for problem in entry.get("problems") or ("not said why",))
    return ()


def _locks(run: RunDir) -> list[Lock]:
    """In the order in which the arms were asked for."""
    order = _arm_order(run)
    return sorted(run.locks().values(), key=lambda lock: order.get(lock.name, len(order)))


def _arm_order(run: RunDir) -> dict[str, int]:
    return {arm.name: index for index, arm in enumerate(run.manifest.spec.arms)}


def _results(run: RunDir) -> list[tuple[str, Result]]:
    """The latest finished attempt of each trial, with its folder relative to the run."""
    latest: dict[TrialKey, tuple[str, Result]] = {}
    for attempt in run.attempts():
        if attempt.result is not None:
            path = str(attempt.path.relative_to(run.path))
            latest[TrialKey.of(attempt.result)] = (path, attempt.result)
    order = _arm_order(run)
    return sorted(
        latest.values(),
        key=lambda pair: (pair[1].task, pair[1].seed, order.get(pair[1].arm_name, len(order))),
    )


def _trial(path: str, result: Result, explained: TrialDiagnosis | None) -> TrialReport:
    return TrialReport(
        task=result.task,
        family=result.family,
        arm=result.arm,
        arm_name=result.arm_name,
        seed=result.seed,
        attempt=result.attempt,
        outcome=result.outcome,
        ended=result.ended.value,
        verified=result.verified.value,
        oracle=result.oracle.status,
        taint=result.taint,
        primary=explained.primary if explained else "inconclusive",
        modes=explained.modes if explained else (),
        turns=result.turns,
        seconds=result.seconds,
        prompt_tokens=result.usage.prompt,
        completion_tokens=result.usage.completion,
        detail=result.detail or result.oracle.detail,
        path=path,
    )


def _arm(run: RunDir, lock: Lock, trials: Sequence[TrialReport]) -> ArmReport:
    mine = [trial for trial in trials if trial.arm == lock.arm]
    clean = [trial for trial in mine if not trial.taint]
    speeds = list(_speeds(run.path / trial.path for trial in mine))
    families = sorted({trial.family for trial in clean})
    return ArmReport(
        id=lock.arm,
        name=lock.name,
        as_run=_rate(clean),
        model_only=_rate([t for t in clean if t.outcome not in NOT_THE_MODEL]),
        families={name: _rate([t for t in clean if t.family == name]) for name in families},
        outcomes=dict(Counter(trial.outcome for trial in mine).most_common()),
        modes=dict(Counter(t.primary for t in mine if t.outcome != "passed").most_common()),
        prompt_tokens=sum(trial.prompt_tokens for trial in mine),
        completion_tokens=sum(trial.completion_tokens for trial in mine),
        turns=sum(trial.turns for trial in mine),
        agent_seconds=round(sum(trial.seconds for trial in mine), 1),
        generated_tokens_per_second=round(statistics.median(speeds), 1) if speeds else None,
        tainted=len(mine) - len(clean),
        sandbox=str(lock.spec.get("sandbox", "")),
        grade=str(lock.volatile.get("grade", "")),
        served=lock.served,
        spec=lock.spec,
    )


def _rate(trials: Sequence[TrialReport]) -> Rate:
    passed = sum(trial.outcome == "passed" for trial in trials)
    return Rate.of(wilson(passed, len(trials)))


def _speeds(folders: Iterable[Path]) -> Iterable[float]:
    for folder in folders:
        try:
            for event in read_events(folder):
                if isinstance(event, Response):
                    speed = event.timings.generated_tokens_per_second
                    if speed:
                        yield speed
        except (FormatError, OSError):
            # A trace that cannot be read is named by the diagnosis; it has no speed to tell.
            continue


def _comparisons(locks: Sequence[Lock], trials: Sequence[TrialReport]) -> Iterable[Comparison]:
    for left, right in combinations(locks, 2):
        mine, theirs = _passes(left, trials), _passes(right, trials)
        keys = mine.keys() & theirs.keys()
        cells = Counter((mine[key], theirs[key]) for key in keys)
        only_left, only_right = cells[True, False], cells[False, True]
        yield Comparison(
            left=left.name,
            right=right.name,
            pairs=len(keys),
            both=cells[True, True],
            only_left=only_left,
            only_right=only_right,
            neither=cells[False, False],
            p_value=mcnemar_midp(only_left, only_right),
        )


def _passes(lock: Lock, trials: Sequence[TrialReport]) -> dict[tuple[str, int], bool]:
    return {
        (trial.task, trial.seed): trial.outcome == "passed"
        for trial in trials
        if trial.arm == lock.arm and not trial.taint and trial.outcome not in NOT_THE_MODEL
    }
