"""A small run on disk, made as the bench makes one: locks, traces, results, journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.core import trace as events
from seatrial.core.config import ArmSpec, RunSpec, SuiteSpec
from seatrial.core.generation import Finish, Timings, Usage
from seatrial.core.lock import Lock, make_lock
from seatrial.core.message import Call, Message
from seatrial.core.result import Ended, OracleResult, Result, Verified
from seatrial.core.schema import RESULT_VERSION, TRACE_VERSION
from seatrial.store import RunDir, SuiteRecord, TraceWriter


class Bench:
    """Writes trials one by one; `finish` says that every arm was attested again."""

    def __init__(
        self, root: Path, tasks: int, arms: tuple[str, ...], seeds: tuple[int, ...]
    ) -> None:
        spec = RunSpec(
            suite=SuiteSpec(count=tasks), arms=tuple(ArmSpec(name=arm) for arm in arms), seeds=seeds
        )
        record = SuiteRecord("suite", "d", {f"task-{n}": "d" for n in range(tasks)})
        self.run = RunDir.create(root, spec, suite=record)
        self.path = self.run.path
        self.locks = {arm: self.launch(arm) for arm in arms}
        self.run.journal("calibrated", oracle_passed=1, nop_failed=1, tasks=1, problems=[])

    def launch(self, arm: str) -> Lock:
        served = {"weights": "f" * 64, "window_tokens": 4096, "arm": arm}
        lock = make_lock(arm, {"sandbox": "bwrap"}, served, {}, {"grade": "process"})
        self.run.write_lock(lock)
        return lock

    def trial(
        self,
        task: str = "task-0",
        arm: str = "dinghy",
        status: str = "passed",
        text: str = "I fix it.",
        *,
        seed: int = 1,
        ended: str = "finished",
        calls: tuple[Call, ...] = (),
        taint: tuple[str, ...] = (),
        family: str = "create",
        detail: str = "",
        output: str = "1 failed",
    ) -> Path:
        lock = self.locks[arm]
        folder = self.run.new_attempt(events.TrialRef(task, "d", lock.arm, seed))
        trace = TraceWriter(folder)
        ref = events.TrialRef(task, "d", lock.arm, seed)
        trace.emit(events.Begin, turn=0, trial=ref, schema_version=TRACE_VERSION)
        trace.message(Message("user", "Fix the bug."), 0)
        self.reply(trace, 1, text, calls)
        trace.emit(events.End, turn=1, ended=Ended(ended), verified=Verified.NONE_AVAILABLE)
        reward = {"passed": 1.0, "failed": 0.0}.get(status)
        if reward is not None:
            trace.emit(events.Oracle, turn=1, phase="run", exit=1, reward=reward, output=output)
        trace.close()
        result = Result(
            schema_version=RESULT_VERSION,
            task=task,
            task_digest="d",
            family=family,
            arm=lock.arm,
            arm_name=arm,
            seed=seed,
            attempt=int(folder.name.removeprefix("attempt-")),
            ended=Ended(ended),
            verified=Verified.NONE_AVAILABLE,
            oracle=OracleResult(status),
            taint=taint,
            turns=1,
            usage=Usage(prompt=10, completion=20),
            seconds=1.5,
            detail=detail,
        )
        self.run.write_result(folder, result)
        return folder

    def reply(self, trace: TraceWriter, turn: int, text: str, calls: tuple[Call, ...] = ()) -> None:
        identifier = f"r{turn}"
        trace.emit(events.Request, turn=turn, id=identifier, messages=(), tools_digest="x")
        digest = trace.message(Message("assistant", text, calls=calls), turn)
        trace.emit(
            events.Response,
            turn=turn,
            id=identifier,
            message=digest,
            finish=Finish.STOP,
            usage=Usage(completion=20),
            timings=Timings(generated_tokens_per_second=50.0),
            raw=text,
        )

    def finish(self) -> Path:
        self.run.journal("finished", problems=[])
        self.run.release()
        return self.path


@pytest.fixture
def bench(tmp_path):
    made: list[Bench] = []

    def make(
        tasks: int = 2, arms: tuple[str, ...] = ("dinghy",), seeds: tuple[int, ...] = (1,)
    ) -> Bench:
        made.append(Bench(tmp_path / f"runs{len(made)}", tasks, arms, seeds))
        return made[-1]

    yield make
    for each in made:
        each.run.release()
