"""How much memory serving a model takes: weights, cache, draft, projector, working memory.

An estimate from the GGUF header, before anything is loaded; not a measurement. How good it is,
against the embedded engine (llama.cpp b11549 on a CPU; a shipped model and models of chosen
shapes, windows from 256 to 32,768 tokens, one to four slots, f32 to q4_0, with and without flash
attention; `tests/serve/test_memory.py`): weights, cache and state are exact to the 0.01 MiB that
the engine prints; working memory is within 8 %, in 19 of 21 cases within 2 %. On a card the
driver and other kernels take more, which was not measured: the range says so. Not counted:
`--cache-ram` and checkpoints, which lie in the memory of the machine. In: headers and settings.
Out: a `MemoryEstimate`, and whether it fits a card.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from seatrial.core.errors import UserError
from seatrial.serve.gguf import GgufHeader, TensorInfo
from seatrial.serve.layers import Layer, Layers, layers_of

CACHE_TYPES: dict[str, tuple[int, int]] = {
    "f32": (1, 4),
    "f16": (1, 2),
    "bf16": (1, 2),
    "q8_0": (32, 34),
    "q5_1": (32, 24),
    "q5_0": (32, 22),
    "q4_1": (32, 20),
    "q4_0": (32, 18),
    "iq4_nl": (32, 18),
}
"""Type of a cache -> (numbers, bytes) of one block."""
STEP_TOKENS = 256
"""llama.cpp rounds the window of a slot up to this."""
DEFAULT_BATCH_TOKENS = 512
MARGIN_BYTES = 1 << 30
"""What llama-server itself leaves free on a card (`--fit-target`, 1024 MiB)."""
DRIVER_BYTES = (0, 400 << 20, 1 << 30)
"""Low, expected and high: what driver and kernels take on a card; not measured."""
WORKING_ERROR = 0.10
WORKING_ERROR_ON_CARD = 0.50

Where = Literal["card", "host"]
Verdict = Literal["fits", "tight", "too_large", "unknown"]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One use of memory."""

    name: str
    """`weights`, `cache`, `state`, `working memory`, `driver`; of a draft, with `draft ` before."""
    where: Where
    low_bytes: int
    likely_bytes: int
    high_bytes: int


class MemoryEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """What will be taken, with its range."""

    parts: tuple[Part, ...]
    assumed: tuple[str, ...] = ()
    """What the headers do not say and was assumed, a sentence each."""
    trained_window_tokens: int | None = None
    """What llama-server gives a request at most, whatever the memory allows."""

    def total(self, where: Where) -> tuple[int, int, int]:
        """Low, likely and high bytes of all parts there."""
        own = [part for part in self.parts if part.where == where]
        return (
            sum(part.low_bytes for part in own),
            sum(part.likely_bytes for part in own),
            sum(part.high_bytes for part in own),
        )

    def likely(self, name: str) -> int:
        """Likely bytes of the parts of that name, wherever they are."""
        return sum(part.likely_bytes for part in self.parts if part.name == name)


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """The estimate beside a card."""

    verdict: Verdict
    said: str
    """One sentence for a person."""


def estimate(
    header: GgufHeader,
    *,
    window_tokens: int,
    slots: int = 1,
    cache_type_k: str = "f16",
    cache_type_v: str = "f16",
    draft: GgufHeader | None = None,
    projector: GgufHeader | None = None,
    gpu_layers: int | None = None,
    flash_attention: bool = True,
    shared_pool: bool = False,
    batch_tokens: int = DEFAULT_BATCH_TOKENS,
    full_sliding: bool = False,
) -> MemoryEstimate:
    """What serving `header` takes.

    `window_tokens` are those of one request; with `shared_pool` all slots together have no more.
    `gpu_layers`: None = all on the card, 0 = none. `full_sliding` = `--swa-full`.

    Raises:
        UserError: a number or a type of cache that no server takes.
    """
    if window_tokens < 1 or slots < 1 or batch_tokens < 1:
        raise UserError("window, slots and batch begin at 1", hint="give positive numbers")
    if gpu_layers is not None and gpu_layers < 0:
        raise UserError("layers on the card begin at 0", hint="leave it out for all of them")
    row = (_block(cache_type_k), _block(cache_type_v))
    room = _Room(_padded(window_tokens), slots, shared_pool, batch_tokens, full_sliding)
    model = _model(header, row, room, gpu_layers, flash_attention)
    parts, assumed = list(model.parts), list(model.assumed)
    if draft is not None:
        f16 = (CACHE_TYPES["f16"], CACHE_TYPES["f16"])
        other = _model(draft, f16, room, gpu_layers, flash_attention)
        parts += [msgspec.structs.replace(one, name=f"draft {one.name}") for one in other.parts]
        assumed += [f"draft: {one}" for one in other.assumed]
    on_card = gpu_layers is None or gpu_layers > 0
    if projector is not None:
        weights, said = _weight_bytes(projector)
        # Its working memory depends on the picture: between nothing and as much as its weights.
        parts.append(_part("projector", "card" if on_card else "host", weights, 0.0, 1.0))
        assumed += [f"projector: {one}" for one in said]
    if on_card:
        low, likely, high = DRIVER_BYTES
        driver = Part(
            name="driver", where="card", low_bytes=low, likely_bytes=likely, high_bytes=high
        )
        parts.append(driver)
        assumed.append("driver and kernels of the card: 400 MiB, not measured")
    return MemoryEstimate(
        parts=tuple(parts),
        assumed=tuple(assumed),
        trained_window_tokens=header.trained_window_tokens,
    )


