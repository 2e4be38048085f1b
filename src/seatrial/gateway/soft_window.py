"""The soft window at work: a prompt that is too long is refused before the server refuses it.

The client is told its own overflow error and compacts while there is still room. Near the limit
an estimate is no verdict: the server's tokenizer decides, and where nobody can ask it the request
goes on. Usage teaches how many tokens this model makes of a prompt.

Not the arithmetic, which is `chat.window`. In: bodies, usage, refusals. Out: refusals.
"""

from __future__ import annotations

from seatrial.chat.overflow import ContextOverflowError
from seatrial.chat.window import Measured, SoftWindow, Weight, weigh
from seatrial.core.generation import Usage
from seatrial.gateway.requests import Inbound, read_object


class SoftWindowError(ContextOverflowError):
    """A prompt that was counted and is too long for the soft window, not for the server's."""


class SoftLimit:
    """The soft window of one request."""

    def __init__(self, soft: SoftWindow | None, measured: Measured) -> None:
        """`soft` None = there is none, and nothing is weighed."""
        self._soft = soft
        self._measured = measured
        self._weight: Weight | None = None
        self._cap = 0
        self.unsure = False
        """The estimate was no verdict: the prompt went on, and a count would decide."""

    def refusal(self, inbound: Inbound) -> ContextOverflowError | None:
        """What the client is told instead of an answer; None = the prompt may go on."""
        if self._soft is None or inbound.request is None:
            return None
        self._weight = weigh(read_object(inbound.raw))
        self._cap = inbound.request.max_tokens
        judgement = self._measured.judge(self._weight, self._soft, self._cap)
        # What an image takes stands in no text that a tokenizer could be given.
        self.unsure = judgement.verdict == "count" and not self._weight.media
        return judgement.refusal()

    def judged(self, prompt_tokens: int | None) -> ContextOverflowError | None:
        """The refusal of a prompt of so many tokens; None = nobody could count it."""
        if self._soft is None or self._weight is None or prompt_tokens is None:
            return None
        judged = self._measured.judge(self._weight, self._soft, self._cap, exact=prompt_tokens)
        return judged.refusal()

    def counted(self, prompt_tokens: int) -> None:
        """Decide about a prompt that the server has counted.

        Raises:
            SoftWindowError: it is too long.
        """
        refusal = self.judged(prompt_tokens)
        if refusal is not None:
            raise SoftWindowError(
                refusal.message,
                prompt_tokens=refusal.prompt_tokens,
                window_tokens=refusal.window_tokens,
            )

    def refused(self, error: ContextOverflowError) -> None:
        """The server refused: what it says of its window is kept."""
        self._measured.refused(error)

    def answered(self, usage: Usage) -> None:
        """Learn from an answer what this model makes of a prompt."""
        if self._weight is not None:
            self._measured.answered(self._weight, usage)
