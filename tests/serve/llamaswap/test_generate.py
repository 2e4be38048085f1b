"""The file that is made for llama-swap: complete, valid, and read back as it was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.core.errors import UserError
from seatrial.serve import Adapter
from seatrial.serve.lint.readers.llama_swap import read_llama_swap
from seatrial.serve.lint.readers.yaml_file import parse_yaml
from seatrial.serve.llamaswap.generate import SwapModel, generate
from seatrial.serve.llamaswap.validate import validate
from tests.serve.tiny_gguf import write_tiny_adapter, write_tiny_model


@pytest.fixture
def model(tmp_path: Path) -> SwapModel:
    folder = tmp_path / "a folder's models"
    folder.mkdir()
    return SwapModel(
        name="tiny",
        path=write_tiny_model(folder / "tiny.gguf"),
        window_tokens=1024,
        slots=2,
        adapters=(Adapter(write_tiny_adapter(folder / "lora.gguf"), 0.5),),
        sampling={"temperature": 0.7, "top_k": 20},
        sampling_source="https://example.org/card (2026-11)",
    )


def test_it_is_read_back_as_it_was_meant(model: SwapModel, tmp_path: Path) -> None:
    other = SwapModel(
        name="other", path=write_tiny_model(tmp_path / "other.gguf", seed=1), window_tokens=2048
    )
    text = generate([model, other])
    assert validate(text, "made") == ()
    tiny, second = read_llama_swap(parse_yaml(text, "made"), "made")
    assert tiny.get("model") == str(model.path)
    assert (tiny.number("ctx-size"), tiny.number("parallel")) == (2048, 2)
    assert tiny.number("port") != second.number("port")
    assert tiny.unknown == ()
    assert {key: setting.value for key, setting in tiny.sets.items()} == model.sampling
    assert tiny.proxy["capabilities.context"].value == 1024
    assert tiny.proxy["group.persistent"].value is True
    assert tiny.proxy["group.swap"].value is False
    assert tiny.proxy["healthCheckTimeout"].value == 500
    assert "--skip-chat-parsing" not in text


def test_what_cannot_be_served(model: SwapModel, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no model"):
        generate([])
    with pytest.raises(UserError, match="two models are called tiny"):
        generate([model, model])
    macro = write_tiny_model(tmp_path / "${x}.gguf")
    with pytest.raises(UserError, match="for a macro"):
        generate([SwapModel(name="x", path=macro, window_tokens=1024)])
    with pytest.raises(UserError, match="cannot be served as asked"):
        generate([SwapModel(name="x", path=model.path, window_tokens=1000)])
