"""LM Studio: a desktop program; an unknown path answers 200, an unknown model is any model.

Shapes: lmstudio-ai/docs, REST API v0 and v1. In: exchanges. Out: `PERSONA`.
"""

from __future__ import annotations

from typing import Any

from aiohttp.web import StreamResponse

from seatrial.fakes.personalities import openai_wire, vllm
from seatrial.fakes.personalities.exchange import Exchange
from seatrial.fakes.personalities.machine import Machine
from seatrial.fakes.personalities.persona import Handler, Persona, Reply
from seatrial.fakes.personalities.sampling import Sampling

_BITS = {"Q8_0": 8, "Q4_K_M": 4, "Q4_0": 4, "F16": 16}


def error(status: int, message: str) -> dict[str, Any]:
    if status == 401:
        return {"error": {"message": message, "type": "invalid_request_error", "code": None}}
    return {"error": message}


def _names(machine: Machine) -> tuple[str, ...]:
    return (machine.name, *machine.settings.installed)


async def listed(exchange: Exchange) -> StreamResponse:
    """`/v1/models`: everything that is downloaded."""
    rows = [
        {"id": name, "object": "model", "owned_by": "organization_owner"}
        for name in _names(exchange.machine)
    ]
    return await exchange.json({"data": rows, "object": "list"})


async def models_v1(exchange: Exchange) -> StreamResponse:
    machine = exchange.machine
    return await exchange.json({"models": [_row(machine, name) for name in _names(machine)]})


def _row(machine: Machine, name: str) -> dict[str, Any]:
    settings = machine.settings
    own = name == machine.name
    key = settings.model if own else name
    variant = f"{key}@{settings.quantization.lower()}"
    config = {
        "context_length": machine.declared_window,
        "eval_batch_size": 512,
        "parallel": settings.slots,
        "flash_attention": True,
        "offload_kv_cache_to_gpu": "cpu_fallback" not in machine.faults,
    }
    in_memory = machine.weights == (settings.model if own else name)
    instance = [{"id": name, "config": config}] if in_memory else []
    bits = _BITS.get(settings.quantization, 4)
    return {
        "type": "llm",
        "publisher": key.partition("/")[0],
        "key": key,
        "display_name": key.rpartition("/")[2],
        "architecture": "qwen3",
        "quantization": {"name": settings.quantization, "bits_per_weight": bits},
        "size_bytes": 4_280_404_480,
        "params_string": "4B",
        "loaded_instances": instance,
        "max_context_length": settings.trained_window,
        "format": "gguf",
        "capabilities": {"vision": False, "trained_for_tool_use": True},
        "description": None,
        "variants": [variant],
        "selected_variant": variant,
    }


async def models_v0(exchange: Exchange) -> StreamResponse:
    machine = exchange.machine
    settings = machine.settings
    rows = []
    for name in _names(machine):
        in_memory = machine.weights == (settings.model if name == machine.name else name)
        row = {
            "id": name,
            "object": "model",
            "type": "llm",
            "publisher": name.partition("/")[0],
            "arch": "qwen3",
            "compatibility_type": "gguf",
            "quantization": settings.quantization,
            "state": "loaded" if in_memory else "not-loaded",
            "max_context_length": settings.trained_window,
            "capabilities": ["tool_use"],
        }
        if in_memory:
            row["loaded_context_length"] = machine.declared_window
        rows.append(row)
    return await exchange.json({"data": rows, "object": "list"})


async def chat(exchange: Exchange) -> StreamResponse:
    return await _loaded(exchange, openai_wire.chat)


async def text(exchange: Exchange) -> StreamResponse:
    return await _loaded(exchange, openai_wire.completions)


async def _loaded(exchange: Exchange, wire: Handler) -> StreamResponse:
    """A downloaded model is loaded when it is named; any other name gets what is in memory."""
    machine, asked = exchange.machine, exchange.body.get("model")
    if asked in machine.settings.installed:
        machine.weights = str(asked)
    elif asked in (machine.name, machine.settings.model):
        machine.weights = machine.settings.model
    return await wire(exchange)


async def greeting(exchange: Exchange) -> StreamResponse:
    return await exchange.json({"lmstudio": True})


async def missing(exchange: Exchange) -> StreamResponse:
    """It logs an error and answers 200 (lmstudio-bug-tracker#1323)."""
    request = exchange.request
    told = f"Unexpected endpoint or method. ({request.method} {request.path})"
    exchange.machine.log.append(f"[ERROR] {told}. Returning 200 anyway")
    return await exchange.json({"error": told})


def _extra(machine: Machine, reply: Reply) -> dict[str, Any]:
    """`stats` stays empty on the OpenAI endpoint; the fingerprint is the name."""
    return {"stats": {}, "system_fingerprint": machine.name}


async def chat_v0(exchange: Exchange) -> StreamResponse:
    """`/api/v0/chat/completions`: OpenAI's answer with numbers of its own."""
    return await _loaded(exchange, _chat_v0)


async def _chat_v0(exchange: Exchange) -> StreamResponse:
    return await openai_wire.chat(exchange, extra=_v0_extra)


def _v0_extra(machine: Machine, reply: Reply) -> dict[str, Any]:
    fast, slow = machine.speeds
    on_cpu = "cpu_fallback" in machine.faults
    stops = {"eos": "eosFound", "word": "stopStringFound", "limit": "maxPredictedTokensReached"}
    return {
        "stats": {
            "tokens_per_second": slow,
            "time_to_first_token": (reply.prompt_tokens - reply.cached_tokens) / fast,
            "generation_time": reply.completion_tokens / slow,
            "stop_reason": stops[reply.stop_type],
        },
        "model_info": {
            "arch": "qwen3",
            "quant": machine.settings.quantization,
            "format": "gguf",
            "context_length": machine.declared_window,
        },
        "runtime": {
            "name": f"llama.cpp-linux-x86_64-{'avx2' if on_cpu else 'nvidia-cuda12-avx2'}",
            "version": "2.8.0",
            "supported_formats": ["gguf"],
        },
    }


PERSONA = Persona(
    id="lm-studio",
    model="harbour-labs/harbour-4b",
    handlers={
        ("GET", "/v1/models"): listed,
        ("GET", "/api/v1/models"): models_v1,
        ("GET", "/api/v0/models"): models_v0,
        ("GET", "/lmstudio-greeting"): greeting,
        ("POST", "/v1/chat/completions"): chat,
        ("POST", "/v1/completions"): text,
        ("POST", "/api/v0/chat/completions"): chat_v0,
    },
    name_of=vllm.same_name,
    error=error,
    missing=missing,
    knobs={
        name: name
        for name in (
            "temperature top_p top_k presence_penalty frequency_penalty logit_bias repeat_penalty "
            "seed"
        ).split()
    },
    sampling=Sampling(temperature=0.8, top_k=40, top_p=0.95, min_p=0.05, repeat_penalty=1.1),
    overflow="lm-studio",
    headers={"X-Powered-By": "Express"},
    reports_cached=False,
    choice_fields={"logprobs": None},
    called_content="",
    extra=_extra,
)
