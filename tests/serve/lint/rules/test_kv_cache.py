"""K01-K08: each rule fires where it should and stays silent one step beside it."""

from __future__ import annotations

from typing import Any

import pytest

from seatrial.serve.lint.rule import Severity
from seatrial.serve.lint.subject import Subject
from tests.serve.lint.clean import client, facts, fires, header, server


def one(options: dict[str, Any], **known: Any) -> Subject:
    return Subject(servers=(server(options, source="start.sh"),), **known)


def both(kind: str, **more: Any) -> dict[str, Any]:
    return {"cache-type-k": kind, "cache-type-v": kind, **more}


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (both("q4_0", **{"ctx-size": 65_536}), 1),
        (both("q4_0", **{"ctx-size": 32_768}), 0),
        (both("q4_0", **{"ctx-size": 33_024}), 1),
        (both("q8_0", **{"ctx-size": 65_536}), 0),
        (both("q4_0"), 0),  # nobody knows the window
        ({"cache-type-v": "iq4_nl", "ctx-size": 65_536}, 1),
    ],
)
def test_k01_four_bits(options: dict[str, Any], count: int) -> None:
    assert len(fires(one(options), "K01")) == count


def test_k01_by_facts_and_in_ollama() -> None:
    assert len(fires(one(both("q4_0"), facts=facts(window=65_536)), "K01")) == 1
    ollama = server({"num_ctx": 65_536}, family="ollama", env={"OLLAMA_KV_CACHE_TYPE": "q4_0"})
    (found,) = fires(Subject(servers=(ollama,)), "K01")
    assert "OLLAMA_KV_CACHE_TYPE=q4_0" in found.seen


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"cache-type-k": "q8_0", "cache-type-v": "q4_0"}, 1),
        ({"cache-type-k": "q8_0"}, 1),  # V stays f16
        ({"cache-type-v": "q8_0"}, 1),
        (both("q8_0"), 0),
        ({}, 0),
        ({"cache-type-k": "f16"}, 0),
        ({"cache-type-k": "q8_0", "n-gpu-layers": 0}, 0),
        ({"cache-type-k": "q8_0", "device": "Vulkan0"}, 0),
    ],
)
def test_k02_mixed(options: dict[str, Any], count: int) -> None:
    assert len(fires(one(options), "K02")) == count


def test_k02_says_what_to_write() -> None:
    (found,) = fires(one({"cache-type-k": "q8_0", "cache-type-v": "q4_0"}), "K02")
    assert "-ctk q8_0 -ctv q8_0" in found.fix
    assert found.edit is not None
    assert (found.edit.before, found.edit.after) == (
        "--cache-type-v q4_0",
        ("--cache-type-v q8_0",),
    )


def test_k02_not_where_the_build_has_every_kernel() -> None:
    options = {"cache-type-k": "q8_0"}
    line = "system_info: CUDA : ARCHS = 890 | FA_ALL_QUANTS = 1 | USE_GRAPHS = 1"
    assert fires(one(options, log=(line,)), "K02") == []
    assert len(fires(one(options, log=(line.replace("QUANTS = 1", "QUANTS = 0"),)), "K02")) == 1
    assert fires(one(options, extra={"platform": "darwin"}), "K02") == []
    assert len(fires(one(options, extra={"platform": "linux cuda"}), "K02")) == 1


@pytest.mark.parametrize(
    ("kind", "count"),
    [("q5_1", 2), ("q5_0", 2), ("q4_1", 2), ("iq4_nl", 2), ("q4_0", 0), ("q8_0", 0), ("bf16", 0)],
)
def test_k03_no_kernel(kind: str, count: int) -> None:
    assert len(fires(one(both(kind)), "K03")) == count
    assert fires(one(both(kind, **{"n-gpu-layers": 0})), "K03") == []


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (both("q8_0", **{"flash-attn": "off"}), 1),
        (both("q8_0", **{"flash-attn": "auto"}), 0),  # the engine turns it on by itself
        (both("q8_0"), 0),
        ({"cache-type-k": "q8_0", "flash-attn": "off"}, 0),  # only V needs it
        (both("f16", **{"flash-attn": "off"}), 0),
    ],
)
def test_k04_flash_attention(options: dict[str, Any], count: int) -> None:
    assert len(fires(one(options), "K04")) == count


def test_k04_by_the_log() -> None:
    line = "llama_init_from_model: quantized V cache requires flash_attn to be enabled"
    assert len(fires(Subject(log=(line,)), "K04")) == 1
    fine = "llama_init_from_model: enabling flash_attn since it is required for quantized V cache"
    assert fires(Subject(log=(fine,)), "K04") == []


def log(kind: str, rotation: int) -> Subject:
    """Two lines of the embedded engine's own log."""
    size = f"llama_kv_cache: size =    4.25 MiB (  4096 cells,   4 layers), K ({kind}):    2.12 MiB"
    turn = f"llama_kv_cache: n_rot_k = {rotation}, n_embd_head_k_all = 64"
    return Subject(log=("print_info: n_rot                 = 64", size, turn))


def test_k05_rotation() -> None:
    assert len(fires(log("q8_0", 0), "K05")) == 1
    assert fires(log("q8_0", 64), "K05") == []
    assert fires(log("f16", 0), "K05") == []
    # The cache of a draft in f16 behind a quantized one of the model.
    draft = Subject(log=log("q8_0", 64).log + log("f16", 0).log)
    assert fires(draft, "K05") == []


def test_k06_gpt_oss() -> None:
    named = both("q8_0", model="/m/gpt-oss-20b-mxfp4.gguf")
    assert len(fires(one(named), "K06")) == 1
    assert fires(one(both("q8_0", model="/m/qwen3.gguf")), "K06") == []
    assert fires(one({"model": "/m/gpt-oss-20b-mxfp4.gguf"}), "K06") == []
    by_header = header({"general.architecture": "gpt-oss"})
    assert len(fires(one(both("q8_0", model="/m/a.gguf"), header=by_header), "K06")) == 1
    other = header({"general.architecture": "qwen3"})
    assert fires(one(named, header=other), "K06") == []


def test_k07_projector() -> None:
    options = {"mmproj": "/m/mmproj.gguf"}
    (found,) = fires(one(options), "K07")
    assert found.edit is not None
    assert found.edit.after == ("--no-mmproj",)
    assert fires(one({"mmproj": False}), "K07") == []
    assert fires(one({}), "K07") == []
    assert fires(one(options, extra={"images": True}), "K07") == []
    sees = client(options={"models.0.input": "text,image"})
    assert fires(one(options, clients=(sees,)), "K07") == []


def test_k08_is_advice_and_no_alarm() -> None:
    (found,) = fires(one(both("q8_0")), "K08")
    assert found.severity is Severity.INFO
    assert fires(one(both("f16")), "K08") == []
    assert fires(one(both("q4_0")), "K08") == []
