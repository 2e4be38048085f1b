"""Budgets of the bench: what a trial costs besides its agent, and a resume with nothing to do."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

import msgspec
import pytest

from seatrial.bench.arm import ResolvedArm, resolve
from seatrial.bench.prepare import prepare_run, tasks_of
from seatrial.bench.trial import Trial, run_trial
from seatrial.core.config import ArmSpec, RunSpec, SuiteSpec
from seatrial.core.result import Ended, OracleResult, Result, Verified
from seatrial.core.schema import RESULT_VERSION
from seatrial.core.trace import TrialRef
from seatrial.sandbox import probe
from seatrial.store import RunDir, TrialKey
from seatrial.suites import Task, load_task, make
from tests.perf.measure import cpu_seconds

pytestmark = pytest.mark.perf

TRIALS = 20


@pytest.mark.skipif(not probe("bwrap").works, reason="bubblewrap does not work here")
def test_a_trial_costs_at_most_10_ms_of_cpu(tmp_path: Path) -> None:
    """Workspace, trace, oracle in bubblewrap, diff, result: all but the agent and the tests."""
    (folder,) = make("shakedown", seed=1, count=1, out=tmp_path / "suite")
    script = "#!/bin/bash\necho 0 > /logs/verifier/reward.txt\n"
    (folder / "tests" / "test.sh").write_text(script)
    task, arm = load_task(folder), resolve(ArmSpec(name="nop", agent="nop"))
    seconds = cpu_seconds(lambda: _run_trials(task, arm)) / TRIALS
    print(f"bench: {1000 * seconds:.1f} ms CPU a trial, the sandbox's processes included")
    assert seconds <= 0.010


def _run_trials(task: Task, arm: ResolvedArm) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as name:
            for number in range(TRIALS):
                folder = Path(name) / str(number)
                folder.mkdir()
                ref = TrialRef(task.id, task.digest, "nop", attempt=number + 1)
                result = await run_trial(Trial(ref, task, arm, folder), None)
                assert result.outcome == "failed_oracle"

    asyncio.run(run())


def test_a_resume_of_200_finished_trials_takes_at_most_300_ms(tmp_path: Path) -> None:
    """Finding out that nothing is left: tasks with their digests, and the finished trials."""
    run = _finished_run(tmp_path, 200)
    seconds = cpu_seconds(lambda: _nothing_left(run))
    print(f"no-op resume of 200 trials: {1000 * seconds:.0f} ms CPU")
    assert seconds <= 0.3


def _finished_run(root: Path, count: int) -> Path:
    run = prepare_run(root, RunSpec(suite=SuiteSpec(count=count)))
    with run:
        for task in tasks_of(run):
            ref = TrialRef(task.id, task.digest, "arm", 1)
            result = Result(
                schema_version=RESULT_VERSION,
                ended=Ended.FINISHED,
                verified=Verified.YES,
                oracle=OracleResult("passed", 1.0),
                started=time.strftime("%Y-%m-%d"),
                **msgspec.structs.asdict(ref),
            )
            run.write_result(run.new_attempt(ref), result)
    return run.path


def _nothing_left(path: Path) -> None:
    """The two things that `execute` asks before it starts an engine."""
    run = RunDir.open(path)
    done = {TrialKey.of(result).task for result in run.results()}
    assert done == {task.id for task in tasks_of(run)}
