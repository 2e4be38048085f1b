"""Workspaces are fresh copies, and the diff says what became of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seatrial.agent import changes
from seatrial.bench import workspace as bench_workspace
from seatrial.bench.workspace import diff_text, fresh_workspace
from seatrial.core.errors import TaskError
from seatrial.suites import Task, load_task, make


@pytest.fixture
def task(tmp_path: Path) -> Task:
    (folder,) = make("shakedown", seed=3, count=1, out=tmp_path / "suite")
    return load_task(folder)


def test_a_workspace_is_a_copy(task: Task) -> None:
    with fresh_workspace(task) as first:
        names = sorted(path.name for path in first.iterdir())
        for path in first.iterdir():
            path.unlink() if path.is_file() else None
        with fresh_workspace(task) as second:
            assert sorted(path.name for path in second.iterdir()) == names
    assert not first.exists()


def test_no_change_no_diff(task: Task) -> None:
    with fresh_workspace(task) as workspace:
        assert diff_text(task, workspace) == ""


def test_the_diff_shows_changed_new_and_removed_files(task: Task) -> None:
    with fresh_workspace(task) as workspace:
        changed, removed = sorted(path for path in workspace.glob("*") if path.is_file())[:2]
        changed.write_text(changed.read_text() + "# more")
        removed.unlink()
        (workspace / "new.txt").write_text("hello\n")
        (workspace / "new.bin").write_bytes(b"\xff\x00")
        diff = diff_text(task, workspace)
    assert "+# more\n\\ No newline at end of file\n" in diff
    assert f"--- a/{removed.name}\n+++ /dev/null" in diff
    assert "--- /dev/null\n+++ b/new.txt\n@@ -0,0 +1 @@\n+hello\n" in diff
    assert "Binary or large file new.bin differs\n" in diff


def test_links_are_not_followed(task: Task, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("do not show\n")
    with fresh_workspace(task) as workspace:
        (workspace / "link").symlink_to(tmp_path / "secret")
        assert "do not show" not in diff_text(task, workspace)


def test_files_outside_the_workdir_need_an_image(task: Task) -> None:
    dockerfile = task.path / "environment" / "Dockerfile"
    dockerfile.write_text("FROM x\nWORKDIR /app\nCOPY workspace/ /srv/\n")
    with (
        pytest.raises(TaskError, match="outside its workdir"),
        fresh_workspace(load_task(task.path)),
    ):
        pass


def test_a_form_feed_ends_no_line(task: Task) -> None:
    with fresh_workspace(task) as workspace:
        (workspace / "new.txt").write_text("one\x0ctwo\u2028three\n")
        diff = diff_text(task, workspace)
    assert "@@ -0,0 +1 @@\n+one\x0ctwo\u2028three\n" in diff
    assert "No newline" not in diff


def test_a_hostile_workspace_costs_nothing_but_its_lines(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_workspace, "MAX_SHOWN_CHARS", 2_000)
    with fresh_workspace(task) as workspace:
        (workspace / "a-sparse").touch()
        os.truncate(workspace / "a-sparse", 1 << 40)
        (workspace / "b-long").write_text("word\n" * 300)
        (workspace / "c-longer").write_text("word\n" * 300)
        Path(os.fsdecode(os.fsencode(workspace) + b"/d-caf\xe9")).write_text("x\n")
        os.mkfifo(workspace / "e-pipe")
        diff = diff_text(task, workspace)
    assert "file a-sparse differs" in diff
    assert "+++ b/b-long" in diff
    assert "file c-longer differs" in diff
    assert "+++ b/d-caf\\xe9" in diff
    assert "e-pipe" not in diff
    assert len(diff.encode()) < 3_000


def test_texts_that_would_take_minutes_to_compare_are_named(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_workspace, "MAX_LINE_PAIRS", 10)
    with fresh_workspace(task) as workspace:
        changed = next(path for path in workspace.glob("*.py"))
        changed.write_text(changed.read_text() + "# more\n" * 10)
        assert diff_text(task, workspace) == f"Binary or large file {changed.name} differs\n"


def test_a_large_file_that_did_not_change_is_not_in_the_diff(task: Task) -> None:
    (task.path / "environment" / "workspace" / "data.bin").write_bytes(b"\xff" * 2_000_000)
    with fresh_workspace(task) as workspace:
        assert diff_text(task, workspace) == ""
        (workspace / "data.bin").write_bytes(b"\xfe" * 2_000_000)
        assert diff_text(task, workspace) == "Binary or large file data.bin differs\n"


def test_beyond_the_bound_no_file_is_called_new_or_gone(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "MAX_FILES", 6)
    with fresh_workspace(task) as workspace:
        for number in range(10):
            (workspace / f"0{number}").write_text("new\n")
        diff = diff_text(task, workspace)
    assert diff == "Very many files: those that were added or removed are not listed\n"


def test_a_deep_tree_is_removed(task: Task) -> None:
    with fresh_workspace(task) as workspace:
        below = os.open(workspace, os.O_RDONLY)
        for _ in range(1200):
            os.mkdir("deep", dir_fd=below)
            above, below = below, os.open("deep", os.O_RDONLY, dir_fd=below)
            os.close(above)
        os.close(below)
        assert diff_text(task, workspace) == ""
    assert not workspace.parent.exists()
