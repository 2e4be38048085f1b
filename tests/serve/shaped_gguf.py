"""Models of chosen shapes, all zeros, for measuring how much memory a shape takes.

They say nothing; llama.cpp loads them and reports the sizes of its buffers. Three kinds: plain
attention, attention of which five of six layers look back only so far, and a hybrid in which
three of four layers keep a state of fixed size. In: a path and a `Shape`. Out: the path.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from pathlib import Path

from tests.serve.tiny_gguf import ARRAY as ARRAY_KIND
from tests.serve.tiny_gguf import (
    CHAT_TEMPLATE,
    F32,
    I32,
    STRING,
    U32,
    Tensor,
    _pieces,
    _tokenizer_keys,
    gguf_bytes,
)


@dataclass(frozen=True)
class Shape:
    """Sizes of a model."""

    arch: str = "qwen3"
    layers: int = 2
    width: int = 64
    hidden: int = 128
    heads: int = 4
    kv_heads: int = 2
    head_width: int = 32
    vocab: int = 512
    sliding: int = 256
    """Tokens that a sliding layer of gemma3 looks back."""
    conv: int = 4
    groups: int = 2
    state: int = 16
    ranks: int = 4


def write_shaped(path: Path, shape: Shape) -> Path:
    pieces = _pieces()
    pieces += [f"<more{index}>" for index in range(shape.vocab - len(pieces))]
    assert len(pieces) == shape.vocab
    keys = {**_network_keys(shape), **_tokenizer_keys(pieces, CHAT_TEMPLATE)}
    path.write_bytes(gguf_bytes(keys, _tensors(shape)))
    return path


def _network_keys(shape: Shape) -> dict[str, tuple[int, object]]:
    arch = shape.arch
    keys: dict[str, tuple[int, object]] = {
        "general.architecture": (STRING, arch),
        "general.name": (STRING, "shaped"),
        f"{arch}.context_length": (U32, 262_144),
        f"{arch}.embedding_length": (U32, shape.width),
        f"{arch}.block_count": (U32, shape.layers),
        f"{arch}.feed_forward_length": (U32, shape.hidden),
        f"{arch}.attention.head_count": (U32, shape.heads),
        f"{arch}.attention.head_count_kv": (U32, shape.kv_heads),
        f"{arch}.attention.key_length": (U32, shape.head_width),
        f"{arch}.attention.value_length": (U32, shape.head_width),
        f"{arch}.attention.layer_norm_rms_epsilon": (F32, 1e-6),
        f"{arch}.rope.freq_base": (F32, 10_000.0),
        f"{arch}.vocab_size": (U32, shape.vocab),
    }
    if arch == "gemma3":
        keys[f"{arch}.attention.sliding_window"] = (U32, shape.sliding)
    if arch == "qwen35":
        keys |= {
            f"{arch}.ssm.conv_kernel": (U32, shape.conv),
            f"{arch}.ssm.inner_size": (U32, shape.state * shape.ranks),
            f"{arch}.ssm.state_size": (U32, shape.state),
            f"{arch}.ssm.time_step_rank": (U32, shape.ranks),
            f"{arch}.ssm.group_count": (U32, shape.groups),
            f"{arch}.full_attention_interval": (U32, 4),
            f"{arch}.rope.dimension_sections": (ARRAY_KIND, (I32, [4, 4, 8, 0])),
        }
    return keys


def _tensors(shape: Shape) -> list[Tensor]:
    found = [
        _zeros("token_embd.weight", shape.width, shape.vocab),
        _zeros("output_norm.weight", shape.width),
    ]
    for layer in range(shape.layers):
        recurrent = shape.arch == "qwen35" and (layer + 1) % 4 != 0
        sizes = {**_common(shape), **(_delta(shape) if recurrent else _attention(shape))}
        found += [_zeros(f"blk.{layer}.{name}", *size) for name, size in sizes.items()]
    return found


def _common(shape: Shape) -> dict[str, tuple[int, ...]]:
    after = {
        "qwen3": {"ffn_norm.weight": (shape.width,)},
        "gemma3": {
            "ffn_norm.weight": (shape.width,),
            "post_attention_norm.weight": (shape.width,),
            "post_ffw_norm.weight": (shape.width,),
        },
        "qwen35": {"post_attention_norm.weight": (shape.width,)},
    }[shape.arch]
    return {
        "attn_norm.weight": (shape.width,),
        "ffn_gate.weight": (shape.width, shape.hidden),
        "ffn_up.weight": (shape.width, shape.hidden),
        "ffn_down.weight": (shape.hidden, shape.width),
        **after,
    }


def _attention(shape: Shape) -> dict[str, tuple[int, ...]]:
    query, key = shape.heads * shape.head_width, shape.kv_heads * shape.head_width
    gated = 2 if shape.arch == "qwen35" else 1
    return {
        "attn_q.weight": (shape.width, query * gated),
        "attn_k.weight": (shape.width, key),
        "attn_v.weight": (shape.width, key),
        "attn_output.weight": (query, shape.width),
        "attn_q_norm.weight": (shape.head_width,),
        "attn_k_norm.weight": (shape.head_width,),
    }


def _delta(shape: Shape) -> dict[str, tuple[int, ...]]:
    keys, values = shape.state * shape.groups, shape.state * shape.ranks
    return {
        "attn_qkv.weight": (shape.width, keys * 2 + values),
        "attn_gate.weight": (shape.width, values),
        "ssm_conv1d.weight": (shape.conv, keys * 2 + values),
        "ssm_dt.bias": (shape.ranks,),
        "ssm_a": (shape.ranks,),
        "ssm_beta.weight": (shape.width, shape.ranks),
        "ssm_alpha.weight": (shape.width, shape.ranks),
        "ssm_norm.weight": (shape.state,),
        "ssm_out.weight": (values, shape.width),
    }


def _zeros(name: str, *size: int) -> Tensor:
    count = 1
    for side in size:
        count *= side
    return Tensor(name, size, array("f", bytes(4 * count)))
