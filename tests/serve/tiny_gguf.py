"""A GGUF writer of a few lines, and a tiny model of random weights that llama.cpp loads.

The model says nothing sensible; it has a real tokenizer, template and window, loads in
milliseconds and gives the same bytes for the same seed, so tests of the engine need no shipped
model and no package but the engine itself.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
"""Value types of the format."""

ALIGNMENT = 32
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TAGS = ("<tool_call>", "</tool_call>", "<think>", "</think>")

_PACK = {
    U8: "<B",
    I8: "<b",
    U16: "<H",
    I16: "<h",
    U32: "<I",
    I32: "<i",
    F32: "<f",
    BOOL: "<?",
    U64: "<Q",
    I64: "<q",
    F64: "<d",
}


@dataclass(frozen=True)
class Tensor:
    """An F32 tensor; `shape` as GGUF has it, the fastest dimension first."""

    name: str
    shape: tuple[int, ...]
    values: array[float]


def string(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(data)) + data


def value(kind: int, item: object) -> bytes:
    if kind == STRING:
        return string(item)
    if kind == ARRAY:
        inner, items = item
        return struct.pack("<IQ", inner, len(items)) + b"".join(value(inner, one) for one in items)
    return struct.pack(_PACK[kind], item)


def gguf_bytes(
    metadata: Mapping[str, tuple[int, object]], tensors: Sequence[Tensor] = (), version: int = 3
) -> bytes:
    """A whole file. `metadata` maps a key to (type, value); an array's value is (type, items)."""
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    for key, (kind, item) in metadata.items():
        head += string(key) + struct.pack("<I", kind) + value(kind, item)
    data = b""
    for tensor in tensors:
        head += string(tensor.name) + struct.pack("<I", len(tensor.shape))
        head += struct.pack(f"<{len(tensor.shape)}Q", *tensor.shape)
        head += struct.pack("<IQ", 0, len(data))
        data += _padded(tensor.values.tobytes())
    return _padded(head) + data


def write_tiny_model(
    path: Path, *, seed: int = 0, context: int = 2048, chat_template: str = CHAT_TEMPLATE
) -> Path:
    """Write the tiny model (about 120 KB) and return its path."""
    pieces = _pieces()
    metadata = {
        **_network_keys(context, len(pieces)),
        **_tokenizer_keys(pieces, chat_template),
    }
    path.write_bytes(gguf_bytes(metadata, _network(seed, len(pieces))))
    return path


def write_tiny_adapter(path: Path, *, seed: int = 0, rank: int = 2) -> Path:
    """Write a LoRA that fits the tiny model."""
    metadata = {
        "general.architecture": (STRING, "qwen3"),
        "general.type": (STRING, "adapter"),
        "adapter.type": (STRING, "lora"),
        "adapter.lora.alpha": (F32, float(4 * rank)),
    }
    random = Random(f"adapter {seed}")
    tensors = [
        _random("blk.0.ffn_up.weight.lora_a", (_WIDTH, rank), random, 0.5),
        _random("blk.0.ffn_up.weight.lora_b", (rank, _HIDDEN), random, 0.5),
    ]
    path.write_bytes(gguf_bytes(metadata, tensors))
    return path


_WIDTH, _HIDDEN, _HEADS, _KV_HEADS, _HEAD_WIDTH = 32, 64, 2, 1, 16


def _network_keys(context: int, vocab: int) -> dict[str, tuple[int, object]]:
    return {
        "general.architecture": (STRING, "qwen3"),
        "general.type": (STRING, "model"),
        "general.name": (STRING, "tiny"),
        "general.file_type": (U32, 0),
        "qwen3.context_length": (U32, context),
        "qwen3.embedding_length": (U32, _WIDTH),
        "qwen3.block_count": (U32, 1),
        "qwen3.feed_forward_length": (U32, _HIDDEN),
        "qwen3.attention.head_count": (U32, _HEADS),
        "qwen3.attention.head_count_kv": (U32, _KV_HEADS),
        "qwen3.attention.key_length": (U32, _HEAD_WIDTH),
        "qwen3.attention.value_length": (U32, _HEAD_WIDTH),
        "qwen3.attention.layer_norm_rms_epsilon": (F32, 1e-6),
        "qwen3.rope.freq_base": (F32, 10_000.0),
        "qwen3.vocab_size": (U32, vocab),
    }


