"""llama-swap: a proxy before llama.cpp servers that it starts and stops.

What it lists is its configuration; what runs stands in `/running`. Source: mostlygeek/llama-swap
internal/server/api.go. In: exchanges. Out: `PERSONA`.
"""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp.web import StreamResponse

from seatrial.fakes.personalities import llamacpp, router
from seatrial.fakes.personalities.exchange import Exchange
from seatrial.fakes.personalities.machine import Machine
from seatrial.fakes.personalities.persona import Handler
from seatrial.fakes.personalities.server import route

_PORT = 5800


def error(_status: int, message: str) -> dict[str, Any]:
    return {"error": message, "src": "llama-swap"}


def _child(machine: Machine, name: str) -> Machine:
    """The one server that runs: another name stops it and starts another."""
    # What it declares is its configuration; the server behind it tells the truth.
    if name not in machine.children:
        machine.children.clear()
        router.child(machine, name).faults -= {"wrong_window"}
        machine.children[name].log = machine.log
    return machine.children[name]


async def models(exchange: Exchange) -> StreamResponse:
    machine = exchange.machine
    rows = [
        {
            "id": name,
            "object": "model",
            "created": 1795285698,
            "owned_by": "llama-swap",
            "name": name,
            "meta": {"n_ctx": machine.declared_window, "llamaswap": {}},
        }
        for name in sorted(router.paths(machine))
    ]
    return await exchange.json({"object": "list", "data": rows})


async def running(exchange: Exchange) -> StreamResponse:
    machine = exchange.machine
    name = next(iter(machine.children), machine.name)
    row = {
        "model": name,
        "state": "ready",
        "cmd": " ".join(router.command(machine, name, _PORT)),
        "proxy": f"http://localhost:{_PORT}",
        "ttl": 0,
        "name": "",
        "description": "",
    }
    return await exchange.json({"running": [row]})


async def upstream(exchange: Exchange) -> StreamResponse:
    """`/upstream/ID/…` goes to the server of that model as it is."""
    machine = exchange.machine
    rest = exchange.path.removeprefix("/upstream/")
    name = next((one for one in router.paths(machine) if rest.startswith(one + "/")), None)
    if name is None:
        return await exchange.refuse(404, "model not found")
    behind = exchange.behind(_child(machine, name), rest.removeprefix(name))
    return await route(llamacpp.PERSONA, behind)(behind)


async def passed_on(exchange: Exchange) -> StreamResponse:
    machine = exchange.machine
    named = exchange.body.get("model") or exchange.request.query.get("model")
    if not named:
        return await exchange.refuse(400, "missing or invalid 'model' key")
    if named not in router.paths(machine):
        return await exchange.refuse(404, f"no router for requested model: {named}")
    behind = exchange.behind(_child(machine, str(named)), exchange.path)
    return await route(llamacpp.PERSONA, behind)(behind)


async def health(exchange: Exchange) -> StreamResponse:
    return await exchange.text("OK")


async def version(exchange: Exchange) -> StreamResponse:
    told = {"version": "v182", "commit": "0bdb372", "build_date": "2026-08-22T10:11:12Z"}
    return await exchange.json(told)


async def profiles(exchange: Exchange) -> StreamResponse:
    return await exchange.json({"active": "", "profiles": []})


async def logs(exchange: Exchange) -> StreamResponse:
    return await exchange.text("\n".join(exchange.machine.log) + "\n")


async def front(exchange: Exchange) -> StreamResponse:
    page = "<!doctype html>\n<html><head><title>llama-swap</title></head><body></body></html>\n"
    return await exchange.text(page, kind="text/html")


async def missing(exchange: Exchange) -> StreamResponse:
    return await exchange.text("404 page not found\n", 404)


_OWN: dict[tuple[str, str], Handler] = {
    ("GET", "/"): front,
    ("GET", "/ui"): front,
    ("GET", "/health"): health,
    ("GET", "/v1/models"): models,
    ("GET", "/running"): running,
    ("GET", "/logs"): logs,
    ("GET", "/api/version"): version,
    ("GET", "/api/profiles"): profiles,
    ("GET", "/props"): passed_on,
    ("GET", "/upstream/*"): upstream,
    ("POST", "/upstream/*"): upstream,
    ("POST", "/v1/chat/completions"): passed_on,
    ("POST", "/v1/completions"): passed_on,
    ("POST", "/completion"): passed_on,
}
PERSONA = msgspec.structs.replace(
    llamacpp.PERSONA,
    id="llama-swap",
    handlers=_OWN,
    name_of=router.stem,
    error=error,
    missing=missing,
    headers={},
    public_paths=frozenset({"/health"}),
)
