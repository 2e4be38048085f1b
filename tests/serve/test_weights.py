"""Model files: digest and metadata of GGUF files, split ones, and folders of safetensors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seatrial.core.errors import UserError
from seatrial.core.schema import sha256_hex
from seatrial.serve.quantization import file_type_name, plain_quantization, same_quantization
from seatrial.serve.weights import read_weights, template_of
from tests.serve.tiny_gguf import (
    CHAT_TEMPLATE,
    F32,
    STRING,
    U32,
    gguf_bytes,
    write_tiny_adapter,
    write_tiny_model,
)


def test_a_gguf_file(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "tiny.gguf")
    found = read_weights(path)
    assert found.sha256 == sha256_hex(path.read_bytes())
    assert (found.name, found.architecture, found.quantization) == ("tiny", "qwen3", "F32")
    assert (found.tokenizer, found.trained_window_tokens) == ("gpt2/tekken", 2048)
    assert found.template_sha256 == sha256_hex(CHAT_TEMPLATE.encode())
    assert template_of(path) == CHAT_TEMPLATE
    assert (found.kind, found.files) == ("model", (str(path),))
    assert (found.eos or "").startswith("token ")
    assert (found.parameters or 0) > 10_000


def test_an_adapter(tmp_path: Path) -> None:
    assert read_weights(write_tiny_adapter(tmp_path / "a.gguf")).kind == "adapter"


def test_sampling_that_the_file_recommends(tmp_path: Path) -> None:
    metadata = {
        "general.architecture": (STRING, "qwen3"),
        "general.sampling.temp": (F32, 0.5),
        "general.sampling.top_k": (U32, 20),
    }
    (tmp_path / "m.gguf").write_bytes(gguf_bytes(metadata))
    found = read_weights(tmp_path / "m.gguf")
    assert found.sampling == {"temp": 0.5, "top_k": 20}
    assert found.quantization is None


def part(folder: Path, number: int, count: int = 2) -> Path:
    metadata = {"general.architecture": (STRING, "qwen3"), "split.count": (U32, count)}
    metadata["split.no"] = (U32, number - 1)
    path = folder / f"big-{number:05d}-of-{count:05d}.gguf"
    path.write_bytes(gguf_bytes(metadata))
    return path


def test_a_split_model_is_all_of_its_parts(tmp_path: Path) -> None:
    first, second = part(tmp_path, 1), part(tmp_path, 2)
    found = read_weights(first)
    assert found.files == (str(first), str(second))
    second.write_bytes(second.read_bytes() + b"x")
    assert read_weights(first).sha256 != found.sha256
    second.unlink()
    with pytest.raises(UserError, match=r"not there: big-00002-of-00002\.gguf"):
        read_weights(first)
    renamed = first.rename(tmp_path / "renamed.gguf")
    with pytest.raises(UserError, match="hides the others"):
        read_weights(renamed)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "fused"
    path.mkdir()
    (path / "model.safetensors").write_bytes(b"tensors")
    (path / "config.json").write_text(
        json.dumps(
            {
                "architectures": ["Qwen3ForCausalLM"],
                "quantization": {"group_size": 64, "bits": 4},
                "max_position_embeddings": 40960,
            }
        )
    )
    (path / "tokenizer_config.json").write_text(
        json.dumps({"chat_template": "{{ m }}", "eos_token": {"content": "<|im_end|>"}})
    )
    (path / "generation_config.json").write_text('{"temperature": 0.6, "top_k": "many"}')
    return path


def test_a_folder_of_safetensors(folder: Path) -> None:
    found = read_weights(folder)
    assert (found.architecture, found.quantization) == ("Qwen3ForCausalLM", "4 bit")
    assert (found.eos, found.trained_window_tokens) == ("<|im_end|>", 40960)
    assert found.template_sha256 == sha256_hex(b"{{ m }}")
    assert found.sampling == {"temperature": 0.6}
    assert len(found.files) == 4
    (folder / "chat_template.jinja").write_text("{{ other }}")
    changed = read_weights(folder)
    assert changed.template_sha256 == sha256_hex(b"{{ other }}")
    assert changed.sha256 != found.sha256


def test_the_name_of_the_folder_does_not_count(folder: Path) -> None:
    found = read_weights(folder)
    assert read_weights(folder.rename(folder.with_name("moved"))).sha256 == found.sha256


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "\udcff", '{"architectures": [], "quantization": 4}']
)
def test_a_folder_with_broken_configuration(folder: Path, text: str) -> None:
    (folder / "config.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    found = read_weights(folder)
    assert (found.architecture, found.quantization) == (None, None)


def test_no_model(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no model in this folder"):
        read_weights(tmp_path)
    with pytest.raises(UserError, match="no such file"):
        read_weights(tmp_path / "none.gguf")


@pytest.mark.parametrize(
    ("said", "plain"),
    [
        ("Q4_K - Medium", "Q4_K_M"),
        ("Q3_K - Small", "Q3_K_S"),
        ("Q2_K - Medium", "Q2_K"),
        ("Q6_K", "Q6_K"),
        ("all F32", "F32"),
        ("Q8_0 (guessed)", "Q8_0"),
        ("IQ4_XS - 4.25 bpw", "IQ4_XS"),
        ("IQ3_S mix - 3.66 bpw", "IQ3_M"),
        ("MXFP4 MoE", "MXFP4_MOE"),
    ],
)
def test_one_spelling_of_a_quantization(said: str, plain: str) -> None:
    assert plain_quantization(said) == plain
    assert same_quantization(said, plain)
    assert not same_quantization(said, "IQ1_S")


def test_file_types() -> None:
    assert [file_type_name(n) for n in (0, 7, 15, 1024 + 7, 999)] == [
        "F32",
        "Q8_0",
        "Q4_K_M",
        "Q8_0",
        "file type 999",
    ]
