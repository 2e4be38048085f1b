"""Calibration: before a verdict, the meter itself is tried.

In the same harness, the reference solution must pass every sampled task and an agent that does
nothing must fail it. A meter that fails this says nothing about a model, and the run does not
start. Of generated tasks one of each family is tried; others share nothing but a folder, and each
may need what this machine lacks: all of them are tried.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec

from seatrial.bench.arm import ResolvedArm
from seatrial.bench.trial import Trial, run_trial
from seatrial.core.config import ArmSpec
from seatrial.core.result import Result
from seatrial.core.trace import TrialRef
from seatrial.suites import Task


class Calibration(msgspec.Struct, frozen=True):
    """What the two calibration agents did."""

    oracle_passed: int
    nop_failed: int
    solvable: int
    """Tasks tried that have a reference solution."""
    tasks: int
    problems: tuple[str, ...]
    """One line for each task on which the meter is wrong."""

    @property
    def sound(self) -> bool:
        return not self.problems


async def calibrate(tasks: list[Task], arm: ResolvedArm) -> Calibration:
    """Try the meter on the tasks that stand for all of them, in `arm`'s sandbox."""
    sample = list({_kin(task): task for task in reversed(tasks)}.values())
    problems: list[str] = []
    passed = failed = 0
    for task in sample:
        if task.solution is not None:
            result = await _try(task, arm, "oracle")
            passed += result.outcome == "passed"
            if result.outcome != "passed":
                problems.append(f"{task.id}: the reference solution does not pass{_why(result)}")
        result = await _try(task, arm, "nop")
        failed += result.oracle.status == "failed"
        if result.oracle.status != "failed":
            problems.append(f"{task.id}: doing nothing is not a clear failure{_why(result)}")
    solvable = sum(task.solution is not None for task in sample)
    return Calibration(passed, failed, solvable, len(sample), tuple(problems))


def _kin(task: Task) -> tuple[str, str]:
    """Tasks of one kin are made by the same generator in the same way."""
    generator = task.metadata.get("generator")
    return (str(generator), task.family) if generator and task.family else ("", task.id)


async def _try(task: Task, arm: ResolvedArm, agent: str) -> Result:
    spec = msgspec.convert(
        {"name": agent, "agent": agent, "sandbox": arm.spec.sandbox}, type=ArmSpec
    )
    with tempfile.TemporaryDirectory(prefix="seatrial-calibration-") as name:
        trial = Trial(
            ref=TrialRef(task.id, task.digest, agent),
            task=task,
            arm=msgspec.structs.replace(arm, spec=spec),
            folder=Path(name),
        )
        return await run_trial(trial, None)


def _why(result: Result) -> str:
    reason = result.detail or result.oracle.detail
    return f": {reason}" if reason else f" ({result.outcome})"
