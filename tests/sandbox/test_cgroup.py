"""The hard bound on tasks: it holds where a group can be made, and leaves no group behind."""

import subprocess
from pathlib import Path

import pytest

from seatrial.sandbox.cgroup import bounded_tasks

# Bounded by itself: 30 sleepers of a second.
FORK = "for i in $(seq 30); do sleep 1 & done; wait"


def test_forks_beyond_the_bound_fail():
    with bounded_tasks("/bin/bash", 10) as join:
        if not join:
            pytest.skip("no writable pids control group")
        group = Path(join[-1]).parent
        assert (group / "pids.max").read_text() == "10\n"
        done = subprocess.run(
            [*join, "timeout", "0.5", "bash", "-c", FORK], capture_output=True, check=False
        )
        assert b"Resource temporarily unavailable" in done.stderr
    assert not group.exists()


def test_a_group_that_cannot_be_made_is_none(monkeypatch, tmp_path):
    monkeypatch.setattr("seatrial.sandbox.cgroup._pids_folder", lambda: tmp_path / "absent")
    with bounded_tasks("/bin/bash", 10) as join:
        assert join == []
