"""Scope infra: the trial never ran, or could not be judged. Only harness-side channels count."""

from __future__ import annotations

import re

from seatrial.core.errors import Boundary
from seatrial.core.result import Ended
from seatrial.diagnose.facts import Passage, Trial
from seatrial.diagnose.findings import ModeFinding, make_finding
from seatrial.diagnose.registry import at_end

_DISK_FULL = re.compile(r"No space left on device|Disk quota exceeded")
_BROKE_BEFORE_START = (Ended.NOT_STARTED, Ended.ENV_ERROR, Ended.AGENT_ERROR)


@at_end("infra.agent_not_started")
def agent_not_started(trial: Trial) -> ModeFinding | None:
    """No request was made, and the harness says that it broke first.

    Without requests alone this is not said: an agent that asks no model calibrates the meter.
    """
    if trial.requests or trial.turns or trial.ended not in _BROKE_BEFORE_START:
        return None
    evidence = tuple(
        Passage(line, "/message", fault.message).quote()
        for line, fault in trial.faults[:1]
        if fault.message
    )
    if trial.ended is Ended.NOT_STARTED and trial.ended_evidence is not None:
        evidence = (*evidence, trial.ended_evidence)
    if not evidence:
        return None
    return make_finding("infra.agent_not_started", evidence)


@at_end("infra.disk_full")
def disk_full(trial: Trial) -> ModeFinding | None:
    """A fault of the machine or the harness names a full disk."""
    for line, fault in trial.faults:
        match = _DISK_FULL.search(fault.message)
        if match and fault.channel != "server":
            passage = Passage(line, "/message", fault.message)
            return make_finding("infra.disk_full", (passage.quote(*match.span()),))
    return None


@at_end("infra.verifier_error")
def verifier_error(trial: Trial) -> ModeFinding | None:
    """The hidden tests gave no verdict."""
    faults = [(line, f) for line, f in trial.faults if f.boundary is Boundary.ORACLE and f.message]
    if trial.oracle != "error" and not faults:
        return None
    evidence = tuple(Passage(line, "/message", f.message).quote() for line, f in faults[-1:])
    if not evidence and trial.oracle_event is not None:
        line, event = trial.oracle_event
        output = Passage(line, "/output", event.output)
        evidence = (output.tail() if event.output else Passage(line, "/phase", "run").quote(),)
    return make_finding("infra.verifier_error", evidence) if evidence else None
