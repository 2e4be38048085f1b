"""Sandboxes to test, and a way to see what they leave behind."""

import os
import time
from pathlib import Path

import pytest

from seatrial.sandbox import open_sandbox, probe

BWRAP = probe("bwrap")


@pytest.fixture(
    params=[
        pytest.param(
            "bwrap",
            marks=[pytest.mark.bwrap, pytest.mark.skipif(not BWRAP.works, reason=BWRAP.reason)],
        ),
        "process",
    ]
)
def sandbox(request, tmp_path):
    return open_sandbox(request.param, tmp_path)


@pytest.fixture
def bwrap(tmp_path):
    if not BWRAP.works:
        pytest.skip(BWRAP.reason)
    return open_sandbox("bwrap", tmp_path)


def _alive(marker):
    """Processes of the host, zombies not counted, whose command line holds `marker`."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if marker.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def _await_alive(marker, seconds=5.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := _alive(marker):
            return found
        time.sleep(0.01)
    return []


@pytest.fixture
def alive():
    return _alive


@pytest.fixture
def await_alive():
    return _await_alive
