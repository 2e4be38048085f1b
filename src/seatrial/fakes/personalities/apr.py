"""`apr serve` of aprender: one model from a file, and imitations of other protocols.

Shapes: paiml/aprender crates/aprender-serve/src/api and crates/apr-cli/src/commands/serve. In:
exchanges. Out: `PERSONA`.
"""

from __future__ import annotations

import time
from typing import Any

from aiohttp.web import StreamResponse

from seatrial.fakes.personalities import llamacpp, openai_wire
from seatrial.fakes.personalities.exchange import Exchange
from seatrial.fakes.personalities.machine import Machine
from seatrial.fakes.personalities.persona import Handler, Persona, Reply
from seatrial.fakes.personalities.sampling import Sampling

_VERSION = "0.70.2"


def error(_status: int, message: str) -> dict[str, Any]:
    return {"error": message}


async def index(exchange: Exchange) -> StreamResponse:
    return await exchange.json({"service": "apr serve", "version": _VERSION, "routes": _routes()})


async def health(exchange: Exchange) -> StreamResponse:
    told = {"status": "ok", "version": _VERSION, "compute_mode": "gpu", "model_loaded": True}
    return await exchange.json({**told, "uptime_sec": time.monotonic()})


async def models(exchange: Exchange) -> StreamResponse:
    row = {
        "id": exchange.machine.name,
        "object": "model",
        "created": 1795285698,
        "owned_by": "realizar",
    }
    return await exchange.json({"object": "list", "data": [row]})


async def described(exchange: Exchange) -> StreamResponse:
    machine = exchange.machine
    return await exchange.json(
        {
            "id": machine.name,
            "name": llamacpp.file_name(machine.settings),
            "format": "gguf",
            "size_bytes": 4_280_404_480,
            "quantization": machine.settings.quantization,
            "context_length": machine.declared_window,
            "loaded": True,
        }
    )


async def version(exchange: Exchange) -> StreamResponse:
    return await exchange.json({"version": _VERSION})


async def tags(exchange: Exchange) -> StreamResponse:
    machine = exchange.machine
    details = {"format": "gguf", "quantization_level": machine.settings.quantization}
    row = {"name": machine.name, "model": machine.name, "size": 4_280_404_480, "details": details}
    return await exchange.json({"models": [row]})


async def missing(exchange: Exchange) -> StreamResponse:
    told = "Route not found. Available routes are listed in `routes`."
    return await exchange.json({"error": "not_found", "message": told, "routes": _routes()}, 404)


def _routes() -> list[str]:
    return [f"{method} {path}" for method, path in _HANDLERS]


def _extra(machine: Machine, _reply: Reply) -> dict[str, Any]:
    return {"used_gpu": "cpu_fallback" not in machine.faults}


_HANDLERS: dict[tuple[str, str], Handler] = {
    ("GET", "/"): index,
    ("GET", "/health"): health,
    ("GET", "/v1/models"): models,
    ("GET", "/realize/model"): described,
    ("GET", "/api/version"): version,
    ("GET", "/api/tags"): tags,
    ("POST", "/v1/chat/completions"): openai_wire.chat,
    ("POST", "/v1/completions"): openai_wire.completions,
}
PERSONA = Persona(
    id="apr",
    model="/models/harbour-4b-q8_0.gguf",
    handlers=_HANDLERS,
    name_of=llamacpp.file_name,
    error=error,
    missing=missing,
    knobs={
        name: name for name in ("temperature top_p top_k repeat_penalty repeat_last_n seed").split()
    },
    sampling=Sampling(temperature=0.7, top_p=1.0, min_p=0.0),
    output_cap_tokens=256,
    overflow="apr",
    think_key=None,
    reports_cached=False,
    called_content="",
    whole_calls=True,
    echoes_model=True,
    forces_calls=False,
    extra=_extra,
)
