"""The soft window at work: a prompt that is too long is refused before the server refuses it.

The client is told its own overflow error and compacts while there is still room. Near the limit
an estimate is no verdict, and the request goes on: the server has the last word. Usage teaches
how many tokens this model makes of a prompt.

Not the arithmetic, which is `chat.window`. In: bodies, usage, refusals. Out: refusals.
"""

from __future__ import annotations

from seatrial.chat.overflow import ContextOverflowError
from seatrial.chat.window import Measured, SoftWindow, Weight, weigh
from seatrial.core.generation import Usage
from seatrial.gateway.requests import Inbound, read_object


class SoftLimit:
    """The soft window of one request."""

    def __init__(self, soft: SoftWindow | None, measured: Measured) -> None:
        """`soft` None = there is none, and nothing is weighed."""
        self._soft = soft
        self._measured = measured
        self._weight: Weight | None = None

    def refusal(self, inbound: Inbound) -> ContextOverflowError | None:
        """What the client is told instead of an answer; None = the prompt may go on."""
        if self._soft is None or inbound.request is None:
            return None
        self._weight = weigh(read_object(inbound.raw))
        cap = inbound.request.max_tokens
        return self._measured.judge(self._weight, self._soft, cap).refusal()

    def refused(self, error: ContextOverflowError) -> None:
        """The server refused: what it says of its window is kept."""
        self._measured.refused(error)

    def answered(self, usage: Usage) -> None:
        """Learn from an answer what this model makes of a prompt."""
        if self._weight is not None:
            self._measured.answered(self._weight, usage)
