"""Scope capability: the residue. Said only when the agent ran, ended, and nothing explains it."""

from __future__ import annotations

from seatrial.core.evidence import Evidence
from seatrial.core.result import Ended
from seatrial.diagnose.facts import Passage, Trial
from seatrial.diagnose.findings import Confidence, ModeFinding, make_finding
from seatrial.diagnose.registry import residue


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


def _oracle_words(trial: Trial) -> Evidence | None:
    if trial.oracle_event is None or not trial.oracle_event[1].output:
        return None
    line, event = trial.oracle_event
    passage = Passage(line, "/output", event.output)
    start = event.output.find("FAILED")
    return passage.quote(start) if start >= 0 else passage.tail()
