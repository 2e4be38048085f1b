"""The estimate of memory against what the engine takes, and against arithmetic by hand."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seatrial.core.errors import UserError
from seatrial.models import model_path
from seatrial.serve.gguf import GgufArray, TensorInfo, read_header
from seatrial.serve.layers import layers_of
from seatrial.serve.memory import CACHE_TYPES, MARGIN_BYTES, beside_card, estimate
from tests.serve.lint.clean import header
from tests.serve.shaped_gguf import Shape, write_shaped

HAS_ENGINE = importlib.util.find_spec("xllamacpp") is not None
MIB = 1 << 20

_ENGINE = """
import json, os, sys, xllamacpp
spec = json.loads(sys.argv[1])
params = xllamacpp.CommonParams()
params.model.path = spec["model"]
params.n_ctx, params.n_parallel, params.kv_unified = spec["c"], spec["np"], spec["kvu"]
params.cache_type_k = getattr(xllamacpp.ggml_type, "GGML_TYPE_" + spec["ctk"].upper())
params.cache_type_v = getattr(xllamacpp.ggml_type, "GGML_TYPE_" + spec["ctv"].upper())
kind = "AUTO" if spec["fa"] else "DISABLED"
params.flash_attn_type = getattr(xllamacpp.llama_flash_attn_type, "LLAMA_FLASH_ATTN_TYPE_" + kind)
params.hostnames, params.port = ["127.0.0.1"], 0
params.fit_params = params.warmup = params.ctx_shift = False
params.verbosity = 5
server = xllamacpp.Server(params)
sys.stdout.flush(); sys.stderr.flush(); os._exit(0)
"""


def buffers(model: Path, **spec: Any) -> dict[str, float]:
    """MiB of each kind of buffer, by the engine's own log."""
    whole = {"c": 4096, "np": 1, "kvu": False, "ctk": "f16", "ctv": "f16", "fa": True, **spec}
    done = subprocess.run(
        [sys.executable, "-c", _ENGINE, json.dumps({"model": str(model), **whole})],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    log = done.stdout + done.stderr
    found = {
        kind: sum(float(size) for size in re.findall(rf"{words} buffer size = +([\d.]+)", log))
        for kind, words in {
            "weights": "model",
            "cache": "CPU KV",
            "state": "CPU RS",
            "working memory": "compute",
        }.items()
    }
    assert found["weights"] > 0, log[-2000:]
    assert found["working memory"] > 0, log[-2000:]
    return found


DINGHY = {
    "plain": {},
    "small": {"c": 256},
    "odd": {"c": 300},
    "wide": {"c": 32_768},
    "q8_0": {"ctk": "q8_0", "ctv": "q8_0"},
    "q4_0": {"ctk": "q4_0", "ctv": "q4_0"},
    "mixed": {"ctk": "q5_1", "ctv": "iq4_nl"},
    "f32": {"ctk": "f32", "ctv": "f32"},
    "slots": {"c": 4096, "np": 4},
    "pool": {"c": 4096, "np": 4, "kvu": True},
    "plain attention": {"fa": False},
}
SHAPES: dict[str, tuple[Shape, dict[str, Any]]] = {
    "many heads": (Shape(heads=16, kv_heads=8), {}),
    "many heads, plain attention": (Shape(heads=16), {"fa": False}),
    "many words": (Shape(vocab=16_384), {}),
    "wide": (Shape(width=512, hidden=256), {}),
    "deep": (Shape(layers=12, hidden=1024), {"c": 8192, "ctk": "q8_0", "ctv": "q8_0"}),
    "sliding": (Shape("gemma3", layers=12), {"c": 16_384}),
    "sliding, slots": (Shape("gemma3", layers=12), {"c": 16_384, "np": 2}),
    "sliding, pool": (Shape("gemma3", layers=12), {"c": 16_384, "np": 2, "kvu": True}),
    "recurrent": (Shape("qwen35", layers=8), {"c": 16_384}),
    "recurrent, slots": (Shape("qwen35", layers=8, state=64, ranks=8), {"c": 16_384, "np": 2}),
}


def check(model: Path, spec: dict[str, Any]) -> None:
    seen = buffers(model, **spec)
    slots, shared = spec.get("np", 1), spec.get("kvu", False)
    total = spec.get("c", 4096)
    found = estimate(
        read_header(model),
        window_tokens=total if shared else -(-total // slots),
        slots=slots,
        cache_type_k=spec.get("ctk", "f16"),
        cache_type_v=spec.get("ctv", "f16"),
        gpu_layers=0,
        flash_attention=spec.get("fa", True),
        shared_pool=shared,
        batch_tokens=min(512, total),
    )
    for name in ("weights", "cache", "state"):
        assert found.likely(name) / MIB == pytest.approx(seen[name], abs=0.011), name
    working = found.likely("working memory") / MIB
    assert working == pytest.approx(seen["working memory"], rel=0.08), "working memory"
    assert found.total("card") == (0, 0, 0)


needs_engine = [
    pytest.mark.engine,
    pytest.mark.skipif(not HAS_ENGINE, reason="xllamacpp is not installed"),
]


@pytest.mark.parametrize("case", [pytest.param(one, marks=needs_engine) for one in DINGHY])
def test_a_shipped_model_in_the_engine(case: str) -> None:
    check(model_path("dinghy"), DINGHY[case])


@pytest.mark.parametrize("case", [pytest.param(one, marks=needs_engine) for one in SHAPES])
def test_a_shape_in_the_engine(case: str, tmp_path: Path) -> None:
    shape, spec = SHAPES[case]
    check(write_shaped(tmp_path / "shaped.gguf", shape), spec)


# Arithmetic by hand ---------------------------------------------------------------------------


def model(arch: str = "qwen3", layers: int = 4, **keys: Any) -> Any:
    """A header without tensors: 2 heads of 64 for K and V, unless said otherwise."""
    plain = {
        "block_count": layers,
        "embedding_length": 256,
        "feed_forward_length": 1024,
        "context_length": 32_768,
        "attention.head_count": 4,
        "attention.head_count_kv": 2,
        "attention.key_length": 64,
        "attention.value_length": 64,
    }
    named = {f"{arch}.{key.replace('__', '.')}": value for key, value in {**plain, **keys}.items()}
    return header({"general.architecture": arch, **named}, file_bytes=10 * MIB)


def cache_bytes(found: Any, **how: Any) -> int:
    how = {"window_tokens": 4096, **how}
    return estimate(found, **how).likely("cache")


CELL = 2 * 64 * 2 * 2
"""Bytes of one token in one layer of `model`, K and V, in f16."""


def test_the_cache_of_plain_attention() -> None:
    assert cache_bytes(model()) == 4 * 4096 * CELL
    assert cache_bytes(model(), slots=3) == 3 * 4 * 4096 * CELL
    assert cache_bytes(model(), slots=3, shared_pool=True) == 4 * 4096 * CELL
    assert cache_bytes(model(), window_tokens=4097) == 4 * 4352 * CELL


@pytest.mark.parametrize("kind", sorted(CACHE_TYPES))
def test_the_cache_by_type(kind: str) -> None:
    numbers, size = CACHE_TYPES[kind]
    found = cache_bytes(model(), cache_type_k=kind, cache_type_v=kind)
    assert found == 4 * 4096 * 2 * (128 // numbers * size)


def test_a_layer_without_its_own_cache() -> None:
    assert cache_bytes(model(attention__shared_kv_layers=1)) == 3 * 4096 * CELL
    heads = GgufArray(4, (0, 2, 0, 1))
    assert cache_bytes(model(attention__head_count_kv=heads)) == 4096 * CELL * 3 // 2


def test_a_layer_that_only_drafts_is_not_counted() -> None:
    assert cache_bytes(model(nextn_predict_layers=1)) == 3 * 4096 * CELL


def test_sliding_by_the_code_of_the_engine() -> None:
    slid = model("gpt-oss", attention__sliding_window=128)
    assert cache_bytes(slid) == 2 * 4096 * CELL + 2 * 768 * CELL
    assert cache_bytes(slid, full_sliding=True) == 4 * 4096 * CELL


def test_sliding_by_a_pattern_of_the_file() -> None:
    pattern = GgufArray(4, (True, True, True, False))
    keys = {"attention__sliding_window": 128, "attention__sliding_window_pattern": pattern}
    assert cache_bytes(model("gemma4", **keys)) == 4096 * CELL + 3 * 768 * CELL
    narrow = {"attention__key_length_swa": 32, "attention__value_length_swa": 32}
    assert cache_bytes(model("gemma4", **keys, **narrow)) == 4096 * CELL + 3 * 768 * CELL // 2


def test_a_long_pattern_is_continued_and_said() -> None:
    pattern = GgufArray(36, tuple((at + 1) % 6 != 0 for at in range(32)))
    keys = {"attention__sliding_window": 128, "attention__sliding_window_pattern": pattern}
    layers = layers_of(model("gemma4", 36, **keys))
    assert layers is not None
    full = [at for at, layer in enumerate(layers.layers) if layer.sliding_tokens is None]
    assert full == [5, 11, 17, 23, 29, 35]
    assert "repeats" in layers.assumed[0]


def test_sliding_that_nobody_knows_is_a_range() -> None:
    found = estimate(model("brandnew", attention__sliding_window=128), window_tokens=4096)
    (cache,) = [part for part in found.parts if part.name == "cache"]
    assert cache.low_bytes == 4 * 768 * CELL
    assert cache.likely_bytes == cache.high_bytes == 4 * 4096 * CELL
    assert any("does not say for which layers" in one for one in found.assumed)


def test_recurrent_layers_by_metadata() -> None:
    ssm = {"inner_size": 64, "state_size": 16, "group_count": 2, "conv_kernel": 4}
    hybrid = model("qwen35", 8, **{f"ssm__{key}": value for key, value in ssm.items()})
    found = estimate(hybrid, window_tokens=4096, slots=2)
    assert found.likely("cache") == 2 * 2 * 4096 * CELL
    assert found.likely("state") == 2 * 6 * 4 * (3 * (64 + 2 * 2 * 16) + 16 * 64)


def test_one_row_for_k_and_v() -> None:
    latent = {
        "attention__key_length_mla": 192,
        "attention__kv_lora_rank": 512,
        "rope__dimension_count": 64,
        "attention__head_count_kv": 1,
    }
    assert cache_bytes(model("deepseek2", **latent)) == 4 * 4096 * 576 * 2


def with_tensors(*, tied: bool) -> Any:
    def tensor(name: str, *shape: int) -> TensorInfo:
        size = 4
        for side in shape:
            size *= side
        return TensorInfo(name, shape, 0, 0, size)

    tensors = [tensor("token_embd.weight", 256, 1000), tensor("output_norm.weight", 256)]
    tensors += [tensor(f"blk.{at}.attn_k.weight", 256, 128) for at in range(4)]
    tensors += [] if tied else [tensor("output.weight", 256, 1000)]
    return header(model().metadata, tensors=tuple(tensors))


@pytest.mark.parametrize(
    ("layers", "tied", "card", "host"),
    [
        (None, False, 4 * 128 + 1001, 1000),
        (None, True, 4 * 128 + 1001, 1000),  # the table of words is there twice
        (99, False, 4 * 128 + 1001, 1000),
        (3, False, 2 * 128 + 1001, 2 * 128 + 1000),  # the output counts as one
        (0, False, 0, 4 * 128 + 2001),
    ],
)
def test_layers_on_the_card(layers: int | None, tied: bool, card: int, host: int) -> None:
    found = estimate(with_tensors(tied=tied), window_tokens=256, gpu_layers=layers)
    weights = {part.where: part.likely_bytes for part in found.parts if part.name == "weights"}
    assert weights.get("card", 0) == card * 256 * 4
    assert weights.get("host", 0) == host * 256 * 4
    caches = [part for part in found.parts if part.name == "cache"]
    assert sum(part.likely_bytes for part in caches) == 4 * 256 * 128 * 2 * 2


def test_a_draft_and_a_projector_are_counted() -> None:
    alone = estimate(model(), window_tokens=4096)
    more = estimate(model(), window_tokens=4096, draft=model(layers=1), projector=model())
    assert more.likely("draft cache") == 4096 * CELL
    assert more.likely("projector") == 10 * MIB
    assert more.total("card")[1] > alone.total("card")[1] + 10 * MIB


def test_the_draft_keeps_f16_when_the_model_does_not() -> None:
    found = estimate(model(), window_tokens=4096, cache_type_k="q8_0", draft=model(layers=1))
    assert found.likely("draft cache") == 4096 * CELL


def test_one_file_of_several(tmp_path: Path) -> None:
    first = tmp_path / "m-00001-of-00002.gguf"
    part = header({**model().metadata, "split.count": 2}, path=first, file_bytes=100)
    lone = estimate(part, window_tokens=256)
    assert lone.likely("weights") == 200
    assert any("only one of 2 files" in one for one in lone.assumed)
    first.write_bytes(b"x" * 100)
    (tmp_path / "m-00002-of-00002.gguf").write_bytes(b"x" * 50)
    assert estimate(part, window_tokens=256).likely("weights") == 150


def test_a_header_that_says_nothing() -> None:
    found = estimate(header({}, file_bytes=MIB), window_tokens=4096)
    assert [part.name for part in found.parts] == ["weights", "driver"]
    assert any("does not describe the layers" in one for one in found.assumed)


@pytest.mark.parametrize(
    "wrong",
    [
        {"window_tokens": 0},
        {"window_tokens": 256, "slots": 0},
        {"window_tokens": 256, "gpu_layers": -1},
        {"window_tokens": 256, "cache_type_k": "q3_k"},
    ],
)
def test_numbers_that_no_server_takes(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError) as caught:
        estimate(model(), **wrong)
    assert caught.value.hint


def test_beside_a_card() -> None:
    found = estimate(model(), window_tokens=4096)
    low, likely, high = found.total("card")
    assert low < likely < high
    assert beside_card(found, high + MARGIN_BYTES).verdict == "fits"
    assert beside_card(found, high + MARGIN_BYTES - 1).verdict == "tight"
    assert "may just fit" in beside_card(found, likely + MARGIN_BYTES).said
    assert "probably not" in beside_card(found, likely + MARGIN_BYTES - 1).said
    assert beside_card(found, low + MARGIN_BYTES).verdict == "tight"
    assert beside_card(found, low + MARGIN_BYTES - 1).verdict == "too_large"
