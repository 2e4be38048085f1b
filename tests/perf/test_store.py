"""Budgets of the store, in CPU seconds, best of several."""

from __future__ import annotations

import random
import time

import pytest

from seatrial.core.config import RunSpec
from seatrial.core.generation import Usage
from seatrial.core.result import Ended, OracleResult, Result, Verified
from seatrial.core.trace import Begin, Tool, TrialRef
from seatrial.store import RunDir, TraceWriter, list_runs, list_trials, read_events, reindex

pytestmark = pytest.mark.perf

RUNS, TRIALS = 50, 89


def best_cpu(call, rounds=7):
    """Least CPU seconds of `call`, and its answer."""
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        answer = call()
        best = min(best, time.process_time() - start)
    return best, answer


def make_run(root, trials, name=None):
    with RunDir.create(root, RunSpec(), name) as run:
        for i in range(trials):
            ref = TrialRef(f"family/task-{i:03}", f"{i:016x}", "a" * 16, 1)
            path = run.new_attempt(ref)
            run.write_result(path, result(ref))
    return run.path


def result(ref):
    status = "passed" if hash(ref.task) % 3 else "failed"
    return Result(
        schema_version=1,
        task=ref.task,
        task_digest=ref.task_digest,
        arm=ref.arm,
        seed=ref.seed,
        attempt=1,
        ended=Ended.FINISHED,
        verified=Verified.YES,
        oracle=OracleResult(status=status, subtests={"a": True, "b": False}),
        turns=12,
        usage=Usage(prompt=9000, cached=8000, completion=700),
        seconds=33.5,
    )


@pytest.fixture(scope="module")
def many_runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("many")
    for i in range(RUNS):
        last = make_run(root, TRIALS, f"run-{i}")
    reindex(root)
    return root, last


def test_listing_50_runs_of_89_trials(many_runs, record_property):
    root, last = many_runs
    seconds, rows = best_cpu(lambda: list_runs(root))
    assert [row.passed + row.failed for row in rows] == [TRIALS] * RUNS
    trial_seconds, trials = best_cpu(lambda: list_trials(last))
    assert len(trials) == TRIALS
    record_property("list_runs_cpu_ms", round(1000 * seconds, 2))
    record_property("list_trials_cpu_ms", round(1000 * trial_seconds, 2))
    print(f"list 50 runs {1000 * seconds:.2f} ms, list 89 trials {1000 * trial_seconds:.2f} ms")
    assert seconds < 0.010
    assert trial_seconds < 0.010


def test_taking_in_one_more_trial(many_runs):
    """A listing right after a trial ended, beside 50 full runs."""
    root, last = many_runs
    best = float("inf")
    with RunDir.open(last) as run:
        for seed in range(100, 107):
            ref = TrialRef("family/task-000", f"{0:016x}", "a" * 16, seed)
            run.write_result(run.new_attempt(ref), result(ref))
            seconds, _ = best_cpu(lambda: list_runs(root), rounds=1)
            best = min(best, seconds)
    print(f"list after one more trial {1000 * best:.2f} ms")
    assert best < 0.030


def test_rebuilding_the_index(many_runs):
    root, _ = many_runs
    seconds, count = best_cpu(lambda: reindex(root), rounds=2)
    print(f"reindex of {RUNS} x {TRIALS}: {seconds:.2f} s")
    assert count == RUNS
    assert seconds < 3.0


def test_what_a_resume_of_200_finished_trials_asks(tmp_path):
    path = make_run(tmp_path, 200)

    def resume():
        with RunDir.open(path) as run:
            return list(run.results())

    seconds, results = best_cpu(resume)
    assert len(results) == 200
    print(f"results of 200 trials {1000 * seconds:.1f} ms")
    # The whole command has 300 ms; the store must leave nearly all of it.
    assert seconds < 0.060


def test_what_the_store_costs_a_trial(tmp_path):
    """Attempt, 400 events of 1.4 KB, compaction, result: of a trial's budget of 10 ms CPU, with
    a trace twice as long as a usual one."""
    noise = random.Random(1).randbytes(700 * 400).hex()
    texts = [noise[i * 1400 : (i + 1) * 1400] for i in range(400)]
    with RunDir.create(tmp_path, RunSpec()) as run:
        seeds = iter(range(1000))

        def trial():
            ref = TrialRef("t", "d", "a" * 16, next(seeds))
            path = run.new_attempt(ref)
            writer = TraceWriter(path)
            writer.emit(Begin, turn=0, trial=ref)
            for i, text in enumerate(texts):
                writer.emit(Tool, turn=i, call_id="c", exit=0, output=text)
            start = time.process_time()
            writer.close()
            closing = time.process_time() - start
            run.write_result(path, result(ref))
            return path, closing

        seconds, (path, closing) = best_cpu(trial)
        reading, count = best_cpu(lambda: sum(1 for _ in read_events(path)))
    assert count == 401
    print(
        f"a trial of 401 events {1000 * seconds:.1f} ms, of that closing {1000 * closing:.1f} ms; "
        f"reading it {1000 * reading:.1f} ms"
    )
    assert seconds < 0.040
    assert reading < 0.020
