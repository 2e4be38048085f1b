"""SGLang's OpenAI server: one model, and whatever name a request uses is repeated.

Shapes: sglang/srt/entrypoints. In: exchanges. Out: `PERSONA`.
"""

from __future__ import annotations

from typing import Any

from aiohttp.web import StreamResponse

from seatrial.fakes.personalities import openai_wire, vllm
from seatrial.fakes.personalities.exchange import Exchange
from seatrial.fakes.personalities.persona import Persona


def error(status: int, message: str) -> dict[str, Any]:
    if status == 401:
        return {"error": "Unauthorized"}
    kind = {404: "NotFoundError", 500: "InternalServerError"}.get(status, "BadRequestError")
    return {"object": "error", "message": message, "type": kind, "param": None, "code": status}


async def health(exchange: Exchange) -> StreamResponse:
    return await exchange.text("")


async def models(exchange: Exchange) -> StreamResponse:
    machine = exchange.machine
    row = {
        "id": machine.name,
        "object": "model",
        "created": 1795285698,
        "owned_by": "sglang",
        "root": machine.settings.model,
        "parent": None,
        "max_model_len": machine.declared_window,
    }
    return await exchange.json({"object": "list", "data": [row]})


async def model_info(exchange: Exchange) -> StreamResponse:
    path = exchange.machine.settings.model
    return await exchange.json(
        {
            "model_path": path,
            "tokenizer_path": path,
            "is_generation": True,
            "preferred_sampling_params": None,
            "weight_version": "default",
            "has_image_understanding": False,
            "has_audio_understanding": False,
        }
    )


async def server_info(exchange: Exchange) -> StreamResponse:
    machine = exchange.machine
    settings = machine.settings
    return await exchange.json(
        {
            "model_path": settings.model,
            "served_model_name": machine.name,
            "context_length": machine.declared_window,
            "device": "cpu" if "cpu_fallback" in machine.faults else "cuda",
            "dtype": "auto",
            "quantization": None,
            "kv_cache_dtype": "auto",
            "tool_call_parser": "qwen25" if settings.parses_calls else None,
            "reasoning_parser": "qwen3",
            "enable_cache_report": bool(settings.reports_cached),
            "disable_radix_cache": "cache_never_hits" in machine.faults,
            "sampling_defaults": "model",
            "max_running_requests": 64,
            "max_total_num_tokens": machine.declared_window * 4,
            "version": "0.5.9",
            "status": "ready",
        }
    )


async def missing(exchange: Exchange) -> StreamResponse:
    return await exchange.json({"detail": "Not Found"}, 404)


PERSONA = Persona(
    id="sglang",
    model="harbour-labs/harbour-4b",
    handlers={
        ("GET", "/health"): health,
        ("GET", "/v1/models"): models,
        ("GET", "/get_model_info"): model_info,
        ("GET", "/model_info"): model_info,
        ("GET", "/get_server_info"): server_info,
        ("GET", "/server_info"): server_info,
        ("POST", "/v1/chat/completions"): openai_wire.chat,
        ("POST", "/v1/completions"): openai_wire.completions,
    },
    name_of=vllm.same_name,
    error=error,
    missing=missing,
    knobs=vllm.KNOBS,
    sampling=vllm.PLAIN,
    overflow="sglang",
    headers={"Server": "uvicorn"},
    reports_cached=False,
    public_paths=frozenset({"/health"}),
    choice_fields={"logprobs": None, "matched_stop": None},
    message_fields={"reasoning_content": None, "tool_calls": None},
    body_fields={"metadata": {"weight_version": "default"}},
    echoes_model=True,
)
