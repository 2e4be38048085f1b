"""Runs the installed command as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seatrial.models import model_path
from seatrial.sandbox import probe

Seatrial = Callable[..., "subprocess.CompletedProcess[str]"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    missing = _missing()
    for item in items:
        if here in Path(item.path).parents and missing:
            item.add_marker(pytest.mark.skip(reason=missing))


def _missing() -> str:
    sandbox = probe("bwrap")
    if not sandbox.works:
        return f"bubblewrap: {sandbox.reason}"
    if not model_path("dinghy").is_file():
        return "the shipped models are not there: make dinghy"
    try:
        import xllamacpp  # noqa: F401
    except ImportError:
        return "the embedded engine is not installed: pip install 'seatrial[embedded]'"
    return ""


@pytest.fixture
def seatrial(tmp_path: Path) -> Seatrial:
    """`seatrial("run", ...)` in an empty folder; stdout and stderr apart."""

    def command(
        *words: str, timeout: float = 300.0, **env: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "seatrial", *words],
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=tmp_path,
            env={**os.environ, **env},
            check=False,
        )

    return command
