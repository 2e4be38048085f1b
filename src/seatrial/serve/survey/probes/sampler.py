"""The four conformance tests of a sampler: greedy repeats, a seed repeats, seeds differ, top_k=1
is greedy. And whether temperature does anything at all.

Caches and batching change the last bits of logits, so a difference is asked for again before it
is believed, and one that comes late is called unknown. In: a session. Out: `sampler.*`, without
the knobs.
"""

from __future__ import annotations

from typing import Any

from seatrial.serve.survey import questions
from seatrial.serve.survey.observe import bad, good, unknown, why_not
from seatrial.serve.survey.reply import Reply, alike, same
from seatrial.serve.survey.session import Session
from seatrial.serve.survey.survey import Observation

_WARM: dict[str, Any] = {"temperature": 0.7}
_LEAST_CHARS = 3


async def probe(session: Session) -> list[Observation]:
    """All of them."""
    first = await questions.greedy(session)
    if not first.ok or len(first.text) < _LEAST_CHARS:
        said = f"nothing to compare: {why_not(first)}"
        return [unknown(id_, said, first) for id_ in IDS]
    greedy = await _greedy(session, first)
    seed = await _seed_repeats(session, first)
    return [
        greedy,
        seed,
        await _seeds_differ(session, first, seed.verdict == "good"),
        await _temperature(session, first),
        await _top_k_one(session, first),
    ]


IDS = (
    "sampler.greedy_repeats",
    "sampler.seed_repeats",
    "sampler.seeds_differ",
    "sampler.knob.temperature",
    "sampler.knob.top_k",
)


async def _greedy(session: Session, first: Reply) -> Observation:
    id_ = "sampler.greedy_repeats"
    second = await questions.greedy_stream(session)
    if second.ok and same(first, second):
        return good(id_, "at temperature 0 the same request gets the same answer", first, second)
    more = [await questions.greedy_again(session) for _ in range(3)]
    replies = [first, *more]
    if broken := next((reply for reply in replies if not reply.ok), None):
        return unknown(id_, f"not known: {why_not(broken)}", broken)
    if all(same(more[0], reply) for reply in more):
        said = "at temperature 0 the same request gets the same answer, once the cache is warm"
        return good(id_, said, *more[:2], first_differs=not same(first, more[0]))
    if all(alike(more[0], reply) for reply in more):
        said = "answers at temperature 0 begin the same and part late, as rounding makes them"
        return unknown(id_, said, *more)
    said = "at temperature 0 the same request gets different answers"
    return bad(id_, said, *more)


async def _warm(session: Session, seed: int, turn: int = 0) -> Reply:
    return await session.once(
        f"warm seed {seed} {turn}",
        lambda: session.chat(
            questions.SHIPS, max_tokens=questions.SHORT_TOKENS, seed=seed, **_WARM
        ),
    )


async def _seed_repeats(session: Session, greedy: Reply) -> Observation:
    id_ = "sampler.seed_repeats"
    documented = "seed" not in session.family.knobs
    replies = [await _warm(session, 42, turn) for turn in range(2)]
    if broken := next((reply for reply in replies if not reply.ok), None):
        return unknown(id_, f"not known: {why_not(broken)}", broken)
    if same(*replies):
        sampled = not same(replies[0], greedy)
        if not sampled and not await _samples(session, greedy):
            said = "nothing is sampled, so a seed can show nothing"
            return unknown(id_, said, *replies)
        return good(id_, "the same seed gets the same answer", *replies, sampled=sampled)
    replies += [await _warm(session, 42, turn) for turn in range(2, 4)]
    equal = max(sum(same(one, other) for other in replies) for one in replies)
    if equal >= len(replies) - 1:
        said = "the same seed gets the same answer but once, as rounding makes it"
        return good(id_, said, *replies[-2:], sampled=True)
    if equal > 1 or all(alike(replies[0], other) for other in replies):
        return unknown(id_, "the same seed gets the same answer only now and then", *replies)
    said = "the same seed gets a different answer each time: the seed is ignored"
    return bad(id_, said, *replies[:2], documented=documented)


async def _samples(session: Session, greedy: Reply) -> bool:
    """Whether a hot request leaves the greedy answer."""
    hot = await questions.loose(session)
    return hot.ok and not same(hot, greedy)


