"""The oracle: a reward decides, and no reward is an error, never a zero."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.bench.oracle import run_oracle
from seatrial.bench.workspace import fresh_workspace
from seatrial.core import trace as events
from seatrial.core.result import OracleResult
from seatrial.core.schema import TRACE_VERSION
from seatrial.core.trace import TrialRef
from seatrial.sandbox import probe
from seatrial.store import TraceWriter
from seatrial.suites import Task, load_task, make

needs_bwrap = pytest.mark.skipif(not probe("bwrap").works, reason="bubblewrap does not work here")


@pytest.fixture
def task(tmp_path: Path) -> Task:
    (folder,) = make("shakedown", seed=3, count=1, out=tmp_path / "suite")
    return load_task(folder)


def judged(task: Task, tmp_path: Path, script: str | None = None) -> OracleResult:
    """The oracle's verdict on the untouched workspace, with `script` as its test.sh."""
    if script is not None:
        (task.path / "tests" / "test.sh").write_text(script)
    folder = tmp_path / "attempt"
    folder.mkdir()
    trace = TraceWriter(folder)
    trace.emit(events.Begin, turn=0, trial=TrialRef("t"), schema_version=TRACE_VERSION)
    with fresh_workspace(task) as workspace:
        oracle = run_oracle(task, workspace, "bwrap", folder / "oracle", trace, 0)
        result = asyncio.run(oracle)
    trace.close()
    assert (folder / "oracle" / "test-output.txt").is_file()
    return result


@needs_bwrap
def test_the_hidden_tests_fail_on_an_untouched_workspace(task: Task, tmp_path: Path) -> None:
    result = judged(task, tmp_path)
    assert (result.status, result.reward) == ("failed", 0.0)


@needs_bwrap
@pytest.mark.parametrize(
    ("script", "status", "reward"),
    [
        ("echo 1 > /logs/verifier/reward.txt", "passed", 1.0),
        ("echo 1.0 > /logs/verifier/reward.txt; exit 1", "passed", 1.0),
        ("echo 0.5 > /logs/verifier/reward.txt", "failed", 0.5),
        ('echo \'{"reward": 1, "style": 0}\' > /logs/verifier/reward.json', "passed", 1.0),
        ("true", "error", None),
        ("exit 7", "error", None),
        ("echo good > /logs/verifier/reward.txt", "error", None),
        ("echo nan > /logs/verifier/reward.txt", "error", None),
        ('echo \'{"a": 1, "b": 0}\' > /logs/verifier/reward.json', "error", None),
        ("echo '[' > /logs/verifier/reward.json", "error", None),
        ("ln -s /etc/hostname /logs/verifier/reward.txt", "error", None),
        ("mkfifo /logs/verifier/reward.txt", "error", None),
    ],
)
def test_rewards(
    task: Task, tmp_path: Path, script: str, status: str, reward: float | None
) -> None:
    result = judged(task, tmp_path, f"#!/bin/bash\n{script}\n")
    assert (result.status, result.reward) == (status, reward)
    assert bool(result.detail) == (status == "error")


@needs_bwrap
def test_a_reward_of_tests_that_were_stopped_is_no_verdict(task: Task, tmp_path: Path) -> None:
    script = "#!/bin/bash\necho 0 > /logs/verifier/reward.txt; sleep 60\n"
    result = judged(replace(task, verifier_timeout_s=0.5), tmp_path, script)
    assert (result.status, result.reward) == ("error", None)
    assert "wall" in result.detail


@needs_bwrap
def test_tests_cannot_be_changed_by_what_they_test(task: Task, tmp_path: Path) -> None:
    script = "echo gone > /tests/test.sh; echo 1 > /logs/verifier/reward.txt"
    judged(task, tmp_path, script)
    assert (task.path / "tests" / "test.sh").read_text() == script
