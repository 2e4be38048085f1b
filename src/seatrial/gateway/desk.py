"""Taking in a generation: reads it, finds its upstream, pins its fields, waits for its turn.

In: the body of a client, in whichever protocol it speaks. Out: a `Passage` that was run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from seatrial.core.errors import BudgetError, SeatrialError, UserError
from seatrial.gateway.clients import Clients, patience_seconds, session_key
from seatrial.gateway.endings import Told, failed, refused_request
from seatrial.gateway.exchange import Asked, OnExchange, Passage
from seatrial.gateway.histories import Histories
from seatrial.gateway.metrics import Metrics
from seatrial.gateway.output import Headers, Output
from seatrial.gateway.raw import RawMode
from seatrial.gateway.requests import Inbound, read_inbound, read_object
from seatrial.gateway.routing import Route, Router, pinned
from seatrial.gateway.settings import BLANKS, Settings
from seatrial.gateway.slots import Slots
from seatrial.gateway.translation import TranslatedOutput
from seatrial.gateway.upstream import Upstream
from seatrial.gateway.wires import Asked as Translated
from seatrial.gateway.wires import ClientWire
from seatrial.gateway.wires import Upstream as Takes
from seatrial.guard.ladder import THINKING
from seatrial.guard.rules import Memory, gateway_rules

_BEFORE_IT_LEAVES = 0.8
"""Of the silence after which a client gives up: when it gets a sign of life."""


class _Named(msgspec.Struct):
    model: str = ""


class Desk:
    """Where generations come in."""

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        upstreams: Sequence[Upstream],
        clients: Clients,
        on_asked: Callable[[Upstream], None],
    ) -> None:
        """`on_asked` hears of every upstream that was asked, afterwards."""
        self._settings = settings
        self._metrics = metrics
        self._router = Router(upstreams)
        self._clients = clients
        self._on_asked = on_asked
        self._slots = {upstream.name: Slots(upstream.slots) for upstream in upstreams}
        self._memories = {upstream.name: Memory() for upstream in upstreams}
        self._histories = Histories()
        self._raw = RawMode(metrics, wanted=settings.raw and not settings.observe)
        rules = () if settings.observe else gateway_rules(settings.guard)
        self._acts = any(rule.mode == "enforce" for rule in rules)
        self.on_exchange: OnExchange | None = None
        self.on_unread: Callable[[str], None] | None = None
        """Hears why an exchange can be told to nobody."""

    @property
    def waiting(self) -> int:
        return sum(slots.waiting for slots in self._slots.values())

    def resize(self, upstream: Upstream) -> None:
        """The number of slots became known."""
        self._slots[upstream.name].resize(upstream.slots)

    async def take(
        self, headers: Headers, client: str, body: bytes, output: Output, wire: ClientWire | None
    ) -> None:
        """Answer one request, whatever it is."""
        own = output
        try:
            if wire is not None:
                place = await self._router.route(_model(body))
                translated = self._translated(wire, body, place.upstream)
                own = TranslatedOutput(output.send, wire, translated)
                inbound = self._histories.read(translated.body)
            else:
                inbound = self._histories.read(body)
                place = await self._router.route(inbound.model)
            inbound = self._prepared(inbound, place, client)
        except SeatrialError as error:
            await refuse(output, wire, error)
            return
        session = session_key(dict(headers))
        side = self._clients.is_side_call(client, inbound.request)
        asked = Asked(inbound, headers, client, session, side)
        if inbound.stream and self._acts and inbound.request is not None:
            # Elsewhere the head of the answer is the server's to say, and must not be spoken for.
            own.keep_alive(self._settings.bounds.keep_alive_seconds)
        elif not inbound.stream and wire is None and self._settings.acts(BLANKS):
            patience = patience_seconds(dict(headers))
            if patience is not None:
                own.keep_alive(_BEFORE_IT_LEAVES * patience, blanks=True)
        try:
            await self._in_turn(place.upstream, asked, own)
        finally:
            output.stands_for(own)
            if inbound.request is None and self.on_unread is not None:
                self.on_unread(inbound.unread)
        self._on_asked(place.upstream)

    async def forwarded(self, body: bytes) -> tuple[Upstream, bytes]:
        """Where a body that is no chat goes, and with which bytes.

        Raises:
            FormatError: not a JSON object.
            UserError: several upstreams, and none has its model.
        """
        asked = _model(body)
        place = await self._router.route(asked)
        if place.model != asked:
            body = msgspec.json.encode({**read_object(body), "model": place.model})
        return place.upstream, body

    def _translated(self, wire: ClientWire, body: bytes, upstream: Upstream) -> Translated:
        asked = wire.ask(body, Takes(thinking=THINKING in upstream.knobs))
        if asked.lost:
            self._metrics.add("translation_lost_total", sum(lost.count for lost in asked.lost))
        return asked

    def _prepared(self, inbound: Inbound, place: Route, client: str) -> Inbound:
        """The body as it goes on: pinned, stripped, and with the name that the upstream knows."""
        pins = [pin for pin in self._settings.pins if pin.client in (None, client)]
        if self._settings.observe:
            pins = []
        if not pins and place.model == inbound.model:
            return inbound
        body = pinned(read_object(inbound.raw), pins)
        if place.model != inbound.model:
            body["model"] = place.model
        fixed = frozenset(pin.field for pin in pins)
        return msgspec.structs.replace(read_inbound(msgspec.json.encode(body)), fixed=fixed)

    async def _in_turn(self, upstream: Upstream, asked: Asked, output: Output) -> None:
        slots, settings = self._slots[upstream.name], self._settings
        asked = msgspec.structs.replace(asked, raw=await self._raw.takes(upstream, asked.inbound))
        try:
            async with slots.turn(side=asked.side, seconds=settings.bounds.queue_seconds):
                passage = Passage(
                    settings,
                    self._metrics,
                    upstream,
                    asked,
                    output,
                    self.on_exchange,
                    self._memories[upstream.name],
                )
                await passage.run()
        except BudgetError as error:
            told = failed(error, asked.client)
            if output.unsaid:
                await tell(output, told)
            else:
                output.add(told.frame)
                await output.end()


async def tell(output: Output, told: Told) -> None:
    """Answer with an error, before anything else was said."""
    await output.whole(told.status, told.body)


async def refuse(output: Output, wire: ClientWire | None, error: SeatrialError) -> None:
    """Answer a request that cannot be passed on, in the words of its protocol."""
    if wire is not None:
        mistake = error if isinstance(error, UserError) else UserError(error.message)
        await output.whole(400, wire.error(mistake))
    elif isinstance(error, UserError):
        hint = error.hint or ""
        await tell(output, refused_request(404, error.message, "model_not_found", hint))
    else:
        await tell(output, refused_request(400, error.message, "bad_request"))


def _model(body: bytes) -> str:
    """The model that a body names, in any protocol.

    Raises:
        FormatError: not a JSON object.
    """
    try:
        return msgspec.json.decode(body, type=_Named).model
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        model = read_object(body).get("model")
        return model if isinstance(model, str) else ""
