"""Asking again with a shorter conversation, after a server said that it does not fit.

What was refused is the best measure there is: where the server names its window and the length of
the prompt, they are taken; else the window that is known, where it explains the refusal; else the
prompt that was refused, of which half is kept. Nothing is shortened that a server would take.

Which messages go is decided in `elision`. In: requests, refusals. Out: requests, a decision for
the record.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec

from seatrial.chat.endpoint import Request
from seatrial.chat.overflow import ContextOverflowError
from seatrial.chat.window import Measured, SoftWindow, weigh
from seatrial.gateway.elision import Elided, Room, elide, estimated_tokens
from seatrial.guard.protocol import ELIDE, Decision, Finding

_MOST_REFUSALS = 2
_LOW_SHARE = 0.7
"""Of the limit: what is left of a conversation, so that it fits for some turns."""
_UNTOLD_SHARES = (0.75, 0.5)
"""Limit and rest as shares of what was refused, where nobody tells the window."""
_AGAIN_SHARE = 0.7
"""Of the limit, when what was shortened was refused, too."""
_RATIO_STEPS = 8
"""Tokens of one estimated token are rounded up to eighths: what is told differs a little from
turn to turn, and must not shift what is shortened."""


class Shortener:
    """The conversation of one exchange."""

    def __init__(
        self, measured: Measured, on_shortened: Callable[[Elided, Decision], None]
    ) -> None:
        """`on_shortened` hears of every shortening before it is sent."""
        self._measured = measured
        self._on_shortened = on_shortened
        self._room: Room | None = None
        self._refusals = 0

    @property
    def acts(self) -> bool:
        """What is sent is shorter than what the client said."""
        return self._room is not None

    def sent(self, request: Request) -> Request:
        """What is sent of `request`."""
        if self._room is None:
            return request
        shorter = elide(request.messages, self._room)
        if not shorter.shortened:
            return request
        return msgspec.structs.replace(request, messages=shorter.messages)

    def refused(self, request: Request, error: ContextOverflowError, *, soft: bool = False) -> bool:
        """Whether to ask again: `request` did not fit, as it was `sent`, and a shorter one may.

        `soft`: it was not sent, and the window in `error` leaves room for the answer already.
        """
        if not soft:
            self._measured.refused(error)
        self._refusals += 1
        if self._refusals > _MOST_REFUSALS:
            return False
        base = float(weigh({"tools": [tool.openai() for tool in request.tools]}).tokens)
        before = base + estimated_tokens(self.sent(request).messages)
        room = self._fitting(request, error, base, before, soft)
        done = elide(request.messages, room)
        if not done.fits or done.tokens >= before:
            return False
        self._room = room
        self._on_shortened(done, _decision(done, before))
        return True

    def _fitting(
        self, request: Request, error: ContextOverflowError, base: float, sent: float, soft: bool
    ) -> Room:
        measured = self._measured
        ratio = measured.ratio if measured.samples else 1.0
        if error.prompt_tokens is not None and not error.at_least:
            ratio = max(error.prompt_tokens / sent, 0.1)
        ratio = math.ceil(ratio * _RATIO_STEPS) / _RATIO_STEPS
        window = error.window_tokens
        known = measured.window_tokens
        if window is None and known is not None and sent * ratio >= known:
            window = known
        if window is not None:
            limit = _limit(window, request, error, soft) / ratio
            low = _LOW_SHARE * limit
        else:
            least = min(measured.refused_estimate or int(sent), int(sent))
            measured.refused_estimate = least
            limit, low = (share * least for share in _UNTOLD_SHARES)
        again = _AGAIN_SHARE ** (self._refusals - 1)
        return Room(again * limit, again * low, base)


def _limit(window: int, request: Request, error: ContextOverflowError, soft: bool) -> float:
    if soft:
        return window
    limit = SoftWindow().limit_tokens(window, request.max_tokens)
    # Some servers count in what the client asked for as output, and used or not.
    return min(limit, window - (error.completion_tokens or 0))


def _decision(done: Elided, before: float) -> Decision:
    detail = (
        f"{done.shortened} old messages lost {done.characters:,} characters, because the prompt "
        f"did not fit: about {int(before):,} tokens became {done.tokens:,}"
    )
    return Decision("edit", Finding(ELIDE, "harness.compaction", "request", detail, quote=""))
