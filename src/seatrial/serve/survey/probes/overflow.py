"""What happens to a prompt that does not fit the window, and how large that window really is.

Opt-in: it costs the server a long prompt, and on some a crash. In: a session. Out: `overflow.*`.
"""

from __future__ import annotations

from seatrial.chat.overflow import read_overflow
from seatrial.serve.survey.observe import bad, good, unknown, why_not
from seatrial.serve.survey.probes.speed import filler, tokens_per_word
from seatrial.serve.survey.reply import Reply
from seatrial.serve.survey.session import Session
from seatrial.serve.survey.survey import Observation

_BEYOND = 1.25
_BEYOND_TOKENS = 64
_UNKNOWN_WINDOW_TOKENS = 40_000
"""Sent where no window is stated: larger than the defaults of small servers."""
_ARRIVED_SHARE = 0.9
_SAME_WINDOW_SHARE = 0.02
_POOL = "context size has been exceeded"


async def probe(session: Session) -> list[Observation]:
    """One prompt that is a quarter too long."""
    if session.family.overflow == "unbounded":
        said = "not asked: this server has no limit, so a long prompt only fills its memory"
        return [unknown("overflow.shape", said)]
    ratio = await tokens_per_word(session)
    if ratio is None:
        said = "not asked: the server does not count prompt tokens"
        return [unknown("overflow.shape", said)]
    stated = session.facts.window.value if session.facts.window is not None else None
    expected = _UNKNOWN_WINDOW_TOKENS if stated is None else int(stated * _BEYOND) + _BEYOND_TOKENS
    reply = await session.chat(filler(expected, ratio), max_tokens=1, temperature=0)
    if reply.ok:
        return _accepted(session, reply, expected, stated)
    if reply.broken != "refused":
        return [unknown("overflow.shape", f"not known: {why_not(reply)}", reply)]
    return _refused(reply, stated)


def _accepted(
    session: Session, reply: Reply, expected: int, stated: int | None
) -> list[Observation]:
    arrived = reply.prompt_tokens
    values = {"expected_tokens": expected, "arrived_tokens": arrived}
    if arrived is None:
        return [unknown("overflow.shape", "it was accepted and not counted", reply, **values)]
    if arrived < expected * _ARRIVED_SHARE:
        said = (
            f"a prompt of about {expected:,} tokens was cut to {arrived:,}, and nobody was told: "
            "the model works without its instructions"
        )
        documented = session.family.overflow == "truncates"
        cut = bad("overflow.shape", said, reply, **values, shape="truncates", documented=documented)
        return [cut, _window(stated, arrived, reply)]
    if stated is None:
        said = f"a prompt of {arrived:,} tokens fits; no window is stated"
        return [unknown("overflow.shape", said, reply, **values, shape="fits")]
    said = f"a prompt of {arrived:,} tokens fits, though the window is said to hold {stated:,}"
    return [
        unknown("overflow.shape", said, reply, **values, shape="fits"),
        bad("overflow.window", said, reply, stated_tokens=stated, at_least_tokens=arrived),
    ]


def _refused(reply: Reply, stated: int | None) -> list[Observation]:
    if _POOL in reply.error.lower():
        said = "a prompt that does not fit ends every generation under way, and no number is told"
        return [bad("overflow.shape", said, reply, status=reply.status, shape="fails_all")]
    overflow = read_overflow(reply.raw or reply.error)
    if overflow is None:
        said = f"a prompt that does not fit is refused in unknown words: {reply.error[:200]}"
        return [unknown("overflow.shape", said, reply, status=reply.status, shape="other")]
    values = {"status": reply.status, "shape": "refuses"}
    window = overflow.window_tokens
    numbers = {"prompt_tokens": overflow.prompt_tokens, "window_tokens": window}
    values |= {name: value for name, value in numbers.items() if value is not None}
    found = [good("overflow.shape", "a prompt that does not fit is refused", reply, **values)]
    return [*found, _window(stated, window, reply)] if window is not None else found


def _window(stated: int | None, learnt: int, reply: Reply) -> Observation:
    values = {"stated_tokens": stated, "learnt_tokens": learnt}
    if stated is None:
        said = f"the window holds {learnt:,} tokens, learnt from the refusal"
        return good("overflow.window", said, reply, **values)
    if abs(stated - learnt) <= stated * _SAME_WINDOW_SHARE:
        return good("overflow.window", f"the window holds {learnt:,} tokens", reply, **values)
    said = f"the window holds {learnt:,} tokens, not the {stated:,} that the server states"
    return bad("overflow.window", said, reply, **values)
