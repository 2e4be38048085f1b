"""Proofs: long runs that show what is claimed. SEATRIAL_PROOF_SCALE is `ci` or `full`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
FULL = os.environ.get("SEATRIAL_PROOF_SCALE") == "full"

Record = Callable[[str, dict[str, Any]], None]


@pytest.fixture
def record() -> Record:
    """Print a proof's numbers; at full scale also keep them under `docs/proofs`."""

    def keep(name: str, numbers: dict[str, Any]) -> None:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
        ).stdout.strip()
        row = {
            "commit": commit,
            "command": "make proof SCALE=" + ("full" if FULL else "ci"),
            **numbers,
        }
        text = json.dumps(row, indent=1)
        print(text)
        if FULL:
            folder = ROOT / "docs" / "proofs"
            folder.mkdir(exist_ok=True)
            (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")

    return keep


def seatrial_json(*words: str, cwd: Path) -> dict[str, Any]:
    """Run a command with `--json` and give what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "seatrial", *words, "--json"],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    report: dict[str, Any] = json.loads(done.stdout)
    return report