def _tokenizer_keys(pieces: list[str], chat_template: str) -> dict[str, tuple[int, object]]:
    kinds = [3 if piece in CONTROL else 4 if piece in TAGS else 1 for piece in pieces]
    return {
        "tokenizer.ggml.model": (STRING, "gpt2"),
        "tokenizer.ggml.pre": (STRING, "tekken"),
        "tokenizer.ggml.tokens": (ARRAY, (STRING, pieces)),
        "tokenizer.ggml.token_type": (ARRAY, (I32, kinds)),
        "tokenizer.ggml.merges": (ARRAY, (STRING, _MERGES)),
        "tokenizer.ggml.bos_token_id": (U32, pieces.index("<|endoftext|>")),
        "tokenizer.ggml.padding_token_id": (U32, pieces.index("<|endoftext|>")),
        "tokenizer.ggml.eos_token_id": (U32, pieces.index("<|im_end|>")),
        "tokenizer.ggml.add_bos_token": (BOOL, False),
        "tokenizer.chat_template": (STRING, chat_template),
    }


_MERGES = ["t h", "th e", "i n", "e r", "a n"]


def _pieces() -> list[str]:
    """The 256 bytes in GPT-2's spelling, a few merges, the markers, padding to rows of 32."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = (byte for byte in range(256) if byte not in shown)
    letters = [chr(byte) for byte in shown]
    letters += [chr(256 + index) for index, _ in enumerate(hidden)]
    pieces = [*letters, *(merge.replace(" ", "") for merge in _MERGES), *CONTROL, *TAGS]
    return pieces + [f"<unused{index}>" for index in range(-len(pieces) % 32)]


def _network(seed: int, vocab: int) -> list[Tensor]:
    random = Random(seed)
    query, key = _HEADS * _HEAD_WIDTH, _KV_HEADS * _HEAD_WIDTH
    return [
        _random("token_embd.weight", (_WIDTH, vocab), random, 1.0),
        _ones("blk.0.attn_norm.weight", _WIDTH),
        _random("blk.0.attn_q.weight", (_WIDTH, query), random),
        _random("blk.0.attn_k.weight", (_WIDTH, key), random),
        _random("blk.0.attn_v.weight", (_WIDTH, key), random),
        _random("blk.0.attn_output.weight", (query, _WIDTH), random),
        _ones("blk.0.attn_q_norm.weight", _HEAD_WIDTH),
        _ones("blk.0.attn_k_norm.weight", _HEAD_WIDTH),
        _ones("blk.0.ffn_norm.weight", _WIDTH),
        _random("blk.0.ffn_gate.weight", (_WIDTH, _HIDDEN), random),
        _random("blk.0.ffn_up.weight", (_WIDTH, _HIDDEN), random),
        _random("blk.0.ffn_down.weight", (_HIDDEN, _WIDTH), random),
        _ones("output_norm.weight", _WIDTH),
        # Not tied to the embedding: a tied random model only repeats its last token.
        _random("output.weight", (_WIDTH, vocab), random, 0.5),
    ]


def _random(name: str, shape: tuple[int, ...], random: Random, spread: float = 0.3) -> Tensor:
    count = shape[0] * shape[1]
    return Tensor(name, shape, array("f", (random.gauss(0.0, spread) for _ in range(count))))


def _ones(name: str, width: int) -> Tensor:
    return Tensor(name, (width,), array("f", [1.0]) * width)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGNMENT)
