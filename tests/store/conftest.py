"""Fixtures of the store's tests: samples of every event, a tiny disk, a run with results."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import seatrial
from seatrial.core.config import RunSpec
from seatrial.core.result import Ended, OracleResult, Result, Verified
from seatrial.core.schema import RESULT_VERSION
from seatrial.core.trace import TrialRef
from seatrial.store import RunDir

DISK_BYTES = 256 * 1024


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 KiB that really fills up."""
    point = tmp_path / "disk"
    point.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(point)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        pytest.skip(f"mount is not permitted here: {made.stderr.strip()}")
    try:
        yield point
    finally:
        subprocess.run(["umount", "-l", str(point)], check=True)


@pytest.fixture
def fill():
    """Take all space but `leave` bytes of the disk that `folder` is on; the file that takes it."""

    def fill_disk(folder: Path, leave: int = 0) -> Path:
        ballast = folder / "ballast"
        with ballast.open("wb", buffering=0) as stream:
            try:
                while True:
                    stream.write(b"\0" * 4096)
            except OSError:
                pass
        os.truncate(ballast, max(0, ballast.stat().st_size - leave))
        return ballast

    return fill_disk


@pytest.fixture
def child_env():
    """Environment in which a child process finds this very package."""
    return os.environ | {"PYTHONPATH": str(Path(seatrial.__file__).parents[1])}


@pytest.fixture
def make_result():
    def make(task="t", seed=1, attempt=1, status="passed", digest="d", **fields):
        return Result(
            schema_version=RESULT_VERSION,
            task=task,
            task_digest=digest,
            arm=fields.pop("arm", "a" * 16),
            seed=seed,
            attempt=attempt,
            ended=fields.pop("ended", Ended.FINISHED),
            verified=Verified.NONE_AVAILABLE,
            oracle=OracleResult(status=status),
            **fields,
        )

    return make


@pytest.fixture
def run(tmp_path):
    with RunDir.create(tmp_path / "runs", RunSpec()) as made:
        yield made


@pytest.fixture
def finish(make_result):
    """Make an attempt with a result in a run."""

    def finish_trial(run: RunDir, task="t", seed=1, **fields) -> Result:
        arm, digest = fields.get("arm", "a" * 16), fields.get("digest", "d")
        path = run.new_attempt(TrialRef(task, digest, arm, seed))
        number = int(path.name.removeprefix("attempt-"))
        result = make_result(task, seed, number, **fields)
        run.write_result(path, result)
        return result

    return finish_trial
