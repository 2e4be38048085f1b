"""Workspaces are fresh copies, and the diff says what became of them."""

from __future__ import annotations

from pathlib import Path

import pytest

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
