"""A run explained: its trials one by one, each mode over all of them, and what to try.

In: a run's folder. Out: a `Diagnosis`, with paths relative to that folder.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from seatrial.core.errors import FormatError, UserError
from seatrial.core.lock import Lock
from seatrial.core.result import NOT_THE_MODEL, Result
from seatrial.core.schema import decode_json
from seatrial.diagnose.advice import recommend
from seatrial.diagnose.cause import MACHINE_SCOPES
from seatrial.diagnose.findings import (
    Diagnosis,
    Group,
    Recommendation,
    TrialDiagnosis,
    make_diagnosis,
)
from seatrial.diagnose.modes import MODES
from seatrial.diagnose.trial import diagnose_trial, find_lock

_ATTEMPT = re.compile(r"^attempt-(\d+)$")
_SUSPENDING_SHARE = 0.2
"""From this share of failing trials on, causes of the machine suspend advice on the model."""


class _Explained(msgspec.Struct, frozen=True):
    diagnosis: TrialDiagnosis
    tainted: bool
    lock: Lock | None


def diagnose_run(run_dir: Path) -> Diagnosis:
    """Explain every trial and session of a run; of several attempts the last complete one.

    Raises:
        UserError: the folder holds no finished trial.
    """
    return _diagnosis(_explain_all(run_dir))


def diagnose_runs(run_dirs: Sequence[Path]) -> Diagnosis:
    """Several runs as one diagnosis; the trials' paths begin with the name of their run.

    Raises:
        UserError: a folder holds no finished trial.
    """
    return _diagnosis(
        [
            msgspec.structs.replace(
                item,
                diagnosis=msgspec.structs.replace(
                    item.diagnosis, path=f"{run_dir.name}/{item.diagnosis.path}"
                ),
            )
            for run_dir in run_dirs
            for item in _explain_all(run_dir)
        ]
    )


def _explain_all(run_dir: Path) -> list[_Explained]:
    folders = [*_trial_folders(run_dir), *_session_folders(run_dir)]
    if not folders:
        raise UserError(f"{run_dir}: no finished trial", hint="give the folder of a run")
    return [_explain(folder, run_dir) for folder in folders]


def _diagnosis(explained: Sequence[_Explained]) -> Diagnosis:
    return make_diagnosis(
        tuple(item.diagnosis for item in explained),
        tuple(_groups(explained)),
        tuple(_recommendations(explained)),
    )


def _trial_folders(run_dir: Path) -> Iterator[Path]:
    for key in sorted(run_dir.glob("trials/*/*/*")):
        attempts = [
            (int(match.group(1)), folder)
            for folder in key.glob("attempt-*")
            if (match := _ATTEMPT.match(folder.name)) and (folder / "result.json").is_file()
        ]
        if attempts:
            yield max(attempts)[1]


def _session_folders(run_dir: Path) -> Iterator[Path]:
    for folder in sorted(run_dir.glob("sessions/*/*")):
        if any(folder.glob("events.jsonl*")):
            yield folder


def _explain(folder: Path, run_dir: Path) -> _Explained:
    diagnosis = diagnose_trial(folder)
    relative = folder.relative_to(run_dir)
    named = msgspec.structs.replace(
        diagnosis, path=str(relative), task=diagnosis.task or relative.parts[1]
    )
    result = _result(folder)
    lock = find_lock(folder, result)
    return _Explained(named, bool(result and result.taint), lock)


def _result(folder: Path) -> Result | None:
    try:
        return decode_json((folder / "result.json").read_bytes(), Result, "result.json")
    except (OSError, FormatError):
        return None


def _groups(explained: Sequence[_Explained]) -> list[Group]:
    """Each mode that was seen, the most frequent first."""
    counts = Counter(m for item in explained for m in {f.id for f in item.diagnosis.modes})
    order = sorted(counts, key=lambda mode: (-counts[mode], mode))
    return [
        Group(
            mode,
            counts[mode],
            counts[mode] / len(explained),
            _pass_rate([item for item in explained if _shows(item, mode)]),
            _pass_rate([item for item in explained if not _shows(item, mode)]),
        )
        for mode in order
    ]


def _shows(item: _Explained, mode: str) -> bool:
    return any(finding.id == mode for finding in item.diagnosis.modes)


def _pass_rate(explained: Sequence[_Explained]) -> float | None:
    scored = [
        item
        for item in explained
        if not item.tainted and item.diagnosis.outcome not in NOT_THE_MODEL
    ]
    if not scored:
        return None
    return sum(item.diagnosis.outcome == "passed" for item in scored) / len(scored)


def _recommendations(explained: Sequence[_Explained]) -> list[Recommendation]:
    """One for each cause and arm that has a remedy, the most frequent cause first."""
    failing = [item for item in explained if item.diagnosis.outcome != "passed"]
    causes = Counter(item.diagnosis.primary for item in failing)
    machine = sum(n for mode, n in causes.items() if _scope(mode) in MACHINE_SCOPES)
    suspended = machine >= _SUSPENDING_SHARE * len(failing)
    found: dict[tuple[str, str], Recommendation] = {}
    for item in sorted(failing, key=lambda item: -causes[item.diagnosis.primary]):
        mode = item.diagnosis.primary
        advice = recommend(mode, item.lock) if item.lock else None
        if item.lock and advice and not (suspended and advice.where == "model"):
            found.setdefault((mode, item.lock.arm), advice)
    return list(dict.fromkeys(found.values()))


def _scope(mode: str) -> str:
    return MODES[mode].scope if mode in MODES else ""
