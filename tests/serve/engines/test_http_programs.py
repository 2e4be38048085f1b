"""`mlx_lm.server` and `vllm serve`: their arguments, and when they are ready, as real processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from seatrial.core.errors import UnattestedError, UserError
from seatrial.serve import Adapter, LaunchSpec, attest, launch
from seatrial.serve.engines.mlx import MlxServer
from seatrial.serve.engines.vllm import Vllm

Behave = Callable[[str], None]


@pytest.fixture
def vllm_spec(folder_spec: LaunchSpec) -> LaunchSpec:
    return msgspec.structs.replace(folder_spec, program="vllm")


async def test_mlx_serves(folder_spec: LaunchSpec) -> None:
    async with launch(folder_spec) as engine:
        assert engine.server_family == "mlx"
        assert engine.version == "mlx_lm 0.32.2"
        assert [one.path.name for one in engine.seals] == ["config.json", "model.safetensors"]
        cache = folder_spec.log.parent / "no-other-models"
        environment = Path(f"/proc/{engine.pid}/environ").read_bytes()
        assert f"HF_HUB_CACHE={cache}".encode() in environment
        assert cache.is_dir()
        assert not list(cache.iterdir())


async def test_mlx_is_ready_when_the_model_answers_not_when_it_is_healthy(
    folder_spec: LaunchSpec, behave: Behave
) -> None:
    behave("late")
    began = time.monotonic()
    async with launch(folder_spec):
        assert time.monotonic() - began > 0.6


async def test_mlx_that_could_not_load_goes_on_listening(
    folder_spec: LaunchSpec, behave: Behave
) -> None:
    behave("broken")
    with pytest.raises(UnattestedError, match=r"could not load the model; .*nonsense"):
        async with launch(folder_spec):
            pass


async def test_vllm_serves(vllm_spec: LaunchSpec, behave: Behave) -> None:
    behave("late")
    sized = msgspec.structs.replace(vllm_spec, window_tokens=1024, api_key="sesame-0815")
    began = time.monotonic()
    async with launch(sized) as engine:
        assert time.monotonic() - began > 0.6
        assert engine.version == "vllm 0.15.0"
        assert "--max-model-len 1024" in " ".join(engine.argv)
        assert "sesame" not in " ".join(engine.argv)


async def test_vllm_with_another_model_or_window(
    vllm_spec: LaunchSpec, behave: Behave, monkeypatch: pytest.MonkeyPatch
) -> None:
    behave("half")
    with pytest.raises(UnattestedError, match="1024 tokens was asked, 512 is served"):
        async with launch(msgspec.structs.replace(vllm_spec, window_tokens=1024)):
            pass
    monkeypatch.setenv("STAND_IN_MODEL", "another/model")
    with pytest.raises(UnattestedError, match="another/model is served"):
        async with launch(vllm_spec):
            pass


async def test_a_weight_file_that_changes_while_it_is_served(folder_spec: LaunchSpec) -> None:
    async with launch(folder_spec) as engine:
        (folder_spec.model / "model.safetensors").write_bytes(b"others")
        with pytest.raises(UnattestedError, match="was written to"):
            await attest(engine)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"window_tokens": 4096}, "enforces no window"),
        ({"api_key": "k"}, "knows no keys"),
        ({"threads": 4}, "no number of threads"),
        ({"slots": -1}, "begin at 1"),
        ({"model": Path("no-such-folder")}, "no such model folder"),
    ],
)
def test_what_mlx_cannot_do(folder_spec: LaunchSpec, change: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        MlxServer().check(msgspec.structs.replace(folder_spec, **change))


def test_models_that_are_no_folder(folder_spec: LaunchSpec, tmp_path: Path) -> None:
    gguf = tmp_path / "tiny.gguf"
    gguf.write_bytes(b"GGUF")
    with pytest.raises(UserError, match="not a file") as caught:
        MlxServer().check(msgspec.structs.replace(folder_spec, model=gguf))
    assert "llama-server" in (caught.value.hint or "")
    with pytest.raises(UserError, match="no model in this folder"):
        Vllm().check(msgspec.structs.replace(folder_spec, model=tmp_path))
    repository = msgspec.structs.replace(folder_spec, model=Path("owner/name"))
    MlxServer().check(repository)
    assert MlxServer().arguments(repository, 1)[:2] == ("--model", "owner/name")
    assert MlxServer().environment(repository) == {}


def test_adapters(folder_spec: LaunchSpec, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    spec = msgspec.structs.replace(folder_spec, adapters=(Adapter(adapter),))
    with pytest.raises(UserError, match="not an adapter folder"):
        MlxServer().check(spec)
    (adapter / "adapter_config.json").write_text("{}")
    MlxServer().check(spec)
    assert MlxServer().arguments(spec, 1)[-2:] == ("--adapter-path", str(adapter))
    with pytest.raises(UserError, match="model of its own"):
        Vllm().check(spec)