def beside_card(found: MemoryEstimate, card_bytes: int) -> Fit:
    """Whether it fits a card of that size, with what llama-server leaves free."""
    low, likely, high = found.total("card")
    free = card_bytes - MARGIN_BYTES
    numbers = f"{_gib(likely)} likely ({_gib(low)} to {_gib(high)}), the card has "
    numbers += f"{_gib(card_bytes)}, of which llama-server leaves {_gib(MARGIN_BYTES)} free"
    if high <= free:
        return Fit(verdict="fits", said=f"fits: {numbers}")
    if low > free:
        return Fit(verdict="too_large", said=f"does not fit: {numbers}")
    word = "may just fit" if likely <= free else "will probably not fit"
    return Fit(verdict="tight", said=f"{word}: {numbers}")


class _Room(msgspec.Struct, frozen=True):
    """The cells that the cache has."""

    window: int
    slots: int
    shared: bool
    batch: int
    full_sliding: bool

    @property
    def streams(self) -> int:
        return 1 if self.shared else self.slots

    def cells(self, layer: Layer) -> int:
        """Cells of one stream of one layer (llama-kv-cache-iswa.cpp)."""
        if layer.sliding_tokens is None or self.full_sliding:
            return self.window
        reach = layer.sliding_tokens * (self.slots if self.shared else 1) + self.batch
        return _padded(min(self.window, reach))


_Row = tuple[tuple[int, int], tuple[int, int]]


def _model(
    header: GgufHeader, row: _Row, room: _Room, gpu_layers: int | None, flash: bool
) -> MemoryEstimate:
    """Weights, cache, state and working memory of one model."""
    known = layers_of(header)
    blocks = header.number(f"{header.architecture}.block_count") or 0
    first = 0 if gpu_layers is None else max(blocks + 1 - gpu_layers, 0)
    on_card = gpu_layers is None or gpu_layers > 0
    parts, assumed = _weights(header, first, on_card)
    if known is None:
        assumed.append("the header does not describe the layers: cache and work are not counted")
        return MemoryEstimate(parts=tuple(parts), assumed=tuple(assumed))
    assumed += known.assumed
    for where in ("card", "host"):
        own = [
            layer
            for index, layer in enumerate(known.layers)
            if (where == "card") == (on_card and index >= first)
        ]
        parts += _kept(own, known, row, room, where)
    parts.append(_working(header, known, room, flash=flash, on_card=on_card))
    return MemoryEstimate(parts=tuple(parts), assumed=tuple(assumed))


def _kept(own: list[Layer], known: Layers, row: _Row, room: _Room, where: Where) -> list[Part]:
    """Cache and state of these layers."""
    cache = sum(_cache_bytes(layer, row, room) for layer in own)
    state = sum(4 * layer.state_values for layer in own) * room.slots
    low = cache
    if known.sliding_unknown is not None:
        slid = [
            msgspec.structs.replace(layer, sliding_tokens=known.sliding_unknown) for layer in own
        ]
        low = sum(_cache_bytes(layer, row, room) for layer in slid)
    parts = []
    if cache:
        cached = Part(
            name="cache", where=where, low_bytes=low, likely_bytes=cache, high_bytes=cache
        )
        parts.append(cached)
    if state:
        parts.append(_part("state", where, state, 0.0, 0.0))
    return parts


