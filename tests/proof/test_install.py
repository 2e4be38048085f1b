"""The size of a core install, and that it starts. About one minute; needs a package index."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.proof.conftest import ROOT, Record

pytestmark = pytest.mark.proof

MAX_MB = 85.0


def test_core_install_is_small(record: Record, tmp_path: Path) -> None:
    before = _new_venv(tmp_path / "bare")
    after = _new_venv(tmp_path / "core")
    python = tmp_path / "core" / "bin" / "python"
    done = subprocess.run(
        [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"nothing can be installed here: {done.stderr.strip()[-200:]}")
    megabytes = (_size(tmp_path / "core") - before) / 1e6
    record("core_install", {"megabytes": round(megabytes, 1), "n": 1, "python": sys.version[:6]})
    assert after == before
    assert megabytes <= MAX_MB
    said = subprocess.run(
        [str(python), "-m", "seatrial", "models"], capture_output=True, text=True, check=True
    )
    assert "dinghy-coder" in said.stdout
    assert "missing" not in said.stdout
    refused = subprocess.run(
        [str(python), "-m", "seatrial", "serve", "dinghy"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "seatrial[embedded]" in refused.stderr, "what is missing and how to get it"


def _new_venv(folder: Path) -> int:
    venv.create(folder, with_pip=True)
    return _size(folder)


def _size(folder: Path) -> int:
    return sum(
        path.lstat().st_size
        for path in folder.rglob("*")
        if not path.is_symlink() and path.is_file()
    )
