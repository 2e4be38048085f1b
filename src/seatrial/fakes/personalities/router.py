"""llama.cpp's router: `llama-server` without a model, one server for each model behind it.

Source: llama.cpp tools/server/README.md, "Using multiple models", and server-models.cpp. In:
exchanges. Out: `PERSONA`.
"""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp.web import StreamResponse

from seatrial.fakes.personalities import llamacpp
from seatrial.fakes.personalities.exchange import Exchange
from seatrial.fakes.personalities.machine import Machine
from seatrial.fakes.personalities.persona import Handler, Settings
from seatrial.fakes.personalities.server import route

_FOLDER = "/models"


def stem(settings: Settings) -> str:
    """A model goes by its file's name without the ending."""
    return llamacpp.file_name(settings).removesuffix(".gguf")


def paths(machine: Machine) -> dict[str, str]:
    """Every model that it could serve: name -> file."""
    more = {name: f"{_FOLDER}/{name}.gguf" for name in machine.settings.installed}
    return {machine.name: machine.settings.model, **more}


def child(machine: Machine, name: str) -> Machine:
    """The server of one model, started when it is first asked for."""
    if name not in machine.children:
        settings = msgspec.structs.replace(
            machine.settings, model=paths(machine)[name], alias=name, installed=()
        )
        faults = machine.faults - {"alias_lies"}
        machine.children[name] = Machine(llamacpp.PERSONA, settings, faults)
    return machine.children[name]


def command(machine: Machine, name: str, port: int) -> list[str]:
    """The command line of the server of one model."""
    settings = machine.settings
    return [
        "llama-server",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--model",
        paths(machine)[name],
        "--ctx-size",
        str(settings.window * settings.slots),
        "--parallel",
        str(llamacpp.slot_count(machine)),
        "-ngl",
        "99",
        *settings.command,
    ]


async def models(exchange: Exchange) -> StreamResponse:
    machine = exchange.machine
    child(machine, machine.name)
    return await exchange.json(
        {
            "object": "list",
            "data": [
                {
                    "id": name,
                    "in_cache": False,
                    "path": path,
                    "object": "model",
                    "owned_by": "llamacpp",
                    "created": 1795285698,
                    "status": _status(machine, name),
                }
                for name, path in paths(machine).items()
            ],
        }
    )


def _status(machine: Machine, name: str) -> dict[str, Any]:
    loaded = name in machine.children
    return {"value": "loaded" if loaded else "unloaded", "args": command(machine, name, 36123)}


async def props(exchange: Exchange) -> StreamResponse:
    if exchange.request.query.get("model"):
        return await passed_on(exchange)
    return await exchange.json(
        {
            "role": "router",
            "max_instances": 4,
            "models_autoload": True,
            "model_alias": "llama-server",
            "model_path": "none",
            "default_generation_settings": {"params": {}, "n_ctx": 0},
            "ui_settings": {},
            "build_info": llamacpp.BUILD,
        }
    )


async def passed_on(exchange: Exchange) -> StreamResponse:
    """The server of the named model answers."""
    machine = exchange.machine
    method = exchange.request.method
    named = exchange.request.query.get("model") if method == "GET" else exchange.body.get("model")
    if not named:
        return await exchange.refuse(400, "model name is missing from the request")
    if named not in paths(machine):
        return await exchange.refuse(400, f"model '{named}' not found")
    autoload = exchange.request.query.get("autoload") != "false"
    if named not in machine.children and named != machine.name and not autoload:
        return await exchange.refuse(400, f"model '{named}' is not loaded")
    behind = exchange.behind(child(machine, str(named)), exchange.path)
    return await route(llamacpp.PERSONA, behind)(behind)


async def health(exchange: Exchange) -> StreamResponse:
    return await exchange.json({"status": "ok"})


_OWN: dict[tuple[str, str], Handler] = {
    ("GET", "/"): llamacpp.front,
    ("GET", "/health"): health,
    ("GET", "/v1/health"): health,
    ("GET", "/models"): models,
    ("GET", "/v1/models"): models,
    ("GET", "/props"): props,
}
PERSONA = msgspec.structs.replace(
    llamacpp.PERSONA,
    id="llama.cpp-router",
    handlers={key: _OWN.get(key, passed_on) for key in llamacpp.HANDLERS},
    name_of=stem,
)
