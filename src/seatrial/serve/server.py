"""What a llama.cpp server says about itself: `/props`, `/slots`, `/lora-adapters`.

Statements, not proof: `proof` holds them against the process and the files. In: a server.
Out: a `Statement`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from seatrial.chat.failures import RefusedError
from seatrial.chat.transport import Transport
from seatrial.core.errors import FormatError
from seatrial.core.schema import sha256_hex

_HINT = "give the root URL of a llama.cpp server"

# Properties of a single request that stand among the sampler's defaults.
_NOT_SAMPLER = frozenset({"stream", "lora", "chat_format", "generation_prompt", "seed"})


class _Defaults(msgspec.Struct):
    n_ctx: int
    params: dict[str, Any] = {}


class _Props(msgspec.Struct):
    model_path: str
    total_slots: int
    default_generation_settings: _Defaults
    chat_template: str = ""
    build_info: str = ""
    model_ftype: str = ""


class _Slot(msgspec.Struct):
    n_ctx: int


class ServedAdapter(msgspec.Struct, frozen=True):
    """A LoRA as the server lists it."""

    path: str
    scale: float


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """The server's word about itself."""

    model_path: str
    quantization: str
    build: str
    template: str
    template_sha256: str
    window_tokens: int
    """Of one slot, by `/props`."""
    slot_windows: tuple[int, ...] | None
    """Of every slot, by `/slots`; None = that endpoint is off."""
    slots: int
    adapters: tuple[ServedAdapter, ...]
    sampler: dict[str, Any]


async def statement(server: Transport) -> Statement:
    """Ask the server.

    Raises:
        EngineError: no answer.
        FormatError: it answers, but not as llama.cpp does.
    """
    try:
        props = await server.get_json("/props", _Props)
    except FormatError as error:
        raise FormatError(f"not a llama.cpp server: {error.message}", hint=_HINT) from None
    settings = props.default_generation_settings
    return Statement(
        model_path=props.model_path,
        quantization=props.model_ftype,
        build=props.build_info,
        template=props.chat_template,
        template_sha256=sha256_hex(props.chat_template.encode()),
        window_tokens=settings.n_ctx,
        slot_windows=await _slot_windows(server),
        slots=props.total_slots,
        adapters=tuple(await server.get_json("/lora-adapters", list[ServedAdapter])),
        sampler={key: value for key, value in settings.params.items() if key not in _NOT_SAMPLER},
    )


async def _slot_windows(server: Transport) -> tuple[int, ...] | None:
    try:
        slots = await server.get_json("/slots", list[_Slot])
    except RefusedError:  # started with --no-slots
        return None
    return tuple(slot.n_ctx for slot in slots)
