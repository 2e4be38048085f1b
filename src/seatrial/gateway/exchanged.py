"""A passage that is over, as the exchange that is recorded.

In: what was asked, what was collected, the last attempt. Out: an `Exchange`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.chat.endpoint import Request
from seatrial.chat.overflow import ContextOverflowError
from seatrial.core.generation import Finish, Timings, Usage
from seatrial.gateway.asking import Asking
from seatrial.gateway.record import Collected, Exchange
from seatrial.gateway.turns import Turn
from seatrial.gateway.upstream import Upstream

if TYPE_CHECKING:
    from seatrial.gateway.exchange import Asked


def exchanged(
    asked: Asked,
    request: Request,
    upstream: Upstream,
    attempt: Asking,
    collected: Collected,
    *,
    unchanged: bool,
    raw: str,
) -> Exchange:
    """What came of `request`.

    `unchanged`: the client got the end of the answer in the server's own bytes, and so the calls
    as they stand there.
    """
    turn, end = attempt.turn, collected.end
    own_calls = turn.given if unchanged and isinstance(turn, Turn) else None
    inbound = asked.inbound
    return Exchange(
        client=asked.client,
        session=asked.session,
        cache_key=inbound.cache_key,
        side=asked.side,
        upstream=upstream.url,
        model=inbound.model,
        window=upstream.window_of(inbound.model),
        loads_on_request=upstream.loads_on_request,
        wire=attempt.facts.wire,
        request=request,
        body=attempt.body,
        fields=(inbound.fields if attempt.body is inbound.raw else b"") or attempt.body,
        message=collected.message(own_calls),
        finish=_finish(collected),
        raw_finish=end.raw_finish,
        raw=raw,
        usage=collected.usage.usage if collected.usage else Usage(),
        discarded=attempt.discarded,
        timings=turn.timings() if turn else Timings(),
        verdict=end.verdict,
        reason=end.reason,
        decided=tuple(collected.decided),
        fault=collected.fault,
    )


def _finish(collected: Collected) -> Finish:
    fault, finish = collected.fault, collected.end.finish
    if fault is not None and fault.type == ContextOverflowError.__name__:
        return Finish.CONTEXT
    if fault is not None and finish is Finish.CANCELLED:
        return Finish.MISSING
    return finish
