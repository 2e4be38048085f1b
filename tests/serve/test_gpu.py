"""Graphics cards: as the driver or its program tells them, and nothing where there are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.serve import gpu
from seatrial.serve.gpu import Gpu


def program(folder: Path, text: str) -> str:
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(gpu, "_DRIVER", tmp_path / "gpus")
    monkeypatch.setattr(gpu, "_PROGRAM", str(tmp_path / "none"))
    return monkeypatch


def test_none(bare: pytest.MonkeyPatch) -> None:
    assert gpu.cards() is None
    assert gpu.memory_mib((1,)) is None


def test_by_the_program(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = (
        'case "$1" in *compute*) echo "12, 800"; echo "13, 5";; *) echo "RTX, GPU-1, 24576";; esac'
    )
    bare.setattr(gpu, "_PROGRAM", program(tmp_path, text))
    assert gpu.cards() == (Gpu("RTX", "GPU-1", 24576),)
    assert gpu.memory_mib((12, 99)) == 800
    assert gpu.memory_mib((99,)) is None


@pytest.mark.parametrize("text", ["exit 9", "echo broken", "sleep 5"])
def test_a_program_that_fails(bare: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    bare.setattr(gpu, "_TIMEOUT_SECONDS", 0.1)
    bare.setattr(gpu, "_PROGRAM", program(tmp_path, text))
    assert gpu.cards() is None


def test_by_the_driver(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "gpus" / "0000:01:00.0"
    folder.mkdir(parents=True)
    (folder / "information").write_text("Model: \t NVIDIA H\nGPU UUID: \t GPU-9\n")
    assert gpu.cards() == (Gpu("NVIDIA H", "GPU-9"),)
