"""Programs under their real names on a PATH of the test's own, and models for them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seatrial.serve import LaunchSpec
from tests.serve.tiny_gguf import write_tiny_model

HERE = Path(__file__).parent


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with stand-ins, first on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    stand_ins = {"llama-server": "llama", "mlx_lm.server": "http", "vllm": "http"}
    for name, kind in stand_ins.items():
        source = (HERE / f"{kind}_stand_in.py").read_text(encoding="utf-8")
        script = folder / name
        script.write_text(f"#!{sys.executable}\n{source}", encoding="utf-8")
        script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


@pytest.fixture
def behave(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Says how the stand-ins misbehave from now on."""
    return lambda ways: monkeypatch.setenv("STAND_IN", ways)


@pytest.fixture
def spec(programs: Path, tmp_path: Path) -> LaunchSpec:
    """A GGUF for `llama-server`."""
    model = write_tiny_model(tmp_path / "tiny.gguf", context=32_768)
    log = tmp_path / "logs" / "engine.log"
    return LaunchSpec(model=model, window_tokens=512, log=log, program="llama-server")


@pytest.fixture
def folder_spec(programs: Path, tmp_path: Path) -> LaunchSpec:
    """A model folder for `mlx_lm.server` and `vllm`."""
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"weights")
    log = tmp_path / "logs" / "engine.log"
    return LaunchSpec(model=model, window_tokens=0, slots=0, log=log, program="mlx_lm.server")
