"""A run: suite x arms x seeds, attested, resumable.

Every arm is attested before its first trial and after its last. The arms run side by side and
in the same order of tasks, each at its own pace: a slow arm goes on when a quick one is done.
Whatever is finished stays; a resumed run does what is missing, unscored or tainted.

In: a run directory. Out: a `RunEnd`.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from contextlib import AsyncExitStack

import msgspec

from seatrial.bench.arm import ResolvedArm, resolve
from seatrial.bench.calibrate import calibrate
from seatrial.bench.engines import ServedArm
from seatrial.bench.prepare import tasks_of
from seatrial.bench.progress import Progress, Silent
from seatrial.bench.trial import Trial, run_trial
from seatrial.core.errors import SeatrialError, UnattestedError
from seatrial.core.result import NOT_THE_MODEL, Result
from seatrial.core.trace import TrialRef
from seatrial.sandbox import require
from seatrial.store import RunDir, TrialKey
from seatrial.suites import Task

MAX_ATTEMPTS = 2
"""Only trials that infrastructure left unscored are tried again."""


class RunEnd(msgspec.Struct, frozen=True):
    """How a run ended."""

    exit_code: int
    problems: tuple[str, ...] = ()


async def execute(run: RunDir, progress: Progress | None = None) -> RunEnd:
    """Do every trial of `run` that is not finished.

    Raises:
        UserError: a model, sandbox or suite is missing.
        UnattestedError: an arm cannot be proven, or is not the one that the run began with.
        BusyError: another process holds the run.
    """
    progress = progress or Silent()
    with run:
        arms = [resolve(spec) for spec in run.manifest.spec.arms]
        for kind in sorted({arm.spec.sandbox for arm in arms}):
            require(kind)
        tasks = tasks_of(run)
        problems = await _calibrate(run, tasks, arms, progress)
        if problems:
            return RunEnd(3, problems)
        async with AsyncExitStack() as stack:
            progress.phase("starting and attesting the engines")
            served = [
                await stack.enter_async_context(ServedArm(arm, run, progress)) for arm in arms
            ]
            return await _trials(run, tasks, served, progress)


async def _calibrate(
    run: RunDir, tasks: list[Task], arms: list[ResolvedArm], progress: Progress
) -> tuple[str, ...]:
    """What is wrong with the meter, tried once in each kind of sandbox."""
    lines = run.journal_lines()
    known = {line.get("sandbox") for line in lines if line.get("event") == "calibrated"}
    for sandbox, arm in {arm.spec.sandbox: arm for arm in reversed(arms)}.items():
        if sandbox in known or not run.manifest.spec.calibrate:
            continue
        progress.phase("calibrating the meter")
        calibration = await calibrate(tasks, arm)
        event = "calibrated" if calibration.sound else "calibration_failed"
        run.journal(event, sandbox=sandbox, **msgspec.to_builtins(calibration))
        if not calibration.sound:
            return calibration.problems
    return ()


async def _trials(
    run: RunDir, tasks: list[Task], served: list[ServedArm], progress: Progress
) -> RunEnd:
    seeds = run.manifest.spec.seeds
    plan = {arm: [(task, seed) for seed in seeds for task in tasks] for arm in served}
    done = {TrialKey.of(result) for result in run.results() if _stands(result)}
    left = {
        arm: [(task, seed) for task, seed in work if _key(task, arm, seed) not in done]
        for arm, work in plan.items()
    }
    total = sum(len(work) for work in plan.values())
    progress.plan(total, total - sum(len(work) for work in left.values()))
    progress.phase("running trials")
    try:
        async with asyncio.TaskGroup() as group:
            for arm, work in left.items():
                random.Random(run.manifest.run).shuffle(work)
                queue = deque(work)
                for _ in range(arm.arm.spec.engine.slots):
                    group.create_task(_worker(run, arm, queue, progress))
    except ExceptionGroup as group_of_errors:
        # What stops one worker (a full disk, another identity) stops all; one is enough to say.
        raise group_of_errors.exceptions[0] from None
    progress.phase("attesting again")
    problems = [problem for arm in served for problem in await _confirm(run, arm)]
    run.journal("suspended" if problems else "finished", problems=problems)
    if problems:
        return RunEnd(3, tuple(problems))
    if all(result.outcome in NOT_THE_MODEL for result in run.results()):
        return RunEnd(2, ("no trial says anything about a model; `seatrial show` says why",))
    return RunEnd(0)


def _stands(result: Result) -> bool:
    """Whether a resume leaves a result alone; what was mended since may give another attempt."""
    return result.outcome != "unscored" and not result.taint


def _key(task: Task, arm: ServedArm, seed: int) -> TrialKey:
    return TrialKey(task.id, task.digest, arm.arm_id, seed)


async def _worker(
    run: RunDir, arm: ServedArm, queue: deque[tuple[Task, int]], progress: Progress
) -> None:
    while queue:
        task, seed = queue.popleft()
        for _ in range(MAX_ATTEMPTS):
            result = await _attempt(run, arm, task, seed, progress)
            if result.outcome != "unscored":
                break


async def _attempt(
    run: RunDir, arm: ServedArm, task: Task, seed: int, progress: Progress
) -> Result:
    endpoint = await arm.endpoint()
    ref = TrialRef(task.id, task.digest, arm.arm_id, seed)
    folder = run.new_attempt(ref)
    ref = msgspec.structs.replace(ref, attempt=int(folder.name.removeprefix("attempt-")))
    progress.trial_started(ref, arm.arm.spec.name)
    result = await run_trial(Trial(ref, task, arm.arm, folder), endpoint)
    run.write_result(folder, result)
    progress.trial_finished(result)
    return result


async def _confirm(run: RunDir, arm: ServedArm) -> list[str]:
    """Attest once more; when it fails, the trials of this arm are tainted, not rewritten."""
    try:
        await arm.confirm()
    except UnattestedError as error:
        run.taint(arm.arm_id, "identity_not_confirmed")
        return [error.message]
    except SeatrialError as error:
        run.taint(arm.arm_id, "identity_not_confirmed")
        return [f"{arm.arm.spec.name}: {error.message}"]
    return []
