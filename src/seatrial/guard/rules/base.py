"""What several rules share: quotes, budgets, a look at a request. In: values. Out: values."""

from __future__ import annotations

from seatrial.chat.endpoint import Request
from seatrial.core.config import BudgetSpec, GuardSpec

QUOTE_CHARS = 240
"""Longest quote of a finding."""


def budgets_of(spec: GuardSpec) -> BudgetSpec:
    return spec.budgets if isinstance(spec.budgets, BudgetSpec) else BudgetSpec()


def last_words(request: Request) -> str:
    """The text of the last message: where a nudge of the ladder stands."""
    return request.messages[-1].text if request.messages else ""


def tail(text: str) -> str:
    """The end of `text`, short enough for a quote."""
    return text[-QUOTE_CHARS:]
