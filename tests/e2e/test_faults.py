"""Bad input: a one-line error with a hint, or a trial outcome; never a traceback."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.models import model_path
from seatrial.store import list_runs
from tests.e2e.conftest import Seatrial

pytestmark = [pytest.mark.engine, pytest.mark.bwrap]


def refused(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """One line that says what, at most one that says what to do, and nothing on stdout."""
    lines = [line for line in done.stderr.splitlines() if line.startswith(("error:", "hint:"))]
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert [line.split(":")[0] for line in lines] in (["error"], ["error", "hint"]), done.stderr
    for word in words:
        assert word in done.stderr
    assert done.stdout == ""


def test_missing_model(seatrial: Seatrial) -> None:
    refused(seatrial("run", "--arm", "nowhere.gguf"), 64, "nowhere.gguf", "hint:")


def test_truncated_model(seatrial: Seatrial, tmp_path: Path) -> None:
    (tmp_path / "cut.gguf").write_bytes(model_path("dinghy").read_bytes()[:1_000_000])
    refused(seatrial("run", "--arm", "cut.gguf", "--count", "1"), 64, "truncated", "hint:")


def test_not_a_model(seatrial: Seatrial, tmp_path: Path) -> None:
    (tmp_path / "text.gguf").write_text("hello")
    refused(seatrial("serve", "text.gguf"), 64, "text.gguf")


def test_port_in_use(seatrial: Seatrial) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        refused(seatrial("serve", "dinghy", "--port", port), 64, port, "taken")


def test_nothing_listens(seatrial: Seatrial) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    refused(seatrial("attest", f"http://127.0.0.1:{port}"), 69, str(port), "hint:")


def test_task_without_tests(seatrial: Seatrial, tmp_path: Path) -> None:
    seatrial("suite", "make", "shakedown", "--count", "2", "-o", "tasks")
    folder = next(path for path in (tmp_path / "tasks").iterdir())
    (folder / "tests" / "test.sh").unlink()
    refused(seatrial("run", "tasks"), 64, "tests/test.sh", folder.name)


def test_broken_task_toml(seatrial: Seatrial, tmp_path: Path) -> None:
    seatrial("suite", "make", "shakedown", "--count", "2", "-o", "tasks")
    folder = next(path for path in (tmp_path / "tasks").iterdir())
    (folder / "task.toml").write_text("[task\nname = ")
    refused(seatrial("run", "tasks"), 64, "task.toml", folder.name)


def test_a_task_whose_oracle_is_wrong_stops_the_run(seatrial: Seatrial, tmp_path: Path) -> None:
    seatrial("suite", "make", "shakedown", "--count", "1", "-o", "tasks")
    folder = next(path for path in (tmp_path / "tasks").iterdir())
    script = "#!/bin/bash\necho 1 > /logs/verifier/reward.txt\n"
    (folder / "tests" / "test.sh").write_text(script)
    done = seatrial("run", "tasks")
    assert done.returncode == 3
    assert "doing nothing is not a clear failure" in done.stderr
    assert seatrial("suite", "check", "tasks").returncode == 1


def test_a_changed_task_is_not_resumed(seatrial: Seatrial, tmp_path: Path) -> None:
    seatrial("suite", "make", "shakedown", "--count", "2", "-o", "tasks")
    seatrial("run", "tasks")
    next((tmp_path / "tasks").glob("*/instruction.md")).write_text("Do something else.\n")
    done = seatrial("resume")
    assert done.returncode == 64
    assert "not those that the run began with" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("run", "-c", "suite.counts=3"),
        ("run", "-c", "nonsense"),
        ("run", "-c", "suite.count=many"),
        ("run", "no-such-suite"),
        ("run", "--count", "0"),
        ("run", "--config", "nowhere.toml"),
        ("run", "--arm", "dinghy", "--arm", "dinghy"),
        ("resume",),
        ("show", "nothing"),
        ("suite", "check", "nowhere"),
        ("demo", "--arm", "nothing"),
        ("runn",),
    ],
)
def test_wrong_usage(seatrial: Seatrial, words: tuple[str, ...]) -> None:
    refused(seatrial(*words), 64)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=192k", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False)


def test_a_full_disk_loses_no_trace(seatrial: Seatrial, small_disk: Path) -> None:
    done = seatrial("run", "--count", "16", "--runs", str(small_disk))
    assert "Traceback" not in done.stderr
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert "free some space" in done.stderr
    runs = list_runs(small_disk)
    assert len(runs) <= 1, "what was written can still be listed"


def test_no_bubblewrap_is_refused_with_a_way_out(seatrial: Seatrial, tmp_path: Path) -> None:
    done = seatrial("run", "--count", "1", PATH="/nowhere")
    assert "Traceback" not in done.stderr
    assert "bubblewrap" in done.stderr
    assert "--sandbox process" in done.stderr


def test_process_is_named_in_lock_and_report(seatrial: Seatrial, tmp_path: Path) -> None:
    done = seatrial("run", "--count", "2", "--sandbox", "process")
    assert done.returncode == 0, done.stderr
    assert "without isolation" in done.stdout
    (lock,) = tmp_path.glob("runs/*/lock/*.json")
    assert '"sandbox": "process"' in lock.read_text()
