"""What is refused before a run is made, and that a run keeps its tasks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from seatrial.bench.prepare import GENERATED, prepare_run, tasks_of
from seatrial.core.config import ArmSpec, RunSpec, SuiteSpec
from seatrial.core.errors import TaskError, UserError
from seatrial.core.generation import Sampling
from seatrial.store import list_runs

WARM = ArmSpec(sampling=Sampling(temperature=0.7))


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (RunSpec(arms=(ArmSpec(), ArmSpec())), "two arms are called dinghy"),
        (RunSpec(arms=()), "nothing to run"),
        (RunSpec(seeds=(1, 2)), "repeat one trial"),
        (RunSpec(suite=SuiteSpec(name="nowhere")), "no such suite"),
        (RunSpec(arms=(ArmSpec(model="nowhere.gguf"),)), "no such model"),
    ],
)
def test_what_would_mislead_is_refused_and_leaves_nothing(
    tmp_path: Path, spec: RunSpec, says: str
) -> None:
    with pytest.raises(UserError, match=says):
        prepare_run(tmp_path, spec)
    assert list_runs(tmp_path) == []


def test_several_seeds_are_fine_above_temperature_0(tmp_path: Path) -> None:
    spec = RunSpec(suite=SuiteSpec(count=1), arms=(WARM,), seeds=(1, 2))
    assert len(tasks_of(prepare_run(tmp_path, spec))) == 1


def test_a_lost_generated_suite_is_made_again_and_is_the_same(tmp_path: Path) -> None:
    run = prepare_run(tmp_path, RunSpec(suite=SuiteSpec(count=3)))
    before = [task.digest for task in tasks_of(run)]
    shutil.rmtree(run.path / GENERATED)
    assert [task.digest for task in tasks_of(run)] == before


def test_a_changed_task_is_named(tmp_path: Path) -> None:
    run = prepare_run(tmp_path, RunSpec(suite=SuiteSpec(count=3)))
    (run.path / GENERATED / "config-003").mkdir(exist_ok=True)
    victim = next((run.path / GENERATED).glob("offbyone-*/instruction.md"))
    victim.write_text("Do something else.\n")
    with pytest.raises(TaskError, match=victim.parent.name):
        tasks_of(run)
