"""Whether each sampler field that clients send is accepted and changes the answer.

Values are so extreme that an honest sampler cannot hide: a filter that leaves one token, a
penalty that outweighs every logit. Where even that would not show, the verdict is unknown. In: a
session. Out: `sampler.knob.<name>`.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from seatrial.serve.survey import questions
from seatrial.serve.survey.observe import bad, good, unknown, why_not
from seatrial.serve.survey.probes.sampler import narrows
from seatrial.serve.survey.reply import Reply, same
from seatrial.serve.survey.session import Session
from seatrial.serve.survey.survey import Observation

_TOKENS_IN_TEXT = re.compile(r"\w+|[^\w\s]")
_TOP_P = 1e-5
"""At temperature 5 the likeliest token has more than this in any vocabulary; much less would
drown in 32-bit sums."""
_DRY = {
    "dry_multiplier": 1000.0,
    "dry_base": 1.75,
    "dry_allowed_length": 1,
    "dry_penalty_last_n": 512,
    "dry_sequence_breakers": ["\x01"],
}
_LOOPED_SHARE = 0.5


async def probe(session: Session) -> list[Observation]:
    """The knobs that nearly every client sends."""
    first, greedy = await questions.greedy(session), await questions.settled(session)
    if not first.ok or not first.text:
        return [_nothing(knob, first) for knob in ("top_p", "min_p", "repeat_penalty")]
    name = _repeat_name(session)
    return [
        await narrows(session, greedy or first, "top_p", top_p=_TOP_P),
        await narrows(session, greedy or first, "min_p", min_p=1.0),
        await _repeat_penalty(session, greedy, name) if greedy else _unsteady(name, first),
    ]


async def more(session: Session) -> list[Observation]:
    """The others."""
    first, greedy = await questions.greedy(session), await questions.settled(session)
    rest = ("presence_penalty", "frequency_penalty", "dry_multiplier", "xtc_probability")
    if not first.ok or not first.text:
        return [_nothing(knob, first) for knob in (*rest, "mirostat")]
    if greedy is None:
        return [_unsteady(knob, first) for knob in (*rest, "mirostat")]
    found = [
        await _additive(session, greedy, "presence_penalty"),
        await _additive(session, greedy, "frequency_penalty"),
        await _dry(session, greedy),
        await _xtc(session),
        await narrows(session, greedy, "mirostat", mirostat=2, mirostat_tau=0.0),
    ]
    if _repeat_name(session) != "repeat_penalty":
        # Most clients send llama.cpp's name, and this family has another one.
        found.append(await _repeat_penalty(session, greedy, "repeat_penalty"))
    return found


def _repeat_name(session: Session) -> str:
    known = session.family.knobs
    other = "repetition_penalty" in known and "repeat_penalty" not in known
    return "repetition_penalty" if other else "repeat_penalty"


def _nothing(knob: str, greedy: Reply) -> Observation:
    return unknown(f"sampler.knob.{knob}", f"nothing to compare: {why_not(greedy)}", greedy)


def _unsteady(knob: str, greedy: Reply) -> Observation:
    said = "greedy answers do not repeat, so a changed answer proves nothing"
    return unknown(f"sampler.knob.{knob}", said, greedy)


async def _asked(session: Session, greedy: Reply, **fields: Any) -> Reply:  # noqa: ANN401
    """The greedy question with `fields`, `greedy`'s own below them."""
    kept = {k: v for k, v in greedy.asked.items() if k not in ("messages", "model", "max_tokens")}
    return await session.chat(questions.SHIPS, max_tokens=questions.TOKENS, **(kept | fields))


async def _repeat_penalty(session: Session, greedy: Reply, knob: str) -> Observation:
    """Punish what was said beyond any logit; then reward it, which shows without repetition."""
    hard = await _asked(session, greedy, **{knob: 1000.0})
    if hard.broken == "refused":
        hard = await _asked(session, greedy, **{knob: 2.0})
    outcome = _judged(session, greedy, hard, knob)
    if outcome is not None:
        return outcome
    soft = await _asked(session, greedy, **{knob: 0.01})
    if soft.ok and not same(soft, greedy):
        return _works(session, knob, greedy, soft)
    return _idle(session, knob, greedy, hard, must_show=_repeats(greedy))


