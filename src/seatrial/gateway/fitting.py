"""Whether a request fits the window: refused before it is sent, shortened, or sent as it is.

Puts together what weighs a prompt (`soft_window`), what counts it (`counting`) and what shortens a
conversation (`shortening`), for one request. In: a request and its server. Out: refusals.
"""

from __future__ import annotations

from collections.abc import Callable

from seatrial.chat.overflow import ContextOverflowError
from seatrial.core.generation import Usage
from seatrial.gateway.asking import Asking
from seatrial.gateway.clients import COMPACTS
from seatrial.gateway.counting import prompt_tokens
from seatrial.gateway.elision import Elided
from seatrial.gateway.metrics import Metrics
from seatrial.gateway.output import Headers
from seatrial.gateway.raw_attempt import RawAttempt
from seatrial.gateway.requests import Inbound
from seatrial.gateway.settings import SOFT_WINDOW, Settings
from seatrial.gateway.shortening import Shortener
from seatrial.gateway.soft_window import SoftLimit
from seatrial.gateway.upstream import Upstream
from seatrial.guard.protocol import ELIDE, Decision


class Fitting:
    """One request and the window of its model."""

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        upstream: Upstream,
        inbound: Inbound,
        on_shortened: Callable[[Elided, Decision], None],
    ) -> None:
        """`on_shortened` hears of every shortening before it is sent."""
        self._settings = settings
        self._metrics = metrics
        self._upstream = upstream
        self._inbound = inbound
        self._measured = upstream.measured(inbound.model)
        self._on_shortened = on_shortened
        self._limit = SoftLimit(settings.soft_window, self._measured)
        self.shortener: Shortener | None = None

    def may_shorten(self, client: str, *, raw: bool) -> None:
        """Shorten what does not fit, where `client` is not known to do it itself."""
        if self._settings.acts(ELIDE) and client not in COMPACTS and not raw:
            self.shortener = Shortener(self._measured, self._on_shortened)

    @property
    def is_shortened(self) -> bool:
        """What the server read is less than what the client said."""
        return self.shortener is not None and self.shortener.acts

    async def refusal(
        self, attempt: Asking, headers: Headers, *, looks: bool
    ) -> ContextOverflowError | None:
        """Why the request is not sent at all; `looks` = something of ours reads it."""
        refusal = await self._too_long(attempt, headers)
        return None if refusal is None or (looks and self._shortens(refusal)) else refusal

    def refused(self, error: ContextOverflowError) -> None:
        """The server refused: what it says of its window is kept."""
        self._limit.refused(error)

    def answered(self, usage: Usage) -> None:
        """Learn from an answer what this model makes of a prompt."""
        if not self.is_shortened:
            self._limit.answered(usage)

    async def _too_long(self, attempt: Asking, headers: Headers) -> ContextOverflowError | None:
        """Counted, and told only where we may act."""
        limit, upstream = self._limit, self._upstream
        refusal = limit.refusal(self._inbound)
        acts = self._settings.acts(SOFT_WINDOW)
        if acts and limit.unsure and isinstance(attempt, RawAttempt):
            # There the prompt is counted anyway, before it is sent.
            attempt.on_count = limit.counted
        elif acts and limit.unsure:
            keep = self._settings.token is None
            body = self._inbound.raw
            count = await prompt_tokens(upstream, body, headers, keep_credentials=keep)
            refusal = limit.judged(count)
        if refusal is None:
            return None
        self._metrics.add("soft_window_total", mode="enforce" if acts else "observe")
        # It may have started anew, with a larger window.
        upstream.doubt()
        return refusal if acts else None

    def _shortens(self, refusal: ContextOverflowError) -> bool:
        """Whether the request is sent nevertheless, shortened."""
        shortener, request = self.shortener, self._inbound.request
        if shortener is None or request is None:
            return False
        return shortener.refused(request, refusal, soft=True)
