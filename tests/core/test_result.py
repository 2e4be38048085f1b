"""Outcome: derived, over every combination, from nothing but the recorded facts."""

import itertools

import msgspec
import pytest

from seatrial.core.result import INFRASTRUCTURE, Ended, OracleResult, Result, Verified, outcome

STATUSES = ("passed", "failed", "error", "not_run")
POLICIES = (None, True, False)
ALL = list(itertools.product(Ended, STATUSES, POLICIES))


@pytest.mark.parametrize(("ended", "status", "policy"), ALL)
def test_outcome(ended, status, policy):
    found = outcome(ended, OracleResult(status, policy=policy))
    if status == "passed":
        assert found == ("failed_policy" if policy is False else "passed")
    elif status == "error":
        assert found == "unscored"
    elif status == "failed":
        own = ended in (Ended.FINISHED, Ended.GAVE_UP)
        assert found == ("failed_oracle" if own else ended.value)
    elif ended in INFRASTRUCTURE or ended in (Ended.FINISHED, Ended.GAVE_UP):
        assert found == "unscored"
    else:
        assert found == ended.value


def test_only_an_oracle_makes_a_pass_or_an_oracle_failure():
    """No false verdict: neither is ever said of a trial that no oracle judged."""
    for ended, status, policy in ALL:
        found = outcome(ended, OracleResult(status, policy=policy))
        assert (found == "passed") <= (status == "passed")
        assert (found == "failed_oracle") <= (status == "failed")
        assert (found == "failed_policy") <= (policy is False)


def result(**fields) -> Result:
    base = {
        "schema_version": 1,
        "task": "t",
        "task_digest": "d",
        "arm": "a",
        "seed": 1,
        "attempt": 1,
    }
    return Result(**base, **fields)


def test_taint_changes_no_fact():
    facts = {"ended": Ended.FINISHED, "verified": Verified.YES, "oracle": OracleResult("passed")}
    assert result(**facts, taint=("x",)).outcome == result(**facts).outcome == "passed"


@pytest.mark.parametrize("status", STATUSES)
def test_it_reads_back_as_it_was_written(status):
    whole = result(
        ended=Ended.MAX_TURNS,
        verified=Verified.NO,
        oracle=OracleResult(status, 0.5, {"a": True}, False, "why"),
        taint=("x",),
    )
    assert msgspec.json.decode(msgspec.json.encode(whole), type=Result) == whole
