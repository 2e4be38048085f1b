"""Ollama: its own protocol and OpenAI's in front of one loaded model.

Shapes: ollama api/types.go, openai/openai.go, server/routes.go. A prompt that does not fit is
cut and nobody is told. In: exchanges. Out: `PERSONA`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp.web import StreamResponse

from seatrial.fakes.personalities import openai_wire
from seatrial.fakes.personalities.asking import chat_ask, sampling_of, text_ask
from seatrial.fakes.personalities.exchange import Exchange
from seatrial.fakes.personalities.machine import Machine
from seatrial.fakes.personalities.persona import (
    Ask,
    Handler,
    Persona,
    RefusedError,
    Reply,
    Settings,
)
from seatrial.fakes.personalities.sampling import Sampling
from seatrial.fakes.personalities.template import OPEN_THOUGHT

_NDJSON = "application/x-ndjson"
_TEMPLATE = """{{- range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
"""
_NATIVE = {
    name: name
    for name in (
        "temperature top_k top_p min_p typical_p repeat_penalty repeat_last_n presence_penalty "
        "frequency_penalty mirostat mirostat_tau seed"
    ).split()
}
_NATIVE_DEFAULTS = Sampling(temperature=0.8, top_k=40, top_p=0.9, min_p=0.0, repeat_penalty=1.1)
_SIZE = 4_280_404_480


def error(status: int, message: str) -> dict[str, Any]:
    kinds = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error"}
    kind = kinds.get(status, "api_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def same_name(settings: Settings) -> str:
    return settings.model


def digest(weights: str) -> str:
    return hashlib.sha256(weights.encode()).hexdigest()


def _weights(machine: Machine, asked: object) -> str | None:
    """The weights behind a name; None = not installed."""
    plain = str(asked or "").removesuffix(":latest")
    if plain in (machine.name, machine.settings.model):
        return machine.settings.model
    if plain in machine.settings.installed:
        return plain
    return machine.weights if "echoes_model" in machine.faults else None


async def greeting(exchange: Exchange) -> StreamResponse:
    return await exchange.text("Ollama is running")


async def version(exchange: Exchange) -> StreamResponse:
    return await exchange.json({"version": "0.33.1"})


def _details(machine: Machine) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "gguf",
        "family": "qwen3",
        "families": ["qwen3"],
        "parameter_size": "4.0B",
        "quantization_level": machine.settings.quantization,
    }


def _row(machine: Machine, name: str, weights: str) -> dict[str, Any]:
    return {
        "name": name,
        "model": name,
        "size": _SIZE,
        "digest": digest(f"{weights}\0{machine.settings.quantization}"),
        "details": _details(machine),
    }


async def tags(exchange: Exchange) -> StreamResponse:
    machine = exchange.machine
    names = {machine.name: machine.settings.model, **{n: n for n in machine.settings.installed}}
    stamp = {"modified_at": "2026-08-01T09:12:44.120031+02:00"}
    rows = [{**_row(machine, name, weights), **stamp} for name, weights in names.items()]
    return await exchange.json({"models": rows})


async def loaded(exchange: Exchange) -> StreamResponse:
    machine = exchange.machine
    own = machine.weights == machine.settings.model
    row = _row(machine, machine.name if own else machine.weights, machine.weights)
    on_gpu = 0 if "cpu_fallback" in machine.faults else _SIZE
    row |= {
        "expires_at": "2318-12-25T14:07:11.998811+02:00",
        "size_vram": on_gpu,
        "context_length": machine.declared_window,
    }
    return await exchange.json({"models": [row]})


async def show(exchange: Exchange) -> StreamResponse:
    machine = exchange.machine
    asked = exchange.body.get("model") or exchange.body.get("name")
    if _weights(machine, asked) is None:
        return await exchange.json({"error": f"model '{asked}' not found"}, 404)
    template = "{{ .Prompt }}" if "template_missing" in machine.faults else _TEMPLATE
    told = machine.settings.sampling
    return await exchange.json(
        {
            "modelfile": f"FROM {machine.settings.model}\nTEMPLATE {template}\n",
            "parameters": "\n".join(f"{name:<30} {value}" for name, value in told.items()),
            "template": template,
            "details": _details(machine),
            "model_info": {
                "general.architecture": "qwen3",
                "general.basename": machine.settings.model.partition(":")[0],
                "general.file_type": 7,
                "general.parameter_count": 4_022_468_096,
                "qwen3.context_length": machine.settings.trained_window,
                "tokenizer.ggml.eos_token_id": 2,
                "tokenizer.ggml.model": "gpt2",
            },
            "capabilities": _capabilities(machine),
            "modified_at": "2026-08-01T09:12:44.120031+02:00",
        }
    )


def _capabilities(machine: Machine) -> list[str]:
    if "template_missing" in machine.faults:
        return ["completion"]
    return ["completion", "tools", *(["thinking"] if machine.settings.thinks != "never" else [])]


async def models(exchange: Exchange) -> StreamResponse:
    machine = exchange.machine
    rows = [
        {"id": name, "object": "model", "created": 1795285698, "owned_by": "library"}
        for name in (machine.name, *machine.settings.installed)
    ]
    return await exchange.json({"object": "list", "data": rows})


async def openai_chat(exchange: Exchange) -> StreamResponse:
    return await _named(exchange, openai_wire.chat)


async def openai_text(exchange: Exchange) -> StreamResponse:
    return await _named(exchange, openai_wire.completions)


async def _named(exchange: Exchange, wire: Handler) -> StreamResponse:
    machine, asked = exchange.machine, exchange.body.get("model")
    weights = _weights(machine, asked)
    if weights is None:
        return await exchange.refuse(404, f'model "{asked}" not found, try pulling it first')
    machine.weights = weights
    return await wire(exchange)


async def chat(exchange: Exchange) -> StreamResponse:
    """`/api/chat`."""
    return await _native(exchange, chat=True)


async def generate(exchange: Exchange) -> StreamResponse:
    """`/api/generate`."""
    return await _native(exchange, chat=False)


async def _native(exchange: Exchange, *, chat: bool) -> StreamResponse:
    machine, body = exchange.machine, exchange.body
    weights = _weights(machine, body.get("model"))
    if weights is None:
        return await exchange.json({"error": f"model '{body.get('model')}' not found"}, 404)
    machine.weights = weights
    try:
        ask = _native_ask(machine, body, chat)
    except RefusedError as refusal:
        return await exchange.json(refusal.body, refusal.status)
    wire = _Native(machine, body, chat, thinks=ask.prompt.endswith(OPEN_THOUGHT))
    return await exchange.generated(ask, wire.whole, wire.frames, _NDJSON)


def _native_ask(machine: Machine, body: Mapping[str, Any], chat: bool) -> Ask:
    options = body.get("options") or {}
    if isinstance(window := options.get("num_ctx"), int):
        # A native request reloads the model with the window that it names.
        machine.settings = msgspec.structs.replace(machine.settings, window=window)
    if not chat and not body.get("raw"):
        messages = [{"role": "user", "content": body.get("prompt", "")}]
        if body.get("system"):
            messages.insert(0, {"role": "system", "content": body["system"]})
        body, chat = {**body, "messages": messages}, True
    ask = (chat_ask if chat else text_ask)(machine, body, machine.weights)
    base = msgspec.structs.replace(_NATIVE_DEFAULTS, **machine.settings.sampling)
    stop = options.get("stop") or ()
    cap = options.get("num_predict")
    return msgspec.structs.replace(
        ask,
        sampling=sampling_of(machine, options, _NATIVE, base),
        max_tokens=cap if isinstance(cap, int) and cap > 0 else None,
        stops=(stop,) if isinstance(stop, str) else tuple(stop),
        stream=body.get("stream") is not False,
        shift=body.get("shift") is not False and body.get("truncate") is not False,
    )


class _Native:
    """The lines of `/api/chat` and `/api/generate`."""

    def __init__(
        self, machine: Machine, body: Mapping[str, Any], chat: bool, *, thinks: bool
    ) -> None:
        self.machine = machine
        self.chat = chat
        self.named = str(body.get("model"))
        self.apart = "thinks_in_content" not in machine.faults
        self.opens = thinks and not self.apart

    def whole(self, reply: Reply) -> dict[str, Any]:
        text = self._text(reply)
        if self.opens:
            text = OPEN_THOUGHT + text
        thought = reply.text("think") if self.apart else ""
        return self._line(text, thought, reply) | self._numbers(reply)

    def frames(self, reply: Reply) -> list[bytes]:
        lines = [self._line(OPEN_THOUGHT, "", None)] if self.opens else []
        called = self._called(reply)
        for part in reply.parts:
            if part.kind == "think" and self.apart:
                lines.append(self._line("", part.text, None))
            elif self._shown(part.kind, part.step.piece, called):
                lines.append(self._line(part.text, "", None))
        if called:
            lines.append(self._line("", "", reply))
        if "no_done" not in self.machine.faults:
            lines.append(self._line("", "", None) | self._numbers(reply))
        return [msgspec.json.encode(line) + b"\n" for line in lines]

    def _text(self, reply: Reply) -> str:
        called = self._called(reply)
        return "".join(
            part.text
            for part in reply.parts
            if not (part.kind == "think" and self.apart)
            and self._shown(part.kind, part.step.piece, called)
        )

    def _shown(self, kind: str, piece: str, called: bool) -> bool:
        if kind in ("text", "think"):
            return True
        if piece in ("</think>", "\n\n"):
            return not self.apart
        return not called

    def _called(self, reply: Reply) -> bool:
        return reply.called and (
            reply.stop_type != "limit" or "healed_truncation" in self.machine.faults
        )

    def _line(self, text: str, thought: str, reply: Reply | None) -> dict[str, Any]:
        head = {"model": self.named, "created_at": _now()}
        thinking = {"thinking": thought} if thought else {}
        if not self.chat:
            return {**head, "response": text, **thinking, "done": False}
        message: dict[str, Any] = {"role": "assistant", "content": text, **thinking}
        if reply is not None and self._called(reply):
            arguments = msgspec.json.decode(reply.text("arguments"))
            function = {"index": 0, "name": reply.call_name, "arguments": arguments}
            message["tool_calls"] = [{"id": "call_harbour1", "function": function}]
        return {**head, "message": message, "done": False}

    def _numbers(self, reply: Reply) -> dict[str, Any]:
        fast, slow = self.machine.speeds
        fresh = reply.prompt_tokens - reply.cached_tokens
        reading = int(fresh / fast * 1e9)
        writing = int(reply.completion_tokens / slow * 1e9)
        finish = "length" if reply.stop_type == "limit" else "stop"
        why = {} if "no_finish" in self.machine.faults else {"done_reason": finish}
        return {
            "done": True,
            **why,
            "total_duration": reading + writing + 61_000_000,
            "load_duration": 60_000_000,
            "prompt_eval_count": reply.prompt_tokens,
            "prompt_eval_duration": reading,
            "eval_count": reply.completion_tokens,
            "eval_duration": writing,
        }


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


async def missing(exchange: Exchange) -> StreamResponse:
    return await exchange.text("404 page not found", 404)


PERSONA = Persona(
    id="ollama",
    model="harbour:4b",
    handlers={
        ("GET", "/"): greeting,
        ("GET", "/api/version"): version,
        ("GET", "/api/tags"): tags,
        ("GET", "/api/ps"): loaded,
        ("POST", "/api/show"): show,
        ("POST", "/api/chat"): chat,
        ("POST", "/api/generate"): generate,
        ("GET", "/v1/models"): models,
        ("POST", "/v1/chat/completions"): openai_chat,
        ("POST", "/v1/completions"): openai_text,
    },
    name_of=same_name,
    error=error,
    missing=missing,
    knobs={
        name: name for name in "temperature top_p presence_penalty frequency_penalty seed".split()
    },
    # The OpenAI endpoint sets temperature and top_p itself, whatever the Modelfile says.
    sampling=Sampling(temperature=1.0, top_k=40, top_p=1.0, min_p=0.0, repeat_penalty=1.1),
    overflow="truncates",
    think_key="reasoning",
    reports_cached=False,
    fingerprint="fp_ollama",
    called_content="",
    whole_calls=True,
    echoes_model=True,
    role_in_every_delta=True,
    forces_calls=False,
)
