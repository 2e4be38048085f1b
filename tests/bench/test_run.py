"""A run without an engine: what a resume does again, and what it leaves alone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType

import pytest

from seatrial.bench.arm import ResolvedArm
from seatrial.bench.calibrate import Calibration
from seatrial.bench.prepare import prepare_run
from seatrial.bench.progress import Progress
from seatrial.bench.run import RunEnd, execute
from seatrial.chat import Endpoint
from seatrial.core.config import ArmSpec, RunSpec, SuiteSpec
from seatrial.core.errors import EngineError
from seatrial.store import RunDir
from tests.agent.scripted import Reply, ScriptedEndpoint

FINISH = '<tool_call>\n{"name": "finish", "arguments": {"summary": "Done."}}\n</tool_call>'
GONE = EngineError("the server went away")


class Scripted:
    """Stands for `ServedArm`: a script in place of an engine."""

    script: tuple[Reply, ...] = ()
    arm_id = "0123456789abcdef"

    def __init__(self, arm: ResolvedArm, run: RunDir, progress: Progress) -> None:
        self.arm = arm
        self._endpoint = ScriptedEndpoint(*self.script)

    async def __aenter__(self) -> Scripted:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    async def endpoint(self) -> Endpoint:
        return self._endpoint

    async def confirm(self) -> None: ...


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunDir:
    monkeypatch.setattr("seatrial.bench.run.ServedArm", Scripted)
    arms = (ArmSpec(sandbox="process"),)
    spec = RunSpec(suite=SuiteSpec(count=2), arms=arms, calibrate=False)
    return prepare_run(tmp_path / "runs", spec)


def executed(run: RunDir, *script: Reply) -> RunEnd:
    Scripted.script = script
    return asyncio.run(execute(RunDir.open(run.path)))


def outcomes(run: RunDir) -> list[tuple[int, str]]:
    """Attempt and outcome of the result of each trial that counts."""
    return [(result.attempt, result.outcome) for result in run.results()]


def test_an_unscored_trial_is_tried_twice_and_again_on_resume(run: RunDir) -> None:
    run.release()
    executed(run, GONE)
    assert outcomes(run) == [(2, "unscored"), (2, "unscored")]
    executed(run, FINISH)
    assert outcomes(run) == [(3, "failed_oracle"), (3, "failed_oracle")]
    executed(run, FINISH)
    assert outcomes(run) == [(3, "failed_oracle"), (3, "failed_oracle")]


def test_a_run_that_says_nothing_about_the_model_is_inconclusive(run: RunDir) -> None:
    run.release()
    assert executed(run, GONE).exit_code == 2
    assert executed(run, FINISH).exit_code == 0


def test_a_tainted_trial_is_tried_again_on_resume_and_stays_as_it_is(run: RunDir) -> None:
    run.release()
    executed(run, FINISH)
    with run:
        run.taint(Scripted.arm_id, "identity_not_confirmed")
    executed(run, FINISH)
    assert outcomes(run) == [(2, "failed_oracle"), (2, "failed_oracle")]
    first = [attempt.result for attempt in run.attempts() if attempt.ref.attempt == 1]
    assert [result.taint for result in first if result] == [("identity_not_confirmed",)] * 2


def test_every_kind_of_sandbox_is_calibrated_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seatrial.bench.run.ServedArm", Scripted)
    monkeypatch.setattr("seatrial.bench.run.require", lambda kind: None)
    tried: list[str] = []

    async def calibrate(tasks: object, arm: ResolvedArm) -> Calibration:
        tried.append(arm.spec.sandbox)
        return Calibration(1, 1, 1, 1, ())

    monkeypatch.setattr("seatrial.bench.run.calibrate", calibrate)
    arms = (ArmSpec(name="a"), ArmSpec(name="b", sandbox="process"), ArmSpec(name="c"))
    made = prepare_run(tmp_path / "runs", RunSpec(suite=SuiteSpec(count=1), arms=arms))
    made.release()
    for _ in range(2):
        executed(made, GONE)
    assert sorted(tried) == ["bwrap", "process"]
