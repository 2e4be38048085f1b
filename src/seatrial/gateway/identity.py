"""Which model answered what is recorded: every upstream is attested, and again while it is used.

The traffic never waits for it. An exchange that ended before its upstream was looked at is held,
within bounds, so that the session that it opens says what answered. Nothing is generated: a
canary would load a model, empty a prompt cache or take the slot of a client. So the grade is
`process` where the process of the server is seen on this machine, else `declared`.

For one event loop. In: exchanges. Out: the same, with the identity of what answered them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic

import msgspec

from seatrial.core.errors import Boundary, EngineError, SeatrialError
from seatrial.gateway.record import Exchange, Identity
from seatrial.gateway.settings import UpstreamSpec

UNATTESTED = "unattested"
"""The grade where nothing could be proven or what was found cannot be true together."""
AGAIN_SECONDS = 30.0
"""An identity that is older is looked at again, as long as there is traffic."""
LOOK_SECONDS = 120.0
"""The first time, a large file is read for its digest."""
HOLD_SECONDS = 30.0
MOST_HELD = 128
MOST_HELD_BYTES = 8 * 1024 * 1024
MOST_SERVINGS = 64
_CLOSE_SECONDS = 3.0
_LASTING = (
    "grade",
    "family",
    "build",
    "model",
    "weights",
    "quantization",
    "adapters",
    "template",
    "window_tokens",
)
"""What makes it the same server; after a restart it has another process id and may be the same."""


class Identities:
    """What answers at the upstreams of one gateway."""

    def __init__(
        self, specs: dict[str, UpstreamSpec], on_exchange: Callable[[Exchange], None]
    ) -> None:
        """`specs` by the URL that exchanges name; `on_exchange` gets each exchange once."""
        self._specs = specs
        self._on_exchange = on_exchange
        self._servings: dict[tuple[str, str], _Serving] = {}
        self._closed = False

    def begin(self, url: str) -> None:
        """Look at an upstream that serves one model, before anybody asks it."""
        self._look(self._serving(url, ""))

    def put(self, exchange: Exchange) -> None:
        """Pass `exchange` on with its identity, now or when that is known; returns at once."""
        model = exchange.model if exchange.loads_on_request else ""
        serving = self._serving(exchange.upstream, model)
        fault = exchange.fault
        if fault is not None and fault.boundary is Boundary.ENGINE:
            # It may have died, and what is started in its place may be another model.
            serving.settled = False
        if serving.is_due():
            self._look(serving)
        if serving.settled:
            self._pass_on(exchange, serving.identity)
        elif self._closed or not serving.hold(exchange):
            self._pass_on(exchange, {})

    async def aclose(self) -> None:
        """Wait a little for what is being looked at, and pass on what is held."""
        self._closed = True
        tasks = [serving.task for serving in self._servings.values() if serving.task]
        if tasks and any(serving.held for serving in self._servings.values()):
            await asyncio.wait(tasks, timeout=_CLOSE_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for serving in self._servings.values():
            self._release(serving, {})

    def _serving(self, url: str, model: str) -> _Serving:
        key = (url, model)
        if key not in self._servings and len(self._servings) >= MOST_SERVINGS:
            # Names come from strangers.
            key = (url, "")
        return self._servings.setdefault(key, _Serving(*key))

    def _look(self, serving: _Serving) -> None:
        if serving.task is None and not self._closed:
            serving.task = asyncio.create_task(self._looked(serving))

    async def _looked(self, serving: _Serving) -> None:
        timer = asyncio.get_running_loop().call_later(HOLD_SECONDS, self._release, serving, {})
        answered = True
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                found = await _attested(self._specs[serving.url], serving.model)
        except (EngineError, TimeoutError) as error:
            # Not confirmed and not refuted: what broke belongs to what was there before.
            reason = error.message if isinstance(error, EngineError) else "it took too long"
            found, answered = serving.identity or _unattested(reason), False
        except Exception as error:
            found = _unattested(error.message if isinstance(error, SeatrialError) else repr(error))
        finally:
            timer.cancel()
            serving.task = None
        serving.identity, serving.settled, serving.looked = found, answered, monotonic()
        self._release(serving, found)

    def _release(self, serving: _Serving, identity: Identity) -> None:
        held, serving.held, serving.held_bytes = serving.held, [], 0
        for exchange in held:
            self._pass_on(exchange, identity)

    def _pass_on(self, exchange: Exchange, identity: Identity) -> None:
        self._on_exchange(msgspec.structs.replace(exchange, identity=identity))


class _Serving:
    """One model behind one upstream."""

    def __init__(self, url: str, model: str) -> None:
        self.url = url
        self.model = model
        """The id that requests name, where that decides what answers."""
        self.identity: Identity = {}
        self.settled = False
        """`identity` is what answers now, as far as can be known."""
        self.looked = 0.0
        self.task: asyncio.Task[None] | None = None
        self.held: list[Exchange] = []
        self.held_bytes = 0

    def is_due(self) -> bool:
        return not self.settled or monotonic() - self.looked >= AGAIN_SECONDS

    def hold(self, exchange: Exchange) -> bool:
        """Keep `exchange` until the identity is known; False = there is no room."""
        size = len(exchange.body)
        if len(self.held) >= MOST_HELD or self.held_bytes + size > MOST_HELD_BYTES:
            return False
        self.held.append(exchange)
        self.held_bytes += size
        return True


def still(began: Identity, now: Identity) -> bool:
    """Whether what a session says of its server holds for an exchange, too."""
    if began.get("grade", UNATTESTED) == UNATTESTED:
        return True
    return all(began.get(key) == now.get(key) for key in _LASTING)


async def _attested(spec: UpstreamSpec, model: str) -> Identity:
    # Here, and not above: a gateway that records nothing needs none of it.
    from seatrial.serve.attached import attest_url

    found = await attest_url(spec.url, model=model or None, api_key=spec.api_key, sing=False)
    identity = {key: value for key, value in found.identity.items() if value is not None}
    if found.reasons:
        identity["why"] = found.reasons[0]
    return {**identity, "attested_at": _now()}


def _unattested(reason: str) -> Identity:
    return {"grade": UNATTESTED, "why": reason, "attested_at": _now()}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
