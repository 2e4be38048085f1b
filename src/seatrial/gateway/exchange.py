"""One chat request through the gateway: to a server, through the rules, back, and on record.

With rules that may change something, events go through them and their bytes out behind them; with
none, every byte goes out as it comes and the rules only look on. Either way an answer that no
rule changed is the server's own, byte for byte.

In: an `Inbound`, an upstream. Out: a response; a recorded `Exchange`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from operator import is_

import msgspec

from seatrial.chat.endpoint import End, Event
from seatrial.chat.overflow import ContextOverflowError
from seatrial.core.config import LadderSpec, RuleMode
from seatrial.core.errors import Boundary, GuardError, SeatrialError, attribute
from seatrial.core.generation import Finish, Usage
from seatrial.gateway import record
from seatrial.gateway.asking import Asking
from seatrial.gateway.attempt import Attempt
from seatrial.gateway.elision import Elided
from seatrial.gateway.endings import Told, failed, overflowed, reported, stopped
from seatrial.gateway.exchanged import exchanged
from seatrial.gateway.fitting import Fitting
from seatrial.gateway.flow import Flow
from seatrial.gateway.metrics import Metrics
from seatrial.gateway.output import JSON_HEADERS, Headers, Output
from seatrial.gateway.raw_attempt import RawAttempt
from seatrial.gateway.rendering import whole_body
from seatrial.gateway.requests import Inbound
from seatrial.gateway.settings import BROKEN_STREAM, Settings
from seatrial.gateway.soft_window import SoftWindowError
from seatrial.gateway.upstream import Upstream
from seatrial.guard.guarded import guarded
from seatrial.guard.protocol import ELIDE, Decision, Rule
from seatrial.guard.rules import Memory, gateway_rules
from seatrial.guard.watch import Holding

OnExchange = Callable[[record.Exchange], None]

_WHOLE = frozenset({Finish.STOP, Finish.TOOL_CALLS, Finish.OTHER, Finish.MISSING})
"""Ends that clients take for the end of an answer."""


class Asked(msgspec.Struct, frozen=True):
    """A request and who sent it."""

    inbound: Inbound
    headers: Headers
    client: str
    session: str
    side: bool
    raw: bool = False
    """Ask for unparsed text and read it here."""


class Passage:
    """One request on its way."""

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        upstream: Upstream,
        asked: Asked,
        output: Output,
        on_exchange: OnExchange | None,
        memory: Memory,
    ) -> None:
        """`memory`: what a rule may know of earlier requests; one for each server."""
        self._settings = settings
        self._metrics = metrics
        self._upstream = upstream
        self._asked = asked
        self._output = output
        self._on_exchange = on_exchange
        self._collected = record.Collected()
        self._tail: list[Event] = []
        self._flow = Flow(output)
        self._fitting = Fitting(settings, metrics, upstream, asked.inbound, self._shortened)
        self._fitting.may_shorten(asked.client, raw=asked.raw)
        self._memory = memory.beside(lambda: self._fitting.is_shortened)
        rules = self._made = self._new_rules()
        self._acts = any(rule.mode == "enforce" for rule in rules)
        self._raw = asked.raw
        self._looks = bool(rules) or on_exchange is not None or self._raw
        self._attempt = self._new_attempt()

    async def run(self) -> None:
        """Answer the client; never raises for what a server or a rule does wrong."""
        try:
            await self._answer()
        finally:
            self._attempt.close()
            self._record()

    async def _answer(self) -> None:
        request = self._asked.inbound.request
        headers = self._asked.headers
        refusal = await self._fitting.refusal(self._attempt, headers, looks=self._looks)
        if refusal is not None:
            self._collected.fault = record.Fault(
                refusal.boundary, type(refusal).__name__, refusal.message
            )
            await self._tell(overflowed(refusal))
            return
        if request is None or not self._looks:
            await self._unread()
            return
        try:
            await self._through_rules()
        except GuardError as error:
            await self._without_rules(error)
        except SeatrialError as error:
            self._fault(error)
            await self._tell_failure(error)
        except Exception as error:
            # Whatever it is, it is between the rules and us, and not the client's.
            await self._without_rules(attribute(error, Boundary.GUARD, "the rules"))

    async def _through_rules(self) -> None:
        guard, inbound = self._settings.guard, self._asked.inbound
        request = inbound.request
        ladder = LadderSpec() if guard.ladder is msgspec.UNSET else guard.ladder
        endpoint = guarded(
            self._attempt,
            self._rules,
            self._decided,
            ladder=ladder,
            knobs=self._upstream.knobs,
            holding=Holding() if self._acts else None,
            fixed=inbound.fixed,
        )
        assert request is not None
        async with aclosing(endpoint.generate(request)) as events:
            await self._pass_on(events)
        if self._tees:
            await self._output.end()
        else:
            await self._close_answer()

    def _shortened(self, done: Elided, decision: Decision) -> None:
        self._metrics.add("elided_messages_total", done.shortened)
        self._put(ELIDE, "enforce", decision)

    def _rules(self) -> list[Rule]:
        """Rules for one attempt; those that were looked at first serve the first one."""
        made, self._made = self._made, []
        return made or self._new_rules()

    def _new_rules(self) -> list[Rule]:
        mode: RuleMode = "observe" if self._settings.observe else "enforce"
        return gateway_rules(self._settings.guard, mode, self._memory)

    async def _pass_on(self, events: AsyncGenerator[Event, None]) -> None:
        """Let everything go that the rules let go; the tail waits for its end."""
        attempt, tees, stream = self._attempt, self._tees, self._asked.inbound.stream
        async for event in events:
            self._collected.add(event)
            if not tees and not (stream and await self._flow.take(attempt, event)):
                self._tail.append(event)

    async def _close_answer(self) -> None:
        end = next((event for event in self._tail if isinstance(event, End)), None)
        if end is not None and end.finish is Finish.GUARD:
            ending = end.ending or "retryable_error"
            if ending != "length":
                await self._tell(stopped(ending, end.reason or "a rule", self._asked.client))
                return
        anew = self._raw or not self._untouched()
        if end is not None and anew and end.verdict == "reask" and end.finish in _WHOLE:
            # Its words stand nowhere in the answer, so it must not look like one.
            reason = end.reason or "a call that cannot be read"
            await self._tell(stopped("retryable_error", reason, self._asked.client))
            return
        if self._asked.inbound.stream:
            await self._close_stream()
        else:
            await self._close_whole()

    async def _close_stream(self) -> None:
        tail, untouched = self._attempt.tail, self._untouched()
        await self._flow.start(self._attempt, rendered=not untouched)
        if not untouched:
            with_usage = b'"include_usage"' in self._asked.inbound.raw
            closing = self._attempt.turn.closing if self._attempt.turn else {}
            self._output.add(self._flow.frames(self._attempt).tail(self._tail, with_usage, closing))
        else:
            self._output.add(tail[-1].raw)
        await self._output.end()

    async def _close_whole(self) -> None:
        headers = self._attempt.answer_headers()
        turn = self._attempt.turn
        body = turn.head if turn else b""
        if not self._untouched():
            body = whole_body(body, self._tail)
            headers = [] if self._attempt.streams else headers
        await self._output.whole(200, body, headers or JSON_HEADERS)

    def _untouched(self) -> bool:
        """The tail is the server's own: the same events, all of them, in the same order."""
        given = self._attempt.tail
        return len(given) == len(self._tail) and all(map(is_, given, self._tail))

    async def _unread(self) -> None:
        """Pass the answer on without looking at it."""
        if self._asked.inbound.request is None:
            self._metrics.add("unguarded_total")
        attempt = self._attempt
        # Raw mode looks at everything.
        assert isinstance(attempt, Attempt)
        try:
            await attempt.relay()
            await self._output.end()
        except SeatrialError as error:
            self._fault(error)
            await self._tell_failure(error)

    async def _without_rules(self, error: SeatrialError) -> None:
        """A rule broke: the client gets its answer nevertheless, as far as that is possible."""
        self._metrics.add("guard_errors_total")
        self._fault(error)
        if self._tees and not self._output.unsaid:
            await self._unread()
        elif self._output.unsaid:
            self._attempt.close()
            self._acts = self._raw = False
            self._attempt = self._new_attempt()
            await self._unread()
        else:
            await self._tell(failed(error, self._asked.client))

    async def _tell_failure(self, error: SeatrialError) -> None:
        refusal = self._attempt.refusal
        normalises = self._settings.normalise_overflow and not self._settings.observe
        if normalises and isinstance(error, ContextOverflowError):
            await self._tell(overflowed(error))
        elif refusal is not None and self._output.unsaid:
            await self._output.whole(refusal.status, refusal.body, refusal.headers)
        elif self._tees and not self._output.unsaid:
            # The client has all that the server said; it sees what there is to see.
            self._output.close()
        elif self._attempt.error_frames:
            await self._tell_reported()
        elif self._settings.acts(BROKEN_STREAM) or self._output.unsaid:
            await self._tell(failed(error, self._asked.client))
        else:
            await self._as_it_broke()

    async def _tell_reported(self) -> None:
        """What the server itself said in the stream."""
        acts = self._settings.acts(BROKEN_STREAM)
        told = reported(self._attempt.error_data, self._asked.client) if acts else None
        if told is not None:
            await self._tell(told)
            return
        await self._flow.start(self._attempt)
        self._output.add(self._attempt.error_frames)
        await self._output.end()

    async def _as_it_broke(self) -> None:
        if (turn := self._attempt.turn) is not None:
            self._output.add(turn.held)
        await self._output.flush()
        self._output.close()

    async def _tell(self, told: Told) -> None:
        """Say an error in the way that is still open."""
        output = self._output
        if output.unsaid:
            await output.whole(told.status, told.body)
        elif told.cut:
            await output.flush()
            output.close()
        else:
            output.add(told.frame)
            await output.end()

    @property
    def _tees(self) -> bool:
        return not (self._acts or self._raw)

    def _new_attempt(self) -> Asking:
        upstream, asked, output = self._upstream, self._asked, self._output
        keep = self._settings.token is None
        if self._raw:
            return RawAttempt(upstream, asked.inbound, asked.headers, output, keep_credentials=keep)
        return Attempt(
            upstream,
            asked.inbound,
            asked.headers,
            output,
            keep_credentials=keep,
            tee=self._tees,
            shortener=self._fitting.shortener,
        )

    def _decided(self, rule: Rule, decision: Decision) -> None:
        self._put(rule.id, rule.mode, decision)

    def _put(self, rule: str, mode: RuleMode, decision: Decision) -> None:
        self._collected.decided.append(record.Decided(rule, mode, decision))
        self._metrics.add("guard_decisions_total", rule=rule, mode=mode, action=decision.action)

    def _fault(self, error: SeatrialError) -> None:
        overflow = isinstance(error, ContextOverflowError)
        kind = (ContextOverflowError if overflow else type(error)).__name__
        if isinstance(error, SoftWindowError):
            self._metrics.add("soft_window_total", mode="enforce")
        else:
            if isinstance(error, ContextOverflowError):
                self._fitting.refused(error)
            if error.boundary is not Boundary.GUARD:
                self._metrics.add("upstream_errors_total", type=kind)
        self._collected.fault = record.Fault(error.boundary, kind, error.message)

    def _record(self) -> None:
        """Hand the exchange to the recorder; what broke or was left stands there as such."""
        request, collected = self._asked.inbound.request, self._collected
        usage = collected.usage.usage if collected.usage else Usage()
        discarded = self._attempt.discarded
        self._metrics.add("wire_total", wire=self._attempt.facts.wire)
        self._metrics.add("completion_tokens_total", usage.completion + discarded.completion)
        self._metrics.add("discarded_tokens_total", discarded.completion)
        if collected.end.unread:
            self._metrics.add("unguarded_total")
        self._fitting.answered(usage)
        if self._on_exchange is not None and request is not None:
            done = exchanged(
                self._asked,
                request,
                self._upstream,
                self._attempt,
                collected,
                unchanged=self._tees or self._untouched(),
                raw=collected.end.text if self._raw else "",
            )
            self._on_exchange(done)
