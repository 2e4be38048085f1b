"""llama.cpp's server, as a build of 2026 answers.

Shapes compared field by field with a real engine (b11549). In: exchanges. Out: `PERSONA`.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from aiohttp.web import StreamResponse

from seatrial.fakes.personalities import openai_wire
from seatrial.fakes.personalities.asking import chat_prompt
from seatrial.fakes.personalities.exchange import Exchange
from seatrial.fakes.personalities.llamacpp_completion import completion, out_of_range
from seatrial.fakes.personalities.llamacpp_numbers import KNOBS, settings_of, timings
from seatrial.fakes.personalities.machine import Machine
from seatrial.fakes.personalities.persona import (
    Persona,
    RefusedError,
    Reply,
    Settings,
)
from seatrial.fakes.personalities.template import TEMPLATE
from seatrial.fakes.personalities.tokens import VOCABULARY, pieces, token_id

BUILD = "b11549-5c1b1a7d2"


def error(status: int, message: str) -> dict[str, Any]:
    kinds = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error"}
    kind = kinds.get(status, "server_error")
    return {"error": {"code": status, "message": message, "type": kind}}


def file_name(settings: Settings) -> str:
    """The name of a model is that of its file."""
    return PurePosixPath(settings.model).name


async def health(exchange: Exchange) -> StreamResponse:
    return await exchange.json({"status": "ok"})


async def props(exchange: Exchange) -> StreamResponse:
    machine = exchange.machine
    template = "" if "template_missing" in machine.faults else TEMPLATE
    return await exchange.json(
        {
            "default_generation_settings": {
                "params": settings_of(machine, machine.sampling),
                "n_ctx": machine.declared_window,
            },
            "total_slots": slot_count(machine),
            "model_alias": machine.name,
            "model_ftype": machine.settings.quantization,
            "model_path": machine.weights,
            "modalities": {"vision": False, "video": False, "audio": False},
            "media_marker": "<__media__>",
            "endpoint_slots": True,
            "endpoint_props": False,
            "endpoint_metrics": False,
            "ui": True,
            "ui_settings": {},
            "chat_template": template,
            "chat_template_caps": _caps(machine),
            "bos_token": "<|endoftext|>",
            "eos_token": "<|im_end|>",
            "build_info": BUILD,
            "is_sleeping": False,
            "cors_proxy_enabled": False,
        }
    )


def slot_count(machine: Machine) -> int:
    return 4 if "overflow_500_pool" in machine.faults else machine.settings.slots


async def slots(exchange: Exchange) -> StreamResponse:
    machine = exchange.machine
    speculative = machine.settings.draft_acceptance is not None
    return await exchange.json(
        [
            {
                "id": number,
                "n_ctx": machine.declared_window,
                "speculative": speculative,
                "is_processing": number < machine.generating,
            }
            for number in range(slot_count(machine))
        ]
    )


async def models(exchange: Exchange) -> StreamResponse:
    machine = exchange.machine
    name = machine.name
    row = {
        "id": name,
        "aliases": [name],
        "tags": [],
        "object": "model",
        "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
        "created": 1795285698,
        "owned_by": "llamacpp",
        "meta": {
            "vocab_type": 2,
            "n_vocab": VOCABULARY,
            "n_ctx": machine.declared_window,
            "n_ctx_train": machine.settings.trained_window,
            "n_embd": 2560,
            "n_params": 4_022_468_096,
            "size": 4_280_404_480,
            "ftype": machine.settings.quantization,
        },
    }
    details = {
        "parent_model": "",
        "format": "gguf",
        "family": "",
        "families": [""],
        "parameter_size": "",
        "quantization_level": "",
    }
    tag = {
        "name": name,
        "model": name,
        "modified_at": "",
        "size": "",
        "digest": "",
        "type": "model",
        "description": "",
        "tags": [""],
        "capabilities": ["completion"],
        "parameters": "",
        "details": details,
    }
    return await exchange.json({"models": [tag], "object": "list", "data": [row]})


async def adapters(exchange: Exchange) -> StreamResponse:
    return await exchange.json([])


async def apply_template(exchange: Exchange) -> StreamResponse:
    try:
        prompt = chat_prompt(exchange.machine, exchange.body)
    except RefusedError as refusal:
        return await exchange.json(refusal.body, refusal.status)
    return await exchange.json({"prompt": prompt})


async def tokenize(exchange: Exchange) -> StreamResponse:
    found = pieces(str(exchange.body.get("content", "")))
    exchange.machine.remember({token_id(piece): piece for piece in found})
    if exchange.body.get("with_pieces"):
        rows = [{"id": token_id(piece), "piece": piece} for piece in found]
        return await exchange.json({"tokens": rows})
    return await exchange.json({"tokens": [token_id(piece) for piece in found]})


async def detokenize(exchange: Exchange) -> StreamResponse:
    numbers = exchange.body.get("tokens", [])
    return await exchange.json({"content": "".join(map(exchange.machine.piece_of, numbers))})


async def count(exchange: Exchange) -> StreamResponse:
    try:
        prompt = chat_prompt(exchange.machine, exchange.body)
    except RefusedError as refusal:
        return await exchange.json(refusal.body, refusal.status)
    tokens = len(pieces(prompt))
    return await exchange.json({"input_tokens": tokens, "object": "response.input_tokens"})


async def chat(exchange: Exchange) -> StreamResponse:
    if refusal := out_of_range(exchange.body):
        return await exchange.refuse(400, refusal)
    return await openai_wire.chat(exchange)


async def text(exchange: Exchange) -> StreamResponse:
    return await openai_wire.completions(exchange)


def _caps(machine: Machine) -> dict[str, bool]:
    tools = "template_missing" not in machine.faults
    return {
        "supports_object_arguments": tools,
        "supports_parallel_tool_calls": tools,
        "supports_preserve_reasoning": False,
        "supports_reasoning_effort": False,
        "supports_string_content": True,
        "supports_system_role": True,
        "supports_tool_calls": tools,
        "supports_tools": tools,
        "supports_typed_content": False,
    }


async def front(exchange: Exchange) -> StreamResponse:
    """The web interface: a page, and still a model server."""
    page = "<!doctype html>\n<html><head><title>llama.cpp</title></head><body></body></html>\n"
    return await exchange.text(page, kind="text/html")


async def missing(exchange: Exchange) -> StreamResponse:
    return await exchange.refuse(404, "File Not Found")


def _extra(machine: Machine, reply: Reply) -> dict[str, Any]:
    return {"timings": timings(machine, reply)}


HANDLERS = {
    ("GET", "/"): front,
    ("GET", "/health"): health,
    ("GET", "/v1/health"): health,
    ("GET", "/props"): props,
    ("GET", "/slots"): slots,
    ("GET", "/v1/models"): models,
    ("GET", "/models"): models,
    ("GET", "/lora-adapters"): adapters,
    ("POST", "/apply-template"): apply_template,
    ("POST", "/tokenize"): tokenize,
    ("POST", "/detokenize"): detokenize,
    ("POST", "/v1/chat/completions/input_tokens"): count,
    ("POST", "/v1/chat/completions"): chat,
    ("POST", "/chat/completions"): chat,
    ("POST", "/v1/completions"): text,
    ("POST", "/completion"): completion,
    ("POST", "/completions"): completion,
}
PERSONA = Persona(
    id="llama.cpp",
    model="/models/harbour-4b-q8_0.gguf",
    handlers=HANDLERS,
    name_of=file_name,
    error=error,
    missing=missing,
    knobs=KNOBS,
    overflow="llama.cpp",
    headers={"Server": "llama.cpp"},
    fingerprint=BUILD,
    public_paths=frozenset({"/", "/health", "/v1/health", "/models", "/v1/models"}),
    partial_calls=True,
    extra=_extra,
    extra_in_stream=True,
    token_ids=True,
)
