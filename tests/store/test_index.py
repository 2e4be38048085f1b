"""The index: always what the folders say, whatever happens to its file."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys

import pytest

from seatrial.core.config import ArmSpec, RunSpec
from seatrial.core.generation import Usage
from seatrial.core.result import Ended
from seatrial.core.trace import Begin, Tool, TrialRef
from seatrial.store import INDEX, RunDir, TraceWriter, list_runs, list_trials, reindex

ARM = "a" * 16


def state(root):
    """Everything that the index says."""
    return [(row, list_trials(root / row.run)) for row in list_runs(root)]


def rebuilt(root):
    reindex(root)
    return state(root)


@pytest.fixture
def root(run):
    return run.path.parent


def test_rows_say_what_the_results_say(run, root, finish):
    usage = Usage(prompt=10, cached=4, completion=5)
    finish(run, "a", usage=usage, seconds=1.5, turns=3, family="f", arm_name="dinghy")
    finish(run, "b", status="failed", usage=usage, seconds=0.5)
    finish(run, "b", status="passed", usage=usage, seconds=0.5)
    finish(run, "c", status="failed", ended=Ended.TEXT_LOOP)
    finish(run, "d", status="not_run", ended=Ended.ENGINE_ERROR)
    finish(run, "e", taint=("slow disk", "x"))
    run.new_attempt(TrialRef("a", "d", ARM, 1))
    run.new_attempt(TrialRef("f/g", "d", ARM, 1))
    run.new_attempt(TrialRef("f/g", "d", ARM, 1))
    (row,) = list_runs(root)
    assert (row.passed, row.failed, row.unscored, row.tainted, row.unfinished) == (2, 1, 1, 1, 1)
    assert (row.prompt_tokens, row.completion_tokens, row.seconds) == (20, 10, 2.0)
    assert (row.run, row.suite, row.arms) == (run.path.name, "shakedown", "dinghy")
    assert row.problem == ""
    trials = list_trials(run.path)
    assert [(t.task, t.attempt, t.outcome, t.latest) for t in trials] == [
        ("a", 1, "passed", True),
        ("a", 2, None, False),
        ("b", 1, "failed_oracle", False),
        ("b", 2, "passed", True),
        ("c", 1, "text_loop", True),
        ("d", 1, "unscored", True),
        ("e", 1, "passed", True),
        ("f/g", 1, None, False),
        ("f/g", 2, None, False),
    ]
    assert (trials[0].turns, trials[0].cached_tokens, trials[0].family) == (3, 4, "f")
    assert trials[6].taint == "slow disk, x"
    assert [t.path(run.path) for t in trials] == [attempt.path for attempt in run.attempts()]


def test_frame_offsets_are_in_the_index(run, root, make_result):
    path = run.new_attempt(TrialRef("t", "d", ARM, 1))
    assert list_trials(run.path)[0].frames == ()
    writer = TraceWriter(path)
    writer.emit(Begin, turn=0, trial=TrialRef("t"))
    for i in range(150):
        writer.emit(Tool, turn=1, call_id=str(i), exit=0, output=str(i))
    offsets = writer.close()
    run.write_result(path, make_result())
    assert list_trials(run.path)[0].frames == offsets
    assert len(offsets) == 3
    assert rebuilt(root) == state(root)


def test_keeping_up_equals_making_anew(run, root, finish, make_result):
    """After every step the rows that were added to are those that a rebuild gives."""
    steps = [
        lambda: finish(run, "a"),
        lambda: run.new_attempt(TrialRef("b" * 400, "d", ARM, 1)),
        lambda: finish(run, "a", status="failed", digest="new"),
        lambda: RunDir.create(root, RunSpec(arms=(ArmSpec("x"), ArmSpec("y")))).release(),
        lambda: finish(run, "b" * 400),
        lambda: run.new_attempt(TrialRef("../c", "d", ARM, 7)),
        lambda: run.journal("note"),
        lambda: (run.path / "trials" / "%2E.%2Fc").exists() or finish(run, "c"),
        lambda: shutil.rmtree(sorted(root.glob("2*-*"))[-1]),
    ]
    for step in steps:
        step()
        kept = state(root)
        assert kept == rebuilt(root)
    assert len(kept) == 1


def test_a_result_whose_journal_line_was_lost_is_seen(run, root, make_result, monkeypatch):
    path = run.new_attempt(TrialRef("t", "d", ARM, 1))
    assert list_runs(root)[0].unfinished == 1
    monkeypatch.setattr(run, "journal", lambda *_, **__: None)
    run.write_result(path, make_result())
    assert list_runs(root)[0].passed == 1


@pytest.mark.parametrize("damage", ["missing", "garbage", "cut", "old", "no tables", "columns"])
def test_a_damaged_index_is_made_again(run, root, finish, damage):
    for seed in range(30):
        finish(run, seed=seed)
    before, file = state(root), root / INDEX
    if damage == "missing":
        file.unlink()
    elif damage == "garbage":
        file.write_bytes(b"not a database" * 1000)
    elif damage == "cut":
        data = file.read_bytes()
        file.write_bytes(data[: len(data) // 2])
    else:
        db = sqlite3.connect(file)
        db.execute(
            {
                "old": "PRAGMA user_version=99",
                "no tables": "DROP TABLE trials",
                "columns": "ALTER TABLE runs DROP COLUMN passed",
            }[damage]
        )
        db.commit()
        db.close()
    assert state(root) == before
    db = sqlite3.connect(file)
    assert db.execute("SELECT count(*) FROM trials").fetchone() == (30,)
    db.close()


def test_without_a_place_for_the_file_the_answer_is_the_same(run, root, finish):
    finish(run)
    before = state(root)
    reindex(root)
    for suffix in ("", "-wal", "-shm"):
        (root / (INDEX + suffix)).unlink(missing_ok=True)
    (root / INDEX).mkdir()
    assert state(root) == before
    assert list_runs(root / "absent") == []
    assert not (root / "absent").exists()


def test_on_a_full_disk_the_answer_is_the_same(small_disk, fill, finish):
    with RunDir.create(small_disk, RunSpec()) as run:
        finish(run)
        ballast = fill(small_disk)
        (row,) = list_runs(small_disk)
        assert row.passed == 1
        ballast.unlink()
        assert state(small_disk) == rebuilt(small_disk)


def test_one_broken_run_does_not_hide_the_others(run, root, finish):
    finish(run, "a")
    finish(run, "b")
    with RunDir.create(root, RunSpec(), "newer") as newer:
        finish(newer)
    manifest = newer.path / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"schema_version": 1', '"schema_version": 9'))
    (run.path / "trials" / "a" / ARM / "1" / "attempt-1" / "result.json").write_text("{")
    (root / "no-run").mkdir()
    rows = {row.run: row for row in list_runs(root)}
    assert set(rows) == {run.path.name, newer.path.name}
    assert "schema version 9" in rows[newer.path.name].problem
    assert "result.json" in rows[run.path.name].problem
    assert (rows[run.path.name].passed, rows[run.path.name].unfinished) == (1, 1)
    assert [row.run for row, _ in rebuilt(root)] == [row.run for row in list_runs(root)]


def test_a_run_that_was_replaced_is_read_again(run, root, finish):
    finish(run, status="failed")
    assert list_runs(root)[0].failed == 1
    run.release()
    copy = root / "copy"
    shutil.copytree(run.path, copy)
    result = next(copy.rglob("result.json"))
    result.write_text(result.read_text().replace('"failed"', '"passed"'))
    shutil.rmtree(run.path)
    copy.rename(run.path)
    assert list_runs(root)[0].passed == 1


def test_many_processes_at_once(run, root, finish, child_env):
    for seed in range(40):
        finish(run, seed=seed)
    code = (
        "import sys; from pathlib import Path; from seatrial.store import list_runs\n"
        "print([(row.passed, row.problem) for row in list_runs(Path(sys.argv[1]))])"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(root)], env=child_env, stdout=subprocess.PIPE
        )
        for _ in range(4)
    ]
    answers = [child.communicate()[0].decode().strip() for child in children]
    assert answers == ["[(40, '')]"] * 4
