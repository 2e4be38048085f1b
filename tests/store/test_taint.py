"""Taint: trials are excluded afterwards, and their facts stay."""

from __future__ import annotations

from pathlib import Path

from seatrial.core.config import RunSpec
from seatrial.core.result import Ended, OracleResult, Result, Verified
from seatrial.core.schema import RESULT_VERSION
from seatrial.core.trace import TrialRef
from seatrial.store import RunDir, list_runs, list_trials


def finish(run: RunDir, task: str, arm: str) -> Result:
    folder = run.new_attempt(TrialRef(task, "d", arm, 1))
    result = Result(
        schema_version=RESULT_VERSION,
        task=task,
        task_digest="d",
        arm=arm,
        seed=1,
        attempt=1,
        ended=Ended.FINISHED,
        verified=Verified.YES,
        oracle=OracleResult("passed", 1.0),
    )
    run.write_result(folder, result)
    return result


def test_taint_names_one_arm_and_changes_no_fact(tmp_path: Path) -> None:
    with RunDir.create(tmp_path, RunSpec()) as run:
        before = {arm: finish(run, "t", arm) for arm in ("a", "b")}
        assert list_runs(tmp_path)[0].tainted == 0
        run.taint("a", "identity_not_confirmed")
        run.taint("a", "identity_not_confirmed")
        after = {result.arm: result for result in run.results()}
    assert after["b"] == before["b"]
    assert after["a"].taint == ("identity_not_confirmed",)
    assert after["a"].outcome == "passed"


def test_the_index_follows(tmp_path: Path) -> None:
    with RunDir.create(tmp_path, RunSpec()) as run:
        finish(run, "t", "a")
        list_runs(tmp_path)
        run.taint("a", "identity_not_confirmed")
        assert list_runs(tmp_path)[0].tainted == 1
        assert list_trials(run.path)[0].taint == "identity_not_confirmed"
