"""An endpoint with rules around it; the agent and the gateway use the same one.

Events pass unchanged, as the same objects, as long as no rule in enforce mode wants otherwise.
What the rules decide is carried out by `watch`; here an attempt is asked for, cancelled, and
asked again. In observe mode a decision is reported and has no effect.

In: an endpoint, rules, the retry ladder. Out: an endpoint.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any

from seatrial.chat.endpoint import Endpoint, Event, Facts, Request, Text, Think
from seatrial.chat.overflow import ContextOverflowError
from seatrial.core.config import LadderSpec
from seatrial.core.errors import EngineError
from seatrial.guard.ladder import Climb
from seatrial.guard.protocol import Rule
from seatrial.guard.watch import Holding, OnDecision, Watch

Rules = Callable[[], Sequence[Rule]]


def guarded(
    endpoint: Endpoint,
    rules: Rules,
    on_decision: OnDecision | None = None,
    *,
    ladder: LadderSpec | None = None,
    knobs: frozenset[str] = frozenset(),
    holding: Holding | None = None,
    fixed: frozenset[str] = frozenset(),
) -> Endpoint:
    """`endpoint` with `rules()`, made anew for each attempt, around every generation.

    `on_decision` hears of every decision with a finding or an effect, enforced or not, but of no
    `hold`; of a retry when it is known what became of it. A stopped stream is cancelled upstream
    and ends in `End(finish=GUARD)`, whose `text` is all reasoning and text that was generated, in
    order, and whose `ending` says how clients are to be told. A stopped turn never gives a call.

    A retry needs a `ladder`, and happens only before the consumer saw an event: `holding` keeps
    the beginning of a turn back for that. `knobs` is what the server honours
    (`ladder.knobs_of`), `fixed` the fields that no retry may change.
    Complete calls and the usage are given when the end of the turn is known.
    """
    return _Guarded(endpoint, rules, on_decision, ladder, knobs, holding, fixed)


class _Guarded:
    def __init__(
        self,
        endpoint: Endpoint,
        rules: Rules,
        on_decision: OnDecision | None,
        ladder: LadderSpec | None,
        knobs: frozenset[str],
        holding: Holding | None,
        fixed: frozenset[str],
    ) -> None:
        self._endpoint = endpoint
        self._rules = rules
        self._on_decision = on_decision
        self._ladder = ladder
        self._knobs = knobs
        self._holding = holding
        self._fixed = fixed

    @property
    def facts(self) -> Facts:
        return self._endpoint.facts

    async def count(self, request: Request) -> int:
        return await self._endpoint.count(request)

    def sent(self, request: Request) -> dict[str, Any]:
        return self._endpoint.sent(request)

    async def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        ladder, fixed = self._ladder, self._fixed
        climb = Climb(ladder, self._knobs, request, fixed) if ladder else None
        next_request: Request | None = request
        before: Watch | None = None
        while next_request is not None:
            watch = Watch(self._rules(), self._on_decision, climb, self._holding)
            asked, answer = watch.before(next_request)
            if answer:
                for event in answer:
                    yield event
                return
            upstream = self._endpoint.generate(asked)
            if asked is not next_request and _chars(asked) > _chars(next_request):
                upstream = self._with_room(upstream, next_request)
            async with aclosing(_attempt(upstream, watch, before)) as attempt:
                async for event in attempt:
                    yield event
            next_request, before = watch.retry, watch

    async def _with_room(
        self, upstream: AsyncIterator[Event], request: Request
    ) -> AsyncGenerator[Event, None]:
        """`upstream`; where what a rule added to the prompt does not fit, the answer without."""
        begun = False
        try:
            async for event in upstream:
                begun = True
                yield event
            return
        except ContextOverflowError:
            if begun:
                raise
        finally:
            await _close(upstream)
        plain = self._endpoint.generate(request)
        try:
            async for event in plain:
                yield event
        finally:
            await _close(plain)


async def _attempt(
    upstream: AsyncIterator[Event], watch: Watch, before: Watch | None
) -> AsyncGenerator[Event, None]:
    """What the rules let go; `before`: the attempt that this one is a retry of."""
    try:
        kept = before.kept if before is not None else ""
        async with aclosing(_passed(upstream, watch, kept)) as events:
            async for event in events:
                yield event
    except ContextOverflowError:
        # The client's own prompt fitted: what the retry added to it did not. Where the answer would
        # have passed, it is gone: a client that is told of the overflow makes room and asks again.
        if before is None or not before.stops:
            raise
        for event in watch.no_room(before):
            yield event
    except EngineError as error:
        if not watch.failed(error):
            raise
    finally:
        await _close(upstream)


def _chars(request: Request) -> int:
    return sum(len(message.text) for message in request.messages)


async def _passed(
    upstream: AsyncIterator[Event], watch: Watch, kept: str
) -> AsyncGenerator[Event, None]:
    """What the rules let go; `kept`: how the answer begins that the server goes on with."""
    async for event in upstream:
        if kept and type(event) is not Think:
            # The rules see the whole answer, and so does the consumer.
            for passed in watch.during(Text(kept)):
                yield passed
            kept = ""
        released = watch.during(event)
        if watch.done:
            # Cancel before the consumer learns of it: it may ask again at once.
            await _close(upstream)
        for passed in released:
            yield passed
        if watch.done:
            break
    for passed in watch.after():
        yield passed


async def _close(stream: AsyncIterator[Event]) -> None:
    close = getattr(stream, "aclose", None)
    if close is not None:
        await close()
