"""What each layer of a model keeps in memory for a conversation, read from its GGUF header.

Three kinds: full attention keeps every token, sliding attention keeps the last few, a recurrent
layer keeps a state of fixed size. The tensor table says which is which and how wide; where it
does not, the metadata do; what neither says is assumed to be full attention, the largest, and
said. Sources: llama.cpp src/llama-hparams.cpp, llama-kv-cache-iswa.cpp, src/models/*.cpp;
checked against the buffers of build b11549. In: a `GgufHeader`. Out: `Layers`.
"""

from __future__ import annotations

import re

import msgspec

from seatrial.serve.gguf import GgufArray, GgufHeader, TensorInfo

PERIODS = {
    "gemma2": 2,
    "gemma3": 6,
    "gemma3n": 5,
    "gpt-oss": 2,
    "cohere2": 4,
    "llama4": 4,
    "exaone4": 4,
    "olmo2": 4,
    "afmoe": 4,
    "plamo3": 8,
}
"""Every n-th layer is full attention, the others slide; in the code of llama.cpp, not in files."""
RECURRENT_PERIODS = {"qwen3next": 4, "qwen35": 4, "qwen35moe": 4}
"""Every n-th layer is full attention, the others are recurrent, when the file does not say."""
LLAMA4_CHUNK_TOKENS = 8192

_BLOCK = re.compile(r"blk\.(\d+)\.(.+)")
_STATE = ("ssm_", "shortconv.", "time_mix_")


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """What one layer keeps."""

    k_values: int = 0
    """Numbers of K for each token."""
    v_values: int = 0
    sliding_tokens: int | None = None
    """It looks back only so far; None = over the whole window."""
    state_values: int = 0
    """Numbers of a state of fixed size, for each slot, in 32 bits."""


class Layers(msgspec.Struct, frozen=True, kw_only=True):
    """All layers that take part in a generation."""

    layers: tuple[Layer, ...]
    assumed: tuple[str, ...] = ()
    """What the header does not say and was assumed, a sentence each."""
    sliding_unknown: int | None = None
    """The file has a sliding window, and nobody knows for which layers: all were taken as full."""


def layers_of(header: GgufHeader) -> Layers | None:
    """The layers of a model; None = the header does not even say how many there are."""
    reader = _Reader(header)
    if reader.count <= 0 or reader.heads <= 0:
        return None
    slides, unknown = _sliding(reader)
    shared = reader.number("attention.shared_kv_layers") or 0
    keeping = reader.count - shared
    layers = tuple(
        _layer(reader, index, slides[index], keeps=index < keeping) for index in range(reader.count)
    )
    return Layers(layers=layers, assumed=tuple(reader.assumed), sliding_unknown=unknown)


class _Reader:
    """The keys of one architecture, and the tensors by layer."""

    def __init__(self, header: GgufHeader) -> None:
        self.header = header
        self.arch = header.architecture or ""
        self.assumed: list[str] = []
        drafting = self.number("nextn_predict_layers") or 0
        self.count = (self.number("block_count") or 0) - drafting
        self.width = self.number("embedding_length") or 0
        self.heads = max(self.each("attention.head_count", 0) or [0])
        self.tensors: dict[int, dict[str, TensorInfo]] = {}
        for tensor in header.tensors:
            match = _BLOCK.fullmatch(tensor.name)
            if match is not None:
                self.tensors.setdefault(int(match.group(1)), {})[match.group(2)] = tensor

    def number(self, key: str) -> int | None:
        value = self.header.number(f"{self.arch}.{key}")
        return value if value is not None and value >= 0 else None

    def each(self, key: str, default: int) -> list[int]:
        """One number for each layer: from an array, or the same for all."""
        value = self.header.metadata.get(f"{self.arch}.{key}")
        if isinstance(value, GgufArray):
            head = [int(one) for one in value.head if isinstance(one, (int, float))]
            if len(head) < self.count and head:
                self.assumed.append(f"{key} repeats after the {len(head)} layers that were read")
            return _repeated(head, self.count) if head else [default] * self.count
        number = self.number(key)
        return [default if number is None else number] * max(self.count, 1)


def _repeated(head: list[int], count: int) -> list[int]:
    """The list at that length, by the shortest period that explains it."""
    known = head[:count]
    period = next(
        step
        for step in range(1, len(known) + 1)
        if all(known[at] == known[at - step] for at in range(step, len(known)))
    )
    return [known[at] if at < len(known) else known[at % period] for at in range(count)]


