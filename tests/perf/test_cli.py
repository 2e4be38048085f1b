"""Budgets of the command line."""

from __future__ import annotations

import sys

import pytest

from tests.perf.measure import command_cpu_seconds

pytestmark = pytest.mark.perf


def test_help_takes_at_most_150_ms_of_cpu() -> None:
    seconds = command_cpu_seconds([sys.executable, "-m", "seatrial", "--help"])
    print(f"seatrial --help: {1000 * seconds:.0f} ms CPU")
    assert seconds <= 0.15
