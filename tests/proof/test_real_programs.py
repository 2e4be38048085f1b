"""The programs themselves, where they are installed: `llama-server` and `mlx_lm.server` on PATH.

mlx needs a model folder besides: `SEATRIAL_MLX_MODEL`. The stand-ins of `tests/serve/engines`
are held to what these were seen to do.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec
import pytest

from seatrial.core.errors import EngineError, UserError
from seatrial.models import adapter_path, model_path
from seatrial.serve import Adapter, LaunchSpec, attest, launch

needs_llama = pytest.mark.skipif(
    shutil.which("llama-server") is None, reason="llama-server is not on the PATH"
)
MLX_MODEL = os.environ.get("SEATRIAL_MLX_MODEL", "")
needs_mlx = pytest.mark.skipif(
    shutil.which("mlx_lm.server") is None or not MLX_MODEL,
    reason="mlx_lm.server is not on the PATH, or SEATRIAL_MLX_MODEL is not set",
)


@pytest.fixture
def spec(tmp_path: Path) -> LaunchSpec:
    return LaunchSpec(
        model=model_path("dinghy"),
        adapters=(Adapter(adapter_path("dinghy-heal"), 0.5),),
        window_tokens=1024,
        slots=2,
        program="llama-server",
        log=tmp_path / "engine.log",
    )


@needs_llama
@pytest.mark.parametrize("parsing", ["content_only", "server"])
async def test_llama_server_is_proven(spec: LaunchSpec, parsing: str) -> None:
    async with launch(msgspec.structs.replace(spec, parsing=parsing, api_key="k")) as engine:
        attestation = await attest(engine)
    assert attestation.grade == "process"
    assert attestation.served["window_tokens"] == 1024
    assert attestation.served["slots"] == 2
    assert attestation.served["adapters"][0]["scale"] == 0.5


@needs_llama
async def test_llama_server_that_does_not_serve_what_was_asked(spec: LaunchSpec) -> None:
    for extra, kind, says in (
        (("-c", "4096"), EngineError, "2048 is served"),
        (("--draft-max", "16"), UserError, "does not take an argument"),
    ):
        with pytest.raises(kind, match=says):
            async with launch(msgspec.structs.replace(spec, extra=extra)):
                pass


@needs_mlx
async def test_mlx_is_proven(tmp_path: Path) -> None:
    spec = LaunchSpec(
        model=Path(MLX_MODEL),
        window_tokens=0,
        slots=0,
        program="mlx_lm.server",
        log=tmp_path / "engine.log",
    )
    async with launch(spec) as engine:
        attestation = await attest(engine)
    assert attestation.grade == "process"
    assert attestation.served["family"] == "mlx"
