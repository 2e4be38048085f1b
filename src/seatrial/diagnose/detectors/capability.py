"""Scope capability: the residue. Said only when the agent ran, ended, and nothing explains it."""

from __future__ import annotations

from seatrial.core.evidence import Evidence
from seatrial.core.result import Ended
from seatrial.diagnose.facts import Passage, Trial
from seatrial.diagnose.findings import Confidence, ModeFinding, make_finding
from seatrial.diagnose.registry import residue

IDLE_SHARE = 0.25
MIN_IDLE_STEPS = 3


@residue("capability.wrong_solution")
def wrong_solution(trial: Trial) -> ModeFinding | None:
    """The work was handed over and is wrong; surer where there is work at all."""
    ended = trial.ended in (Ended.FINISHED, Ended.GAVE_UP)
    if trial.oracle != "failed" or not ended or not trial.steps:
        return None
    evidence = _oracle_words(trial) or trial.ended_evidence
    if evidence is None:
        return None
    confidence: Confidence = "medium" if trial.changed else "low"
    return make_finding("capability.wrong_solution", (evidence,), confidence=confidence)


@residue("capability.incomplete")
def incomplete(trial: Trial) -> ModeFinding | None:
    """The steps or tokens ran out, and the last quarter of the steps had led nowhere new.

    While a trial still gets somewhere, a larger budget might have been enough, and nothing is
    claimed.
    """
    spent = trial.ended in (Ended.MAX_TURNS, Ended.BUDGET)
    if trial.oracle != "failed" or not spent or trial.ended_evidence is None:
        return None
    idle = trial.steps - trial.productive_steps
    if idle < MIN_IDLE_STEPS or idle < IDLE_SHARE * trial.steps:
        return None
    return make_finding(
        "capability.incomplete", (trial.ended_evidence,), confidence="medium", count=idle
    )


def _oracle_words(trial: Trial) -> Evidence | None:
    if trial.oracle_event is None or not trial.oracle_event[1].output:
        return None
    line, event = trial.oracle_event
    passage = Passage(line, "/output", event.output)
    start = event.output.find("FAILED")
    return passage.quote(start) if start >= 0 else passage.tail()
