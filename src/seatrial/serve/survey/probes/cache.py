"""Whether a prompt that came before costs nothing the second time.

In: a session. Out: `cache.prefix`.
"""

from __future__ import annotations

from seatrial.serve.survey.observe import bad, good, unknown, why_not
from seatrial.serve.survey.probes import speed
from seatrial.serve.survey.session import Session
from seatrial.serve.survey.survey import Observation

_SHARE = 0.5
_LEAST_TOKENS = 64
"""Shorter prompts fit no block of the servers that cache in blocks."""


async def probe(session: Session) -> list[Observation]:
    """The same prompt twice; a third time before a miss is believed."""
    first = await speed.cold(session)
    again = await speed.warm(session)
    if again.ok and not again.cached_tokens:
        again = await speed.warm_again(session)
    if not first.ok or not again.ok:
        broken = again if first.ok else first
        return [unknown("cache.prefix", f"not known: {why_not(broken)}", broken)]
    cached, total = again.cached_tokens, again.prompt_tokens
    if cached is None and session.family.reports_cached:
        cached = 0  # a server that reports leaves the field out where nothing was reused
    if cached is None or not total:
        return [unknown("cache.prefix", "the server does not say what it reuses", again)]
    values = {"prompt_tokens": total, "cached_tokens": cached}
    if total < _LEAST_TOKENS:
        return [unknown("cache.prefix", "the prompt is too short to tell", again, **values)]
    said = f"of {total} tokens sent twice, {cached} were reused"
    if cached >= total * _SHARE:
        return [good("cache.prefix", said, again, **values)]
    return [bad("cache.prefix", f"{said}: every turn pays for its whole prompt", again, **values)]
