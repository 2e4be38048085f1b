"""One trial explained: read its trace, ask every detector, name the cause.

A trace that breaks is a note on an inconclusive diagnosis, never an exception: what stood
before the break is still reported.

In: an attempt's folder (or a session's, which has no result). Out: a `TrialDiagnosis`.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

import seatrial.diagnose.detectors  # noqa: F401  (registers them)
from seatrial.core.config import GuardSpec
from seatrial.core.errors import Boundary, FormatError, attribute
from seatrial.core.evidence import Evidence, Place
from seatrial.core.lock import Lock
from seatrial.core.result import Ended, OracleResult, OracleStatus, Result, outcome
from seatrial.core.schema import decode_json
from seatrial.diagnose.cause import is_cause, primary_cause
from seatrial.diagnose.facts import Trial
from seatrial.diagnose.findings import INCONCLUSIVE, ModeFinding, TrialDiagnosis
from seatrial.diagnose.reading import TrialReader
from seatrial.diagnose.registry import DETECTORS, RESIDUES
from seatrial.guard import CallLoop, TextLoop
from seatrial.store.trace import read_events

_RESULT = "result.json"
_ENDED = re.compile(r'"ended"\s*:\s*"\w+"')
_PASS_REWARD = 1.0


def diagnose_trial(trial_dir: Path, result: Result | None = None) -> TrialDiagnosis:
    """Explain the trial in `trial_dir`; its own `result.json` is read where none is given."""
    notes: list[str] = []
    if result is None:
        result = _read_result(trial_dir, notes)
    trial = _read_trace(trial_dir, _guard_of(find_lock(trial_dir, result)), notes)
    _settle(trial, trial_dir, result)
    modes = find_modes(trial)
    primary = INCONCLUSIVE if notes else primary_cause(trial.outcome, modes)
    return TrialDiagnosis(
        path=str(trial_dir),
        task=result.task if result else trial.task,
        model=trial.model or (result.arm_name if result else ""),
        outcome=trial.outcome,
        turns=result.turns if result else trial.turns,
        primary=primary,
        modes=modes,
        note="; ".join(notes),
    )


def _read_trace(trial_dir: Path, guard: GuardSpec, notes: list[str]) -> Trial:
    """What stands on the trace, up to where it breaks."""
    reader = TrialReader(guard)
    try:
        trace = read_events(trial_dir)
        for event in trace:
            reader.feed(trace.line, event)
        if trace.torn:
            notes.append("the trace ends inside a line")
    except Exception as error:
        notes.append(attribute(error, Boundary.FORMAT, "trace").message)
    return reader.close()


def find_modes(trial: Trial) -> tuple[ModeFinding, ...]:
    """Every mode that the trial shows, in the order of the register, the residue last."""
    found = [d.conclude(trial, trial.tally(d.id)) for d in DETECTORS.values()]
    modes = [finding for finding in found if finding is not None]
    if not any(is_cause(finding) for finding in modes):
        left = (look(trial) for look in RESIDUES.values())
        modes.extend(finding for finding in left if finding is not None)
    return tuple(modes)


def find_lock(trial_dir: Path, result: Result | None) -> Lock | None:
    """The lock of the trial's arm; None where the folder is not part of a run."""
    parents = trial_dir.absolute().parents
    if result is None or len(parents) < 5 or "/" in result.arm:
        return None
    path = parents[4] / "lock" / f"{result.arm}.json"
    try:
        return decode_json(path.read_bytes(), Lock, str(path))
    except (OSError, FormatError):
        return None


def _guard_of(lock: Lock | None) -> GuardSpec:
    """The thresholds of the lock; the defaults where it has none that can be used."""
    try:
        guard = msgspec.convert(lock.spec["guard"], GuardSpec) if lock else GuardSpec()
        CallLoop(guard.repeat_calls, guard.cycle_calls)
        TextLoop(guard.loop_chars, guard.loop_repeats)
    except (KeyError, ValueError):
        return GuardSpec()
    return guard


def _read_result(trial_dir: Path, notes: list[str]) -> Result | None:
    try:
        return decode_json((trial_dir / _RESULT).read_bytes(), Result, _RESULT)
    except FileNotFoundError:
        return None
    except (OSError, FormatError) as error:
        notes.append(attribute(error, Boundary.FORMAT, _RESULT).message)
        return None


def _settle(trial: Trial, trial_dir: Path, result: Result | None) -> None:
    """Put the recorded facts of the result over what the trace says."""
    if result is None:
        trial.oracle = _oracle_on_trace(trial)
        trial.outcome = _outcome_on_trace(trial)
        return
    if trial.ended is not result.ended:
        # The bench found a fault outside the agent, or the trace never got so far.
        trial.ended_evidence = _ended_in_result(trial_dir)
    trial.ended, trial.verified = result.ended, result.verified
    trial.oracle, trial.outcome = result.oracle.status, result.outcome


def _oracle_on_trace(trial: Trial) -> OracleStatus:
    if trial.oracle_event is None:
        return "not_run"
    reward = trial.oracle_event[1].reward
    if reward is None:
        return "error"
    return "passed" if reward >= _PASS_REWARD else "failed"


def _outcome_on_trace(trial: Trial) -> str:
    """Without an oracle, an end that is no failure in itself is not scored."""
    unjudged = trial.ended in (None, Ended.FINISHED, Ended.GAVE_UP) and trial.oracle == "not_run"
    if trial.ended is None or unjudged:
        return "unscored"
    return outcome(trial.ended, OracleResult(trial.oracle))


def _ended_in_result(trial_dir: Path) -> Evidence | None:
    try:
        lines = (trial_dir / _RESULT).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError):
        return None
    for number, line in enumerate(lines, start=1):
        match = _ENDED.search(line)
        if match:
            return Evidence(_RESULT, str(Place(number, *match.span())), match.group())
    return None
