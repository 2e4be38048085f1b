"""From findings to one primary cause.

The order, first match wins, over the findings that are sufficient and no mere symptom:

1. scope: infra, stack, config, harness, prompt, format, gen, claim, verifier, behaviour,
   finetune, capability: whatever is nearer to the machine explains what is nearer to the model;
2. inside a scope the finer or deeper mode (`_FINER`), then confidence, then count.

A passed trial has no cause. A trial that was not scored, or that passed its tests and failed
the policy, is not explained by what the model did wrong elsewhere. Where nothing is left, the
answer is `inconclusive`.
"""

from __future__ import annotations

from collections.abc import Sequence

from seatrial.diagnose.findings import INCONCLUSIVE, NONE, Confidence, ModeFinding
from seatrial.diagnose.modes import mode_of

SCOPES = (
    "infra",
    "stack",
    "config",
    "harness",
    "prompt",
    "format",
    "gen",
    "claim",
    "verifier",
    "behaviour",
    "finetune",
    "capability",
)
MACHINE_SCOPES = ("infra", "stack", "config")
"""Scopes that can keep a trial from being scored, and that suspend verdicts on the model."""

_FINER = ("infra.disk_full", "format.markdown_instead_of_call", "format.unknown_tool")
_CONFIDENCE: dict[Confidence, int] = {"high": 0, "medium": 1, "low": 2}


def is_cause(finding: ModeFinding) -> bool:
    """It may be a primary cause: it explains the outcome alone and is no symptom."""
    return finding.sufficient and not mode_of(finding.id).symptom


def primary_cause(outcome: str, findings: Sequence[ModeFinding]) -> str:
    """The id of the cause, `none` for a passed trial, or `inconclusive`."""
    if outcome == "passed":
        return NONE
    if outcome == "failed_policy":
        return INCONCLUSIVE
    scopes = MACHINE_SCOPES if outcome == "unscored" else SCOPES
    causes = [finding for finding in findings if is_cause(finding) and finding.scope in scopes]
    return min(causes, key=_rank).id if causes else INCONCLUSIVE


def _rank(finding: ModeFinding) -> tuple[int, bool, int, int, str]:
    return (
        SCOPES.index(finding.scope),
        finding.id not in _FINER,
        _CONFIDENCE[finding.confidence],
        -finding.count,
        finding.id,
    )
