"""Which upstream answers a request, and what its body becomes on the way there.

With one upstream every request goes to it, under whatever name. With several a name must be known:
a request for one model is never answered by another one. Before a name is called unknown, the
upstreams are asked what they have by now: one may have started late, or loaded another model.

In: upstreams, model names, bodies. Out: routes, bodies, the list of all models.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from time import monotonic
from typing import Any, NamedTuple

import msgspec

from seatrial.core.errors import EngineError, FormatError, UserError
from seatrial.gateway.settings import Pin
from seatrial.gateway.upstream import Upstream, model_ids

_LIST_AGAIN_SECONDS = 5.0


class Route(NamedTuple):
    upstream: Upstream
    model: str
    """The name by which this upstream knows the model."""


def route(upstreams: Sequence[Upstream], model: str) -> Route:
    """Where a request for `model` goes: the upstream that lists it, or `NAME/model`, or `NAME`.

    Raises:
        UserError: several upstreams, and none has it.
    """
    first = upstreams[0]
    if len(upstreams) == 1:
        return Route(first, model)
    for upstream in upstreams:
        if model in upstream.models:
            return Route(upstream, model)
    name, _, rest = model.partition("/")
    for upstream in upstreams:
        if upstream.name == name:
            return Route(upstream, rest or (upstream.models or (model,))[0])
    known = [f"{upstream.name}/..." for upstream in upstreams]
    known += [id_ for upstream in upstreams for id_ in upstream.models]
    if not model:
        hint = ", ".join(known[:20])
        raise UserError("of several servers, which one? the request names no model", hint=hint)
    raise UserError(f"no upstream has the model {model[:200]!r}", hint=", ".join(known[:20]))


class Router:
    """`route` for upstreams that come and go."""

    def __init__(self, upstreams: Sequence[Upstream]) -> None:
        self._upstreams = upstreams
        self._listing = asyncio.Lock()
        self._listed: float | None = None

    async def route(self, model: str) -> Route:
        """As `route`, after the upstreams were asked again where that may help.

        Raises:
            UserError: as `route`.
        """
        try:
            return route(self._upstreams, model)
        except UserError:
            if not model:
                raise
        async with self._listing:
            # Whoever waited here has the list that another one asked for.
            if self._listed is None or monotonic() - self._listed > _LIST_AGAIN_SECONDS:
                await listing(self._upstreams)
                self._listed = monotonic()
        return route(self._upstreams, model)


async def listing(upstreams: Sequence[Upstream]) -> bytes:
    """`/v1/models` of all, each model once, as the first one describes it."""
    entries: dict[str, dict[str, Any]] = {}
    for upstream, found in zip(
        upstreams, await asyncio.gather(*map(_models, upstreams)), strict=True
    ):
        upstream.models = model_ids({"data": found}) or upstream.models
        for entry in found:
            if isinstance(entry, dict) and isinstance(entry.get("id"), str):
                entries.setdefault(entry["id"], entry)
    return msgspec.json.encode({"object": "list", "data": list(entries.values())})


async def _models(upstream: Upstream) -> list[Any]:
    try:
        status, body = await upstream.ask("/v1/models")
        listing = msgspec.json.decode(body, type=dict[str, Any]) if status == 200 else {}
    except (EngineError, FormatError, msgspec.MsgspecError, UnicodeError, RecursionError):
        return []
    data = listing.get("data")
    return data if isinstance(data, list) else []


def pinned(body: dict[str, Any], pins: Iterable[Pin]) -> dict[str, Any]:
    """`body` with every pinned field at its value and every stripped one gone."""
    for pin in pins:
        if pin.strip:
            body.pop(pin.field, None)
        else:
            body[pin.field] = pin.value
    return body
