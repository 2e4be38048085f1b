"""A server that speaks OpenAI's protocol, and of which nothing else is known.

In: exchanges. Out: `PERSONA`.
"""

from __future__ import annotations

from typing import Any

from aiohttp.web import StreamResponse

from seatrial.fakes.personalities import openai_wire, vllm
from seatrial.fakes.personalities.exchange import Exchange
from seatrial.fakes.personalities.persona import Persona


def error(status: int, message: str) -> dict[str, Any]:
    kind = "invalid_request_error" if status < 500 else "server_error"
    code = {401: "invalid_api_key", 404: "not_found"}.get(status)
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


async def models(exchange: Exchange) -> StreamResponse:
    machine = exchange.machine
    row = {
        "id": machine.name,
        "object": "model",
        "created": 1795285698,
        "owned_by": "system",
        "context_length": machine.declared_window,
    }
    return await exchange.json({"object": "list", "data": [row]})


async def missing(exchange: Exchange) -> StreamResponse:
    request = exchange.request
    return await exchange.refuse(404, f"Invalid URL ({request.method} {request.path})")


PERSONA = Persona(
    id="openai",
    model="harbour-4b",
    handlers={
        ("GET", "/v1/models"): models,
        ("POST", "/v1/chat/completions"): openai_wire.chat,
        ("POST", "/v1/completions"): openai_wire.completions,
    },
    name_of=vllm.same_name,
    error=error,
    missing=missing,
    knobs={
        name: name
        for name in ("temperature top_p presence_penalty frequency_penalty seed logit_bias").split()
    },
    sampling=vllm.PLAIN,
    overflow="openai",
    reports_cached=False,
)
