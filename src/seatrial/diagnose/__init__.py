"""Diagnosis: failure modes over traces, with verbatim evidence, and one primary cause each.

Not a judge: everything here is a rule over recorded facts. In: trials on disk. Out: `Diagnosis`.
"""

from seatrial.diagnose.findings import (
    INCONCLUSIVE,
    NONE,
    Diagnosis,
    Group,
    ModeFinding,
    Recommendation,
    TrialDiagnosis,
    to_json,
)
from seatrial.diagnose.modes import MODES, Mode, mode_of
from seatrial.diagnose.registry import DETECTORS, FINER, RESIDUES
from seatrial.diagnose.run import diagnose_run, diagnose_runs
from seatrial.diagnose.trial import diagnose_trial

DETECTED = frozenset(DETECTORS) | frozenset(RESIDUES) | frozenset(FINER)
"""Ids of the modes that can be found today."""

__all__ = [
    "DETECTED",
    "INCONCLUSIVE",
    "MODES",
    "NONE",
    "Diagnosis",
    "Group",
    "Mode",
    "ModeFinding",
    "Recommendation",
    "TrialDiagnosis",
    "diagnose_run",
    "diagnose_runs",
    "diagnose_trial",
    "mode_of",
    "to_json",
]
