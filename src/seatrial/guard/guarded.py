"""An endpoint with rules around it; the agent and the gateway use the same one.

Events pass unchanged, as the same objects, as long as no rule in enforce mode wants otherwise.
Actions: `pass`, `edit` (one event, or the last one at the end of the turn) and `stop`. What a
rule asks for beyond that is refused with a `GuardError`, not ignored. In observe mode a decision
is reported and has no effect.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from seatrial.chat.endpoint import End, Endpoint, Event, Facts, Request, Text, Think
from seatrial.core.errors import Boundary, GuardError, attribute
from seatrial.core.generation import Finish
from seatrial.guard.protocol import PASS, Decision, Rule

OnDecision = Callable[[Rule, Decision], None]


def guarded(
    endpoint: Endpoint,
    rules: Callable[[], Sequence[Rule]],
    on_decision: OnDecision | None = None,
) -> Endpoint:
    """`endpoint` with `rules()`, made anew for each request, around every generation.

    `on_decision` hears of every decision other than `pass`, enforced or not. A stopped stream
    is cancelled upstream and ends in `End(finish=GUARD)`, whose `text` is all reasoning and text
    that was generated, in order, the event that was held back included.
    """
    return _Guarded(endpoint, rules, on_decision)


class _Guarded:
    def __init__(
        self,
        endpoint: Endpoint,
        rules: Callable[[], Sequence[Rule]],
        on_decision: OnDecision | None,
    ) -> None:
        self._endpoint = endpoint
        self._rules = rules
        self._on_decision = on_decision

    @property
    def facts(self) -> Facts:
        return self._endpoint.facts

    async def count(self, request: Request) -> int:
        return await self._endpoint.count(request)

    def sent(self, request: Request) -> dict[str, Any]:
        return self._endpoint.sent(request)

    async def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        watch = _Watch([rule for rule in self._rules() if rule.mode != "off"], self._on_decision)
        stopped = watch.before(request)
        if stopped is not None:
            yield stopped
            return
        upstream = self._endpoint.generate(request)
        try:
            async for event in upstream:
                passed = watch.during(event)
                if watch.stopped:
                    # Cancel before the consumer learns of it: it may ask again at once.
                    await _close(upstream)
                yield passed
                if watch.stopped:
                    return
        finally:
            await _close(upstream)


class _Watch:
    """The rules of one generation, and the text so far."""

    def __init__(self, rules: Sequence[Rule], on_decision: OnDecision | None) -> None:
        self._rules = rules
        self._on_decision = on_decision
        self._parts: list[str] = []
        self.stopped = False

    def before(self, request: Request) -> End | None:
        for rule in self._rules:
            decision = self._ask(rule, partial(rule.on_request, request))
            if decision.action == "stop":
                return self._end(decision)
            if decision.action != "pass":
                raise _refused(rule, decision, "before a request")
        return None

    def during(self, event: Event) -> Event:
        """What is passed on in place of `event`; with `stopped`, the last one."""
        if isinstance(event, (Text, Think)):
            self._parts.append(event.text)
        for rule in self._rules:
            decision = self._ask_event(rule, event)
            if decision.action == "stop":
                return self._end(decision, event)
            event = _edited(rule, decision, event)
        return self._at_end(event) if isinstance(event, End) else event

    def _at_end(self, event: End) -> Event:
        last: Event = event
        for rule in self._rules:
            decision = self._ask(rule, rule.on_turn)
            if decision.action == "stop":
                return self._end(decision, last)
            last = _edited(rule, decision, last)
        return last

    def _ask_event(self, rule: Rule, event: Event) -> Decision:
        # Hot path: once for every rule and event.
        try:
            decision = rule.on_event(event)
        except Exception as error:
            raise attribute(error, Boundary.GUARD, f"rule {rule.id}") from error
        return decision if decision is PASS else self._effect(rule, decision)

    def _ask(self, rule: Rule, hook: Callable[[], Decision]) -> Decision:
        try:
            decision = hook()
        except Exception as error:
            raise attribute(error, Boundary.GUARD, f"rule {rule.id}") from error
        return self._effect(rule, decision)

    def _effect(self, rule: Rule, decision: Decision) -> Decision:
        if decision.action == "pass":
            return PASS
        if self._on_decision is not None:
            self._on_decision(rule, decision)
        return decision if rule.mode == "enforce" else PASS

    def _end(self, decision: Decision, event: Event | None = None) -> End:
        self.stopped = True
        reason = decision.finding.detail if decision.finding else None
        if isinstance(event, End):
            return _guard_end(event, reason)
        return End(finish=Finish.GUARD, text="".join(self._parts), reason=reason)


def _guard_end(event: End, reason: str | None) -> End:
    """The server's own end, marked as stopped; what was read of the turn stays."""
    return msgspec.structs.replace(event, finish=Finish.GUARD, reason=reason)


def _edited(rule: Rule, decision: Decision, event: Event) -> Event:
    if decision.action == "pass":
        return event
    if decision.action == "edit" and decision.event is not None:
        return decision.event
    raise _refused(rule, decision, "on an event")


def _refused(rule: Rule, decision: Decision, where: str) -> GuardError:
    what = "edit without an event" if decision.action == "edit" else decision.action
    return GuardError(f"rule {rule.id}: {what!r} is not possible {where}")


async def _close(stream: AsyncIterator[Event]) -> None:
    close = getattr(stream, "aclose", None)
    if close is not None:
        await close()