async def _seeds_differ(session: Session, greedy: Reply, repeats: bool) -> Observation:
    id_ = "sampler.seeds_differ"
    first, other = await _warm(session, 42), await _warm(session, 43)
    if not first.ok or not other.ok:
        broken = other if first.ok else first
        return unknown(id_, f"not known: {why_not(broken)}", broken)
    if same(first, other):
        # A sure model says the same at 0.7 whatever the dice; heat it.
        first, other = await questions.loose(session, 42), await questions.loose(session, 43)
        if not first.ok or not other.ok:
            return unknown(id_, f"not known: {why_not(other if first.ok else first)}", first, other)
        if same(first, greedy) and same(other, greedy):
            said = "nothing is sampled, so seeds can show nothing"
            return unknown(id_, said, first, other)
    if not same(first, other):
        if not repeats:
            said = "answers differ, but they differ with one seed too"
            return unknown(id_, said, first, other)
        return good(id_, "another seed gets another answer", first, other)
    third = await questions.loose(session, 44)
    if not third.ok or not same(first, third):
        return unknown(id_, "seeds differ only now and then", first, other, third)
    said = "every seed gets the same answer: repeating a trial would repeat its luck"
    return bad(id_, said, first, other, documented="seed" not in session.family.knobs)


async def _temperature(session: Session, greedy: Reply) -> Observation:
    id_ = "sampler.knob.temperature"
    hot = await questions.loose(session)
    documented = "temperature" not in session.family.knobs
    if not hot.ok:
        if hot.broken == "refused":
            said = f"temperature is refused ({hot.status}): {hot.error[:200]}"
            refused = {"accepted": False, "status": hot.status}
            return bad(id_, said, hot, documented=documented, **refused)
        return unknown(id_, f"not known: {why_not(hot)}", hot)
    values = {"accepted": True, "documented": documented}
    repeats = same(greedy, await questions.greedy_stream(session))
    if not repeats and "seed" not in session.family.knobs:
        said = "every answer differs, at temperature 0 too, and no seed can hold the dice still"
        return unknown(id_, said, greedy, hot, **values)
    pairs = []
    for seed in (42, 43, 44):
        hot = await questions.loose(session, seed)
        cold = greedy if repeats else await _cold(session, seed)
        if not (hot.ok and cold.ok):
            broken = cold if hot.ok else hot
            return unknown(id_, f"not known: {why_not(broken)}", broken, **values)
        if not same(cold, hot):
            return good(id_, "temperature changes the answer", cold, hot, **values)
        pairs.append((cold, hot))
    cold, hot = pairs[0]
    asked = hot.asked["temperature"]
    if not _nothing_else_narrows(session):
        said = f"the answer is the same at temperature {asked}: ignored, or hidden by other filters"
        return unknown(id_, said, cold, hot, **values)
    said = f"temperature is ignored: the answer at 0 is the answer at {asked}"
    return bad(id_, said, cold, hot, **values)


async def _cold(session: Session, seed: int) -> Reply:
    """Temperature 0 under the same seed as the hot request.

    A server that ignores temperature samples at "0" as well, with other dice each time.
    """
    hot = (await questions.loose(session, seed)).asked
    fields = {k: v for k, v in hot.items() if k not in ("messages", "model", "max_tokens")}
    return await session.chat(
        questions.SHIPS, max_tokens=questions.SHORT_TOKENS, **(fields | questions.GREEDY)
    )


def _nothing_else_narrows(session: Session) -> bool:
    """Whether every filter that could leave one token only was opened by the hot request.

    Ollama's chat endpoint takes neither top_k nor min_p; its own are 40 and 0.
    """
    return {"top_p", "top_k", "min_p"} <= session.family.knobs or session.family.id == "ollama"


async def _top_k_one(session: Session, greedy: Reply) -> Observation:
    """`top_k` 1 leaves one token, however hot."""
    return await narrows(session, greedy, "top_k", top_k=1)


async def narrows(session: Session, greedy: Reply, knob: str, **fields: float) -> Observation:
    """Whether `fields` leave one token of a hot distribution, so that seeds cannot differ."""
    id_ = f"sampler.knob.{knob}"
    documented = knob not in session.family.knobs
    hot = await questions.loose(session)
    one = await questions.loose(session, 42, **fields)
    values = {"documented": documented, "accepted": one.ok, **fields}
    if one.broken == "refused" and hot.ok:
        said = f"{knob} is refused ({one.status}): {one.error[:200]}"
        return bad(id_, said, one, **values, status=one.status)
    if not one.ok or not hot.ok:
        return unknown(id_, f"not known: {why_not(hot if one.ok else one)}", one, **values)
    if same(hot, greedy) or alike(hot, greedy):
        said = f"the answer does not change with heat, so {knob} can show nothing"
        return unknown(id_, said, hot, one, **values)
    if same(one, greedy):
        return good(id_, f"{knob} works: it leaves the likeliest token", one, greedy, **values)
    other = await questions.loose(session, 43, **fields)
    if not other.ok:
        return unknown(id_, f"not known: {why_not(other)}", other, **values)
    if same(one, other):
        return good(id_, f"{knob} works: with it no seed matters", one, other, **values)
    if alike(one, other):
        said = f"with {knob} the answers part late, as rounding makes them"
        return unknown(id_, said, one, other, **values)
    value = next(iter(fields.values()))
    said = f"{knob} is accepted and ignored: at {value:g} the answer still goes by the dice"
    return bad(id_, said, one, other, **values)