async def _additive(session: Session, greedy: Reply, knob: str) -> Observation:
    """A negative penalty rewards every word that has been said, so it shows on any text."""
    reply = await _asked(session, greedy, **{knob: -100.0})
    extreme = reply.broken != "refused"
    if not extreme:
        reply = await _asked(session, greedy, **{knob: -2.0})
    outcome = _judged(session, greedy, reply, knob)
    if outcome is not None:
        return outcome
    other = await _asked(session, greedy, **{knob: 2.0})
    if other.ok and not same(other, greedy):
        return _works(session, knob, greedy, other)
    # Others may cut the value down to their range in silence.
    llama = session.family.id.startswith("llama") and extreme
    return _idle(session, knob, greedy, reply, must_show=llama)


async def _dry(session: Session, greedy: Reply) -> Observation:
    """DRY has to break a loop that a negative penalty made."""
    knob = "dry_multiplier"
    loop = greedy
    if "frequency_penalty" in session.family.knobs and not _documented(session, knob):
        looped = await _asked(session, greedy, frequency_penalty=-100.0)
        loop = looped if looped.ok and _loops(looped) else greedy
    reply = await _asked(session, loop, **_DRY)
    if reply.broken == "refused":
        reply = await _asked(session, loop, dry_multiplier=1000.0)
    outcome = _judged(session, loop, reply, knob)
    if outcome is not None:
        return outcome
    return _idle(session, knob, loop, reply, must_show=loop is not greedy)


async def _xtc(session: Session) -> Observation:
    """Take every token but the least likely away: then no seed matters."""
    knob = "xtc_probability"
    fields = {"xtc_probability": 1.0, "xtc_threshold": 0.0}
    hot = await questions.loose(session, 42)
    one = await questions.loose(session, 42, **fields)
    outcome = None if same(one, hot) else _judged(session, hot, one, knob)
    if outcome is not None and outcome.verdict != "good":
        return outcome
    other = await questions.loose(session, 43, **fields)
    if not (hot.ok and one.ok and other.ok):
        return unknown(f"sampler.knob.{knob}", f"not known: {why_not(other)}", other)
    if same(one, other):
        return _works(session, knob, hot, one)
    return _idle(session, knob, hot, one, must_show=same(hot, one))


def _judged(session: Session, before: Reply, after: Reply, knob: str) -> Observation | None:
    """What an answer with a knob tells at once; None = it did not change anything."""
    id_ = f"sampler.knob.{knob}"
    values = {"documented": _documented(session, knob), "accepted": after.ok}
    if after.broken == "refused":
        said = f"{knob} is refused ({after.status}): {after.error[:200]}"
        return bad(id_, said, after, **values, status=after.status)
    if not after.ok or not before.ok:
        return unknown(id_, f"not known: {why_not(before if after.ok else after)}", after, **values)
    return None if same(before, after) else _works(session, knob, before, after)


def _works(session: Session, knob: str, before: Reply, after: Reply) -> Observation:
    values = {"documented": _documented(session, knob), "accepted": True}
    return good(f"sampler.knob.{knob}", f"{knob} changes the answer", before, after, **values)


def _idle(
    session: Session, knob: str, before: Reply, after: Reply, *, must_show: bool
) -> Observation:
    """It changed nothing: a finding where it had to, or where nobody promised otherwise."""
    id_ = f"sampler.knob.{knob}"
    documented = _documented(session, knob)
    values = {"documented": documented, "accepted": True}
    if must_show or documented:
        said = f"{knob} is accepted and ignored: the answer stays the same"
        return bad(id_, said, before, after, **values)
    said = f"{knob} did not change this answer, which need not mean that it is ignored"
    return unknown(id_, said, before, after, **values)


def _documented(session: Session, knob: str) -> bool:
    """Whether this family is known to ignore the knob."""
    return knob not in session.family.knobs


def _repeats(reply: Reply) -> bool:
    """Whether an answer says something twice near its end, where every penalty looks."""
    words = _TOKENS_IN_TEXT.findall(reply.text)[-16:]
    return any(count > 1 for count in Counter(words).values())


def _loops(reply: Reply) -> bool:
    words = _TOKENS_IN_TEXT.findall(reply.text) or reply.text.split(" ")
    most = Counter(words).most_common(1)
    return len(words) >= 6 and most[0][1] >= len(words) * _LOOPED_SHARE
