"""Budgets of one response: reasoning, visible text, tool arguments and the whole, apart.

Each kind of token runs away for another reason and wants another remedy, so each has its own
bound. Tokens are counted while they come, as four bytes of text each, and by the server's usage
at the end. A complete call is judged when it is complete: while it is written only the bound of
the whole turn holds, which goes to the server as `max_tokens`.

In: stream events. Out: retries, stops.
"""

from __future__ import annotations

import msgspec

from seatrial.chat.endpoint import NO_CAP, CallEvent, Event, Request, Text, Think, UsageEvent
from seatrial.core.config import GuardSpec
from seatrial.guard.protocol import (
    PASS,
    PROSE,
    Channel,
    Decision,
    Ending,
    Finding,
    Mode,
    PassingRule,
)
from seatrial.guard.rules.base import budgets_of, tail

BYTES_PER_TOKEN = 4


class _Counter:
    """Tokens of one kind against one bound; tells once."""

    def __init__(self, rule: str, mode_id: str, channel: Channel, bound: int | None) -> None:
        self._rule, self._mode_id, self._channel = rule, mode_id, channel
        self._bound = bound
        self._bytes = 0
        self._chars = 0
        self._told = False

    def add(self, text: str) -> Finding | None:
        if self._bound is None:
            return None
        self._chars += len(text)
        self._bytes += len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
        return self.check(self._bytes // BYTES_PER_TOKEN, text, "about ")

    def check(self, tokens: int, text: str, about: str = "") -> Finding | None:
        if self._bound is None or tokens <= self._bound or self._told:
            return None
        self._told = True
        quote = tail(text)
        return Finding(
            detector=self._rule,
            mode_id=self._mode_id,
            channel=self._channel,
            detail=f"{about}{tokens} tokens, the budget is {self._bound}",
            quote=quote,
            start=self._chars - len(quote),
        )


class ThinkBudgetRule(PassingRule):
    """Ends reasoning that takes more than its share; blocks that are opened again count on."""

    id = "think_budget"
    ignores = frozenset({Text})

    def __init__(self, spec: GuardSpec, mode: Mode = "enforce") -> None:
        super().__init__(spec, mode)
        bound = budgets_of(spec).think
        self._counter = _Counter(self.id, "config.think_budget", "think", bound)

    def on_event(self, event: Event) -> Decision:
        if isinstance(event, Think):
            found = self._counter.add(event.text)
            return _again(found, "You thought for too long. Decide now, then act.")
        return PASS


class TextBudgetRule(PassingRule):
    """Ends an answer that is longer than any answer should be."""

    id = "text_budget"
    ignores = frozenset({Think})

    def __init__(self, spec: GuardSpec, mode: Mode = "enforce") -> None:
        super().__init__(spec, mode)
        self._bound = budgets_of(spec).text
        self._counter = _Counter(self.id, "config.max_tokens.text", "text", self._bound)

    def on_request(self, request: Request) -> Decision:
        # Whoever asks for more by number means it; the server keeps to it.
        if self._bound is not None and self._bound < request.max_tokens < NO_CAP:
            bound = request.max_tokens
            self._counter = _Counter(self.id, "config.max_tokens.text", "text", bound)
        return PASS

    def on_event(self, event: Event) -> Decision:
        if isinstance(event, Text):
            words = "Your last answer was far too long. Answer in a few sentences, or call a tool."
            return _again(self._counter.add(event.text), words, "length")
        return PASS


class ToolBudgetRule(PassingRule):
    """Refuses a call whose arguments are larger than the budget."""

    id = "tool_budget"
    ignores = PROSE

    def on_event(self, event: Event) -> Decision:
        if not isinstance(event, CallEvent):
            return PASS
        counter = _Counter(
            self.id, "config.max_tokens.tool_args", "calls", budgets_of(self.spec).tool
        )
        words = (
            f"The call of {event.call.name} was not executed: its arguments are too large. "
            "Do it in several smaller calls."
        )
        return _again(counter.add(event.call.arguments), words)


class TurnBudgetRule(PassingRule):
    """Bounds the whole response, calls included, by lowering `max_tokens`."""

    id = "turn_budget"

    def __init__(self, spec: GuardSpec, mode: Mode = "enforce") -> None:
        super().__init__(spec, mode)
        self._bound = budgets_of(spec).turn
        self._counter = _Counter(self.id, "config.max_tokens.text", "text", self._bound)

    def on_request(self, request: Request) -> Decision:
        if self._bound is None or request.max_tokens <= self._bound:
            return PASS
        lowered = msgspec.structs.replace(request, max_tokens=self._bound)
        detail = f"max_tokens lowered from {request.max_tokens} to {self._bound}"
        finding = Finding(self.id, "config.max_tokens.text", "request", detail, "")
        return Decision("edit", finding, request=lowered, before=str(request.max_tokens))

    def on_event(self, event: Event) -> Decision:
        if isinstance(event, Text | Think):
            found = self._counter.add(event.text)
        elif isinstance(event, UsageEvent):
            # A call that is whole by now is worth more than the few tokens over the bound.
            found = None
        else:
            return PASS
        return _again(found, "Your last answer was far too long. Be brief.", "length")


def _again(finding: Finding | None, words: str, ending: Ending = "retryable_error") -> Decision:
    if finding is None:
        return PASS
    return Decision("retry", finding, nudge=words, ending=ending)
