"""mlx_lm.server: lists a cache, echoes the request's model, loads what a request names.

Shapes: mlx_lm/server.py. In: exchanges. Out: `PERSONA`.
"""

from __future__ import annotations

import random
from typing import Any

from aiohttp.web import StreamResponse

from seatrial.fakes.personalities import openai_wire
from seatrial.fakes.personalities.exchange import Exchange
from seatrial.fakes.personalities.machine import Machine
from seatrial.fakes.personalities.persona import Persona, Settings
from seatrial.fakes.personalities.sampling import Sampling

_CACHED = ("Qwen/Qwen3-8B-MLX-4bit", "mlx-community/Qwen2.5-Coder-7B-Instruct-4bit")
_CREATED = 1795285698


def error(_status: int, message: str) -> dict[str, Any]:
    return {"error": message}


def path_name(settings: Settings) -> str:
    return settings.model


def cached_models(machine: Machine) -> tuple[str, ...]:
    """What lies in the shared cache."""
    listed = "lists_cache_first" in machine.faults
    return machine.settings.cached or (_CACHED if listed else ())


async def models(exchange: Exchange) -> StreamResponse:
    machine = exchange.machine
    cached = list(cached_models(machine))
    # A frozenset on the real server: its order is another one in every process.
    random.Random(id(machine)).shuffle(cached)
    rows = [
        {"id": name, "object": "model", "created": _CREATED} for name in [*cached, machine.name]
    ]
    return await exchange.json({"object": "list", "data": rows})


async def health(exchange: Exchange) -> StreamResponse:
    return await exchange.json({"status": "ok"})


async def chat(exchange: Exchange) -> StreamResponse:
    return await _loaded(exchange, openai_wire.chat)


async def text(exchange: Exchange) -> StreamResponse:
    return await _loaded(exchange, openai_wire.completions)


async def _loaded(exchange: Exchange, wire: Any) -> StreamResponse:  # noqa: ANN401
    """Load what the request names, as the real one does without a word."""
    machine = exchange.machine
    asked = str(exchange.body.get("model") or "default_model")
    if asked in ("default_model", machine.settings.model, machine.settings.alias):
        machine.weights = machine.settings.model
    elif asked in cached_models(machine):
        machine.weights = asked
    else:
        message = (
            f"404 Client Error. Repository Not Found for url: "
            f"https://huggingface.co/api/models/{asked}/revision/main."
        )
        return await exchange.refuse(404, message)
    response: StreamResponse = await wire(exchange)
    return response


async def missing(exchange: Exchange) -> StreamResponse:
    return await exchange.text("Not Found", 404)


PERSONA = Persona(
    id="mlx",
    model="/Users/me/models/harbour-4b-mlx",
    handlers={
        ("GET", "/v1/models*"): models,
        ("GET", "/health"): health,
        ("POST", "/v1/chat/completions"): chat,
        ("POST", "/chat/completions"): chat,
        ("POST", "/v1/completions"): text,
    },
    name_of=path_name,
    error=error,
    missing=missing,
    knobs={
        "temperature": "temperature",
        "top_p": "top_p",
        "top_k": "top_k",
        "min_p": "min_p",
        "repetition_penalty": "repeat_penalty",
        "repetition_context_size": "repeat_last_n",
        "presence_penalty": "presence_penalty",
        "frequency_penalty": "frequency_penalty",
        "xtc_probability": "xtc_probability",
        "xtc_threshold": "xtc_threshold",
        "logit_bias": "logit_bias",
        "seed": "seed",
    },
    sampling=Sampling(temperature=0.0, top_k=0, top_p=1.0, min_p=0.0, repeat_last_n=20),
    output_cap_tokens=512,
    overflow="unbounded",
    headers={"Server": "BaseHTTP/0.6 Python/3.12.11"},
    think_key="reasoning",
    fingerprint="0.30.7-0.30.3-macOS-26.1-arm64-arm-64bit-Mach-O-applegpu_g16s",
    message_fields={"reasoning": "", "tool_calls": []},
    delta_fields={"content": "", "reasoning": "", "tool_calls": []},
    called_content="",
    whole_calls=True,
    echoes_model=True,
    role_in_every_delta=True,
    forces_calls=False,
    token_ids=True,
)