def _sliding(reader: _Reader) -> tuple[list[int | None], int | None]:
    """For each layer how far it looks back, and the window of which nobody knows the layers."""
    window = reader.number("attention.sliding_window")
    if reader.arch == "llama4" and window != 0:
        window = LLAMA4_CHUNK_TOKENS
    full: list[int | None] = [None] * reader.count
    if not window:
        return full, None
    key = f"{reader.arch}.attention.sliding_window_pattern"
    pattern = reader.header.metadata.get(key)
    period = reader.number("attention.sliding_window_pattern") or PERIODS.get(reader.arch)
    if isinstance(pattern, GgufArray) and pattern.head:
        slides = reader.each("attention.sliding_window_pattern", 0)
        return [window if one else None for one in slides], None
    if period is None:
        reader.assumed.append(
            f"the file has a sliding window of {window} tokens and does not say for which layers: "
            "all were taken as full attention, the largest"
        )
        return full, window
    return [window if (at + 1) % period else None for at in range(reader.count)], None


def _layer(reader: _Reader, index: int, sliding: int | None, *, keeps: bool) -> Layer:
    state = _state_values(reader) if _is_recurrent(reader, index) else 0
    if not keeps or not _has_attention(reader, index):
        return Layer(state_values=state)
    k_values, v_values = _widths(reader, index, sliding)
    return Layer(k_values=k_values, v_values=v_values, sliding_tokens=sliding, state_values=state)


def _is_recurrent(reader: _Reader, index: int) -> bool:
    own = reader.tensors.get(index)
    if own:
        return any(name.startswith(_STATE) for name in own)
    if _state_values(reader) == 0:
        return False
    return not _has_attention(reader, index)


def _has_attention(reader: _Reader, index: int) -> bool:
    own = reader.tensors.get(index)
    if own:
        split = any(name.startswith(("attn_k.", "attn_kv_a_mqa.", "attn_k_b.")) for name in own)
        fused = "attn_qkv.weight" in own and not any(name.startswith(_STATE) for name in own)
        # A layer that shares the cache of an earlier one may have no K of its own.
        return split or fused or "attn_q.weight" in own
    period = reader.number("full_attention_interval") or RECURRENT_PERIODS.get(reader.arch)
    if period:
        return (index + 1) % period == 0
    if _state_values(reader) and f"{reader.arch}.attention.head_count_kv" not in _keys(reader):
        return False
    return reader.each("attention.head_count_kv", reader.heads)[index] > 0


def _keys(reader: _Reader) -> frozenset[str]:
    return frozenset(reader.header.metadata)


def _widths(reader: _Reader, index: int, sliding: int | None) -> tuple[int, int]:
    """Numbers of K and of V for each token of one layer."""
    own = reader.tensors.get(index, {})
    latent = own.get("attn_kv_a_mqa.weight")
    if latent is not None and len(latent.shape) > 1 and _is_latent(reader):
        return latent.shape[1], 0
    k_tensor, v_tensor = own.get("attn_k.weight"), own.get("attn_v.weight")
    if k_tensor is not None and len(k_tensor.shape) > 1:
        k_values = k_tensor.shape[1]
        split = v_tensor is not None and len(v_tensor.shape) > 1
        return k_values, v_tensor.shape[1] if split and v_tensor else k_values
    heads = reader.each("attention.head_count_kv", reader.heads)[index]
    if reader.tensors.get(index) is None and _is_latent(reader):
        rank = reader.number("attention.kv_lora_rank") or 0
        return rank + (reader.number("rope.dimension_count") or 0), 0
    default = reader.width // reader.heads
    suffix = "_swa" if sliding and reader.number("attention.key_length_swa") else ""
    key = reader.number(f"attention.key_length{suffix}") or default
    value = reader.number(f"attention.value_length{suffix}") or default
    return heads * key, heads * value


def _is_latent(reader: _Reader) -> bool:
    """Whether llama.cpp keeps one compressed row for K and V together (MLA)."""
    return reader.number("attention.key_length_mla") is not None


def _state_values(reader: _Reader) -> int:
    """Numbers of the state of one recurrent layer: llama_hparams n_embd_r + n_embd_s."""
    cache = reader.number("shortconv.l_cache")
    if cache:
        return reader.width * (cache - 1)
    head = reader.number("wkv.head_size")
    if head:
        shifts = reader.number("token_shift_count") or 2
        return shifts * reader.width + reader.width * head
    inner, state = reader.number("ssm.inner_size") or 0, reader.number("ssm.state_size") or 0
    groups, kernel = reader.number("ssm.group_count") or 0, reader.number("ssm.conv_kernel") or 0
    return max(kernel - 1, 0) * (inner + 2 * groups * state) + state * inner
