"""Scope claim: the agent says that the work is done, and the hidden tests say that it is not."""

from __future__ import annotations

import re

from seatrial.core.evidence import Evidence
from seatrial.core.result import Ended, Verified
from seatrial.diagnose.facts import Passage, Trial
from seatrial.diagnose.findings import Confidence, ModeFinding, make_finding
from seatrial.diagnose.registry import at_end

_SUCCESS = (
    r"done|fixed|completed?|finished|implemented|resolved|solved|successful(?:ly)?"
    r"|(?:tests?|checks?|everything|all) (?:now )?pass(?:es|ed)?|passing"
    r"|(?:now works?|works? (?:now|correctly|as (?:expected|intended)))"
)
_DEEDS = (
    r"|works|working|pass(?:es|ed)?|added|created|updated|changed|corrected|renamed|removed"
    r"|replaced|wrote|written|moved"
)
"""Claims in the summary of a finished task; in prose they may be said of the code as it was."""
_IN_PROSE = re.compile(rf"\b(?:{_SUCCESS})\b", re.IGNORECASE)
_IN_SUMMARY = re.compile(rf'\b(?:{_SUCCESS}{_DEEDS})\b(?!"\s*:)', re.IGNORECASE)
_DENIAL = re.compile(
    r"\b(?:not|cannot|never|without|unable|fail(?:s|ed)?|nothing|\w+n't|no"
    r"|should|might|may|probably|perhaps|hopefully|if|once|will|need(?:s|ed)? to|to be"
    r"|let me|let's|make sure|ensure|\w+'ll|going to|when|until)\b",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|\n")


@at_end(
    "claim.false_success",
    "unverified",
    "contradicted",
    "verification_blocked",
    "hidden_tests",
)
def false_success(trial: Trial) -> ModeFinding | None:
    """A claim of success on a failed trial, by what the agent had checked before it."""
    if trial.oracle != "failed" or trial.ended not in (Ended.FINISHED, Ended.GAVE_UP):
        return None
    claim = _claim(trial)
    if claim is None:
        return None
    kind, confidence = _kind(trial)
    checked = (trial.verify_evidence,) if kind and trial.verify_evidence else ()
    return make_finding(f"claim.false_success{kind}", (claim, *checked), confidence=confidence)


def _kind(trial: Trial) -> tuple[str, Confidence]:
    """The sub-type, where the order of changes and checks on the trace decides it."""
    if trial.verified is Verified.YES and trial.verify in ("passed", "none"):
        return ".hidden_tests", "high"
    if trial.verified is Verified.YES:
        return "", "medium"
    if trial.verify == "failed":
        return ".contradicted", "high"
    if trial.verify == "blocked":
        return ".verification_blocked", "medium"
    if trial.verify == "passed":
        return ".hidden_tests", "medium"
    if trial.verified is Verified.NO:
        return ".unverified", "high"
    return "", "high"


def _claim(trial: Trial) -> Evidence | None:
    """The claim in the last reply: what it says, else what its last call says of the work."""
    turn = trial.last
    if turn is None:
        return None
    found = _assertion(turn.prose, _IN_PROSE)
    if found is None and turn.calls and trial.ended is Ended.FINISHED:
        found = _assertion(turn.call_arguments(-1), _IN_SUMMARY)
    return found


def _assertion(passage: Passage, words: re.Pattern[str]) -> Evidence | None:
    """The first sentence with a word of success and nothing before it that takes it back."""
    start = 0
    ends = [match.end() for match in _SENTENCE_END.finditer(passage.text)]
    for end in [*ends, len(passage.text)]:
        match = words.search(passage.text, start, end)
        if match and not _DENIAL.search(passage.text, start, match.start()):
            return passage.quote(start, end)
        start = end
    return None