def _cache_bytes(layer: Layer, row: _Row, room: _Room) -> int:
    cells = room.cells(layer) * room.streams
    (k_numbers, k_bytes), (v_numbers, v_bytes) = row
    per_cell = -(-layer.k_values // k_numbers) * k_bytes
    per_cell += -(-layer.v_values // v_numbers) * v_bytes
    return cells * per_cell


def _working(header: GgufHeader, known: Layers, room: _Room, *, flash: bool, on_card: bool) -> Part:
    """The compute buffer: the widest step of a batch, and who may look at whom."""
    arch = header.architecture
    numbers = {
        key: header.number(f"{arch}.{key}") or 0
        for key in (
            "embedding_length",
            "feed_forward_length",
            "expert_feed_forward_length",
            "expert_used_count",
            "attention.head_count",
            "attention.key_length",
        )
    }
    width, heads = numbers["embedding_length"], numbers["attention.head_count"]
    hidden = numbers["feed_forward_length"]
    experts = numbers["expert_used_count"] * numbers["expert_feed_forward_length"]
    query = heads * (numbers["attention.key_length"] or (width // heads if heads else 0))
    inner = max(hidden, experts)
    # What is no wider than a row of the model is put where such a row was before.
    steps = (3 * inner if inner > width else 0, 2 * query if query > width else 0)
    step = max(*steps, _recurrent_step(header)) + 5 * width
    step += numbers["expert_used_count"] * width
    reaches = {room.cells(layer) for layer in known.layers if layer.k_values}
    each = 2 if flash else 4 * heads + 4
    widest = max(reaches, default=0)
    seen = sum(reaches) * (2 if flash else 4) + (0 if flash else widest * (each - 4))
    likely = room.batch * (4 * step + seen)
    error = WORKING_ERROR_ON_CARD if on_card else WORKING_ERROR
    vocabulary = _vocabulary(header)
    return Part(
        name="working memory",
        where="card" if on_card else "host",
        low_bytes=int(likely * (1 - error)),
        likely_bytes=likely,
        # Builds before b11000 or so also keep the scores of every word for the whole batch.
        high_bytes=int(likely * (1 + error)) + room.batch * 4 * vocabulary,
    )


def _recurrent_step(header: GgufHeader) -> int:
    """Numbers for each token that a recurrent layer has in hand at once."""
    arch = header.architecture
    inner, state, groups = (
        header.number(f"{arch}.ssm.{key}") or 0
        for key in ("inner_size", "state_size", "group_count")
    )
    return 4 * inner + 2 * groups * state


def _vocabulary(header: GgufHeader) -> int:
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    count = getattr(tokens, "count", None)
    return count if isinstance(count, int) else 0


def _weights(header: GgufHeader, first: int, on_card: bool) -> tuple[list[Part], list[str]]:
    """Weights on the card and in the memory of the machine."""
    total, assumed = _weight_bytes(header)
    if not on_card:
        return [_part("weights", "host", total, 0.0, 0.0)], assumed
    if header.split_count > 1 or not header.tensors:
        if first > 0:
            assumed.append("the layers on the card were not told apart: all weights were counted")
        return [_part("weights", "card", total, 0.0, 0.0)], assumed
    tied = not any(tensor.name.startswith("output.") for tensor in header.tensors)
    card = sum(_bytes(one) for one in header.tensors if _on_card(one, first, tied))
    host = sum(_bytes(one) for one in header.tensors if not _on_card(one, first, False))
    parts = [_part("weights", "card", card, 0.0, 0.0)]
    return parts + ([_part("weights", "host", host, 0.0, 0.0)] if host else []), assumed


def _on_card(tensor: TensorInfo, first: int, tied: bool) -> bool:
    """Layers from `first` on and the output; the table of words stays in the machine's memory."""
    block = re.match(r"blk\.(\d+)\.", tensor.name)
    if block is not None:
        return int(block.group(1)) >= first
    return tied or not tensor.name.startswith(("token_embd.", "per_layer_token_embd."))


def _weight_bytes(header: GgufHeader) -> tuple[int, list[str]]:
    if header.split_count > 1:
        return _split_bytes(header)
    if header.tensors and all(tensor.size_bytes is not None for tensor in header.tensors):
        return sum(_bytes(tensor) for tensor in header.tensors), []
    size = max(header.file_bytes - header.data_offset, 0)
    return size, ["a type of tensor is unknown: the size of the file was taken"]


def _split_bytes(header: GgufHeader) -> tuple[int, list[str]]:
    """All parts of a model that lies in several files."""
    name = header.path.name
    match = re.fullmatch(r"(.+)-\d{5}-of-(\d{5})\.gguf", name)
    if match is not None:
        stem, count = match.group(1), int(match.group(2))
        paths = [
            header.path.with_name(f"{stem}-{at:05}-of-{count:05}.gguf")
            for at in range(1, count + 1)
        ]
        if all(path.is_file() for path in paths):
            return sum(path.stat().st_size for path in paths), []
    size = header.file_bytes * header.split_count
    return size, [f"only one of {header.split_count} files is here: as many of its size were taken"]


def _bytes(tensor: TensorInfo) -> int:
    return tensor.size_bytes or 0


def _part(name: str, where: Where, size: int, below: float, above: float) -> Part:
    return Part(
        name=name,
        where=where,
        low_bytes=int(size * (1 - below)),
        likely_bytes=size,
        high_bytes=int(size * (1 + above)),
    )


def _block(kind: str) -> tuple[int, int]:
    block = CACHE_TYPES.get(kind.lower())
    if block is None:
        raise UserError(
            f"no such type of cache: {kind[:40]}", hint=f"one of {', '.join(CACHE_TYPES)}"
        )
    return block


def _padded(tokens: int) -> int:
    return -(-tokens // STEP_TOKENS) * STEP_TOKENS


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB" if size >= 1 << 30 else f"{size / (1 << 20):.0f} MiB"
