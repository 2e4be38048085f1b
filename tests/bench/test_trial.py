"""One trial: what is asked of whom, what is kept, and what a fault may cost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from seatrial.bench.arm import resolve
from seatrial.bench.trial import Trial, run_trial
from seatrial.core import trace as events
from seatrial.core.config import ArmSpec
from seatrial.core.errors import EngineError
from seatrial.core.result import Ended, Result
from seatrial.core.trace import TrialRef
from seatrial.store import read_events
from seatrial.suites import Task, load_task, make
from tests.agent.scripted import Reply, ScriptedEndpoint

FINISH = '<tool_call>\n{"name": "finish", "arguments": {"summary": "Done."}}\n</tool_call>'


@pytest.fixture
def task(tmp_path: Path) -> Task:
    (folder,) = make("shakedown", seed=3, count=1, out=tmp_path / "suite")
    return load_task(folder)


class Tried:
    """One trial of `task` with a scripted model, without isolation."""

    def __init__(self, task: Task, folder: Path, *script: Reply, agent: str = "seatrial") -> None:
        folder.mkdir()
        self.folder = folder
        self.endpoint = ScriptedEndpoint(*script)
        spec = ArmSpec(agent=agent, sandbox="process")  # type: ignore[arg-type]
        trial = Trial(TrialRef(task.id, task.digest, "arm"), task, resolve(spec), folder)
        self.result: Result = asyncio.run(run_trial(trial, self.endpoint))

    @property
    def diff(self) -> str:
        return (self.folder / "workspace.diff").read_text()

    @property
    def faults(self) -> list[events.Fault]:
        return [event for event in read_events(self.folder) if isinstance(event, events.Fault)]


def test_a_finished_agent_that_did_nothing_fails(task: Task, tmp_path: Path) -> None:
    tried = Tried(task, tmp_path / "a", FINISH)
    assert (tried.result.ended, tried.result.outcome) == (Ended.FINISHED, "failed_oracle")
    assert tried.diff == ""


def test_an_engine_that_fails_says_nothing_about_the_model(task: Task, tmp_path: Path) -> None:
    tried = Tried(task, tmp_path / "a", EngineError("the server went away"))
    assert (tried.result.ended, tried.result.outcome) == (Ended.ENGINE_ERROR, "unscored")
    assert tried.result.oracle.status == "not_run"


@pytest.mark.parametrize(("agent", "outcome"), [("oracle", "passed"), ("nop", "failed_oracle")])
def test_the_agent_of_the_arm_is_the_one_that_works(
    task: Task, tmp_path: Path, agent: str, outcome: str
) -> None:
    tried = Tried(task, tmp_path / "a", FINISH, agent=agent)
    assert tried.endpoint.requests == []
    assert tried.result.outcome == outcome


def test_the_solution_runs_in_the_environment_of_the_task(task: Task, tmp_path: Path) -> None:
    (task.path / "environment" / "Dockerfile").write_text(
        "FROM x\nENV WANTED=yes\nWORKDIR /app\nCOPY workspace/ /app/\n"
    )
    solve = task.path / "solution" / "solve.sh"
    solve.write_text(f'[ "$WANTED" = yes ] || exit 1\n{solve.read_text()}')
    tried = Tried(load_task(task.path), tmp_path / "a", agent="oracle")
    assert tried.result.outcome == "passed"


def test_the_diff_is_the_agents_and_not_that_of_the_tests(task: Task, tmp_path: Path) -> None:
    script = task.path / "tests" / "test.sh"
    script.write_text(f"cat $0 > hidden.txt\n{script.read_text()}")
    assert Tried(task, tmp_path / "a", FINISH).diff == ""


def test_an_agent_cannot_stand_in_the_way_of_the_reward(task: Task, tmp_path: Path) -> None:
    command = "mkdir -p ../logs/verifier; echo 1 > ../logs/verifier/reward.txt"
    arguments = f'{{"name": "run_command", "arguments": {{"command": "{command}"}}}}'
    tried = Tried(task, tmp_path / "a", f"<tool_call>\n{arguments}\n</tool_call>", FINISH)
    assert tried.result.outcome == "failed_oracle"


def test_a_diff_that_fails_does_not_keep_the_oracle_from_judging(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(task: Task, workspace: Path) -> str:
        raise RecursionError

    monkeypatch.setattr("seatrial.bench.trial.diff_text", fails)
    tried = Tried(task, tmp_path / "a", FINISH)
    assert tried.result.outcome == "failed_oracle"
    assert "workspace.diff" in tried.faults[0].message
