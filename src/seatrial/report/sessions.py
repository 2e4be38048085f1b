"""The recorded sessions of a run, told like trials: nobody judged them, so none of them passed.

In: a run's folder. Out: a `TrialReport` for each session, named `<client>/<id>`.
"""

from __future__ import annotations

from pathlib import Path

from seatrial.core.errors import SeatrialError
from seatrial.core.generation import Usage
from seatrial.core.result import Verified
from seatrial.core.trace import Begin, End, Response
from seatrial.diagnose import TrialDiagnosis, diagnose_run
from seatrial.report.model import TrialReport
from seatrial.store import read_events

_FOLDER = "sessions/"
_OPEN = "open"


def session_reports(folder: Path) -> tuple[TrialReport, ...]:
    """Every session of the run in `folder`; none where nothing was recorded."""
    if not any(folder.glob(f"{_FOLDER}*/*/events.jsonl*")):
        return ()
    found = (trial for trial in diagnose_run(folder).trials if trial.path.startswith(_FOLDER))
    return tuple(_report(trial, folder / trial.path) for trial in found)


def _report(session: TrialDiagnosis, folder: Path) -> TrialReport:
    ended, verified, seconds, usage, detail = _OPEN, Verified.NONE_AVAILABLE, 0.0, Usage(), ""
    try:
        for event in read_events(folder):
            seconds = event.t
            if isinstance(event, Begin):
                model, grade = event.identity.get("model"), event.identity.get("grade")
                detail = f"answered by {model}, proof grade {grade}"
            elif isinstance(event, Response):
                usage += event.usage
            elif isinstance(event, End):
                ended, verified = event.ended.value, event.verified
    except (SeatrialError, OSError) as error:
        detail = f"{detail}; the trace cannot be read further: {error}"
    return TrialReport(
        task=session.path.removeprefix(_FOLDER),
        family="",
        arm="gateway",
        arm_name=session.model or "unknown",
        seed=0,
        attempt=1,
        outcome=session.outcome,
        ended=ended,
        verified=verified.value,
        oracle="not_run",
        taint=(),
        primary=session.primary,
        modes=session.modes,
        turns=session.turns,
        seconds=round(seconds, 3),
        prompt_tokens=usage.prompt,
        completion_tokens=usage.completion,
        detail=detail,
        path=session.path,
    )
