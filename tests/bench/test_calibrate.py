"""Calibration: which tasks stand for which, and what a meter that is wrong says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from seatrial.bench.arm import resolve
from seatrial.bench.calibrate import Calibration, calibrate
from seatrial.core.config import ArmSpec
from seatrial.suites import load_suite, make


def calibrated(folder: Path) -> Calibration:
    return asyncio.run(calibrate(load_suite(folder), resolve(ArmSpec(sandbox="process"))))


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Two tasks of one family, as folders."""
    made = make("shakedown", seed=3, count=9, out=tmp_path)
    kin = [path for path in made if path.name.startswith(made[0].name.rpartition("-")[0])]
    for path in set(made) - set(kin):
        path.rename(tmp_path.with_name(f"{tmp_path.name}-{path.name}"))
    assert len(kin) == 2
    return tmp_path


def test_one_generated_task_stands_for_its_family(suite: Path) -> None:
    found = calibrated(suite)
    assert (found.tasks, found.oracle_passed, found.nop_failed) == (1, 1, 1)
    assert found.sound


def test_of_tasks_from_elsewhere_none_stands_for_another(suite: Path) -> None:
    for path in suite.glob("*/task.toml"):
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if not line.startswith("generator")))
    last = max(suite.iterdir())
    (last / "solution" / "solve.sh").write_text("apt-get install what-this-machine-lacks\n")
    found = calibrated(suite)
    assert found.tasks == 2
    assert [problem.split(":")[0] for problem in found.problems] == [last.name]
