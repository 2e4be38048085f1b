"""The order of causes."""

import pytest

from seatrial.core.evidence import Evidence
from seatrial.diagnose import MODES
from seatrial.diagnose.cause import SCOPES, primary_cause
from seatrial.diagnose.findings import make_finding

QUOTE = (Evidence("events.jsonl", "1#/kind[0:5]", "begin"),)


def found(mode, **fields):
    return make_finding(mode, QUOTE, **fields)


def test_every_scope_has_a_rank():
    assert {mode.scope for mode in MODES.values()} <= set(SCOPES)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("infra.disk_full", "infra.agent_not_started"),
        ("infra.verifier_error", "stack.no_stop"),
        ("stack.length_by_context", "config.context_400"),
        ("config.max_tokens.tool_args", "format.malformed_call"),
        ("format.markdown_instead_of_call", "format.no_tool_call"),
        ("format.no_tool_call", "gen.action_loop"),
        ("gen.action_loop", "claim.false_success"),
        ("claim.false_success.unverified", "capability.wrong_solution"),
    ],
)
def test_precedence(first, second):
    for pair in ((first, second), (second, first)):
        assert primary_cause("failed_oracle", [found(mode) for mode in pair]) == first


def test_only_a_sufficient_finding_is_a_cause():
    contributing = found("stack.no_stop", sufficient=False)
    assert primary_cause("failed_oracle", [contributing]) == "inconclusive"
    assert primary_cause("max_turns", [contributing, found("gen.action_loop")]) == "gen.action_loop"


def test_a_symptom_is_no_cause_however_sufficient():
    assert primary_cause("max_turns", [found("harness.budget_steps")]) == "inconclusive"


def test_confidence_and_count_decide_inside_a_scope():
    weak = found("gen.action_cycle", confidence="low", count=9)
    strong = found("gen.text_loop.exact", confidence="high")
    assert primary_cause("text_loop", [weak, strong]) == "gen.text_loop.exact"
    often = found("gen.action_loop", count=3)
    assert primary_cause("text_loop", [strong, often]) == "gen.action_loop"


def test_a_passed_trial_has_no_cause():
    assert primary_cause("passed", [found("gen.action_loop")]) == "none"


def test_a_policy_is_not_explained_by_symptoms():
    assert primary_cause("failed_policy", [found("gen.action_loop")]) == "inconclusive"


def test_only_the_machine_keeps_a_trial_from_being_scored():
    modes = [found("gen.action_loop"), found("config.context_400")]
    assert primary_cause("unscored", modes) == "config.context_400"
    assert primary_cause("unscored", modes[:1]) == "inconclusive"
