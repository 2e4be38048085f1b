"""vLLM's OpenAI server.

Shapes: vllm/entrypoints/openai. In: exchanges. Out: `PERSONA`.
"""

from __future__ import annotations

from typing import Any

from aiohttp.web import StreamResponse

from seatrial.fakes.personalities import openai_wire
from seatrial.fakes.personalities.asking import chat_prompt
from seatrial.fakes.personalities.exchange import Exchange
from seatrial.fakes.personalities.machine import Machine
from seatrial.fakes.personalities.persona import Handler, Persona, RefusedError, Settings
from seatrial.fakes.personalities.sampling import Sampling
from seatrial.fakes.personalities.tokens import pieces, token_id

KNOBS = {
    **{
        name: name
        for name in (
            "temperature top_p top_k min_p presence_penalty frequency_penalty seed logit_bias"
        ).split()
    },
    "repetition_penalty": "repeat_penalty",
}
PLAIN = Sampling(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, repeat_last_n=1_000_000)
_NO_PARSER = (
    '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
)
_KINDS = {400: "BadRequestError", 404: "NotFoundError", 500: "InternalServerError"}


def error(status: int, message: str) -> dict[str, Any]:
    if status == 401:
        return {"error": "Unauthorized"}
    kind = _KINDS.get(status, "BadRequestError")
    return {"error": {"message": message, "type": kind, "param": None, "code": status}}


def same_name(settings: Settings) -> str:
    return settings.model


async def health(exchange: Exchange) -> StreamResponse:
    return await exchange.text("")


async def version(exchange: Exchange) -> StreamResponse:
    return await exchange.json({"version": "0.16.2"})


async def models(exchange: Exchange) -> StreamResponse:
    machine = exchange.machine
    permission = {
        "id": "modelperm-" + openai_wire.random_id(),
        "object": "model_permission",
        "created": 1795285698,
        "allow_create_engine": False,
        "allow_sampling": True,
        "allow_logprobs": True,
        "allow_search_indices": False,
        "allow_view": True,
        "allow_fine_tuning": False,
        "organization": "*",
        "group": None,
        "is_blocking": False,
    }
    row = {
        "id": machine.name,
        "object": "model",
        "created": 1795285698,
        "owned_by": "vllm",
        "root": machine.settings.model,
        "parent": None,
        "max_model_len": machine.declared_window,
        "permission": [permission],
    }
    return await exchange.json({"object": "list", "data": [row]})


async def tokenize(exchange: Exchange) -> StreamResponse:
    machine, body = exchange.machine, exchange.body
    try:
        text = chat_prompt(machine, body) if "messages" in body else str(body.get("prompt", ""))
    except RefusedError as refusal:
        return await exchange.json(refusal.body, refusal.status)
    found = [token_id(piece) for piece in pieces(text)]
    told = {"count": len(found), "max_model_len": machine.declared_window, "tokens": found}
    return await exchange.json({**told, "token_strs": None})


async def chat(exchange: Exchange) -> StreamResponse:
    parses, body = exchange.machine.settings.parses_calls, exchange.body
    if body.get("tools") and body.get("tool_choice", "auto") == "auto" and not parses:
        return await exchange.refuse(400, _NO_PARSER)
    return await _known(exchange, openai_wire.chat)


async def text(exchange: Exchange) -> StreamResponse:
    return await _known(exchange, openai_wire.completions)


async def _known(exchange: Exchange, wire: Handler) -> StreamResponse:
    """It answers only to the names that it serves."""
    machine: Machine = exchange.machine
    asked = exchange.body.get("model")
    if asked not in (None, machine.name) and "echoes_model" not in machine.faults:
        return await exchange.refuse(404, f"The model `{asked}` does not exist.")
    return await wire(exchange)


async def metrics(exchange: Exchange) -> StreamResponse:
    machine = exchange.machine
    label = f'{{engine="0",model_name="{machine.name}"}}'
    lines = (
        "# HELP vllm:num_requests_running Number of requests in model execution batches.",
        "# TYPE vllm:num_requests_running gauge",
        f"vllm:num_requests_running{label} {float(machine.generating)}",
    )
    return await exchange.text("\n".join(lines) + "\n")


async def missing(exchange: Exchange) -> StreamResponse:
    return await exchange.json({"detail": "Not Found"}, 404)


PERSONA = Persona(
    id="vllm",
    model="harbour-labs/harbour-4b",
    handlers={
        ("GET", "/health"): health,
        ("GET", "/version"): version,
        ("GET", "/metrics"): metrics,
        ("GET", "/v1/models"): models,
        ("POST", "/tokenize"): tokenize,
        ("POST", "/v1/chat/completions"): chat,
        ("POST", "/v1/completions"): text,
    },
    name_of=same_name,
    error=error,
    missing=missing,
    knobs=KNOBS,
    sampling=PLAIN,
    overflow="vllm",
    headers={"Server": "uvicorn"},
    think_key="reasoning",
    reports_cached=False,
    cache_block_tokens=16,
    public_paths=frozenset({"/health", "/version", "/metrics", "/tokenize"}),
    choice_fields={"logprobs": None, "stop_reason": None},
    message_fields={
        "refusal": None,
        "annotations": None,
        "audio": None,
        "function_call": None,
        "tool_calls": [],
        "reasoning": None,
    },
    body_fields={
        "service_tier": None,
        "system_fingerprint": None,
        "prompt_logprobs": None,
        "kv_transfer_params": None,
    },
)
