"""Whether a model answers at all, always the same one, and what its name in an answer is worth.

Not an attestation: names prove nothing, and that is what is shown here. In: a session. Out: the
observations `identity.*`.
"""

from __future__ import annotations

from seatrial.serve.survey import questions
from seatrial.serve.survey.observe import bad, good, unknown, why_not
from seatrial.serve.survey.probes import speed
from seatrial.serve.survey.reply import Reply, alike, same
from seatrial.serve.survey.session import Session
from seatrial.serve.survey.survey import Observation

MADE_UP = "no-such-model-5127"


async def probe(session: Session) -> list[Observation]:
    """Different questions, and a name that no model has."""
    return [await _depends(session), await _made_up(session)]


async def _depends(session: Session) -> Observation:
    """A model answers another question otherwise; a stub does not."""
    id_ = "identity.answers_depend"
    replies = [
        await questions.greedy(session),
        await questions.plain(session),
        await speed.cold(session),
        await questions.loose(session),
    ]
    said_something = [reply for reply in replies if reply.ok and reply.text]
    if len(said_something) < len(replies):
        broken = next(reply for reply in replies if reply not in said_something)
        return unknown(id_, f"not known: {why_not(broken)}", broken)
    # Caps differ, so only the common beginning counts; a hot sampler must have left it.
    shortest = min(len(reply.text) for reply in replies)
    if len({reply.text[:shortest] for reply in replies}) > 1:
        return good(id_, "different questions get different answers", *replies[:2])
    said = "every question gets the same answer, at any temperature: no model is behind this server"
    return bad(id_, said, *replies[:3])


async def _made_up(session: Session) -> Observation:
    """Ask for a model that cannot exist, where that loads nothing."""
    id_ = "identity.made_up_name"
    if session.family.loads_on_request and session.family.listing == "cache":
        said = "not asked: this server would try to load a model of any name"
        return unknown(id_, said)
    reply = await session.chat(questions.PLAIN, max_tokens=1, model=MADE_UP, **questions.GREEDY)
    if reply.broken == "refused":
        return good(id_, "a name that no model has is refused", reply, accepted=False)
    if not reply.ok:
        return unknown(id_, f"not known: {why_not(reply)}", reply)
    values = {"accepted": True, "named": reply.model, "echoes": reply.model == MADE_UP}
    if reply.model != MADE_UP:
        said = f"any name is accepted, and the answer is by {reply.model or 'nobody named'}"
        return good(id_, said, reply, **values)
    said = "a made-up name is accepted and given back as the model's: its name proves nothing"
    if session.family.echoes_model:
        return unknown(id_, said, reply, **values, documented=True)
    return bad(id_, said, reply, **values)


async def steady(session: Session) -> list[Observation]:
    """Whether the questions of the beginning are still answered as they were, by the same name."""
    id_ = "identity.same_model"
    first = await questions.greedy(session)
    second = await questions.tide(session)
    asked = [r for r in session.replies if r.ok and r.asked.get("model") == session.model]
    names = list(dict.fromkeys(reply.model for reply in asked if reply.model))
    if len(names) > 1:
        other = next(reply for reply in asked if reply.model == names[1])
        number = session.replies.index(other) + 1
        said = f"request {number} of this survey was answered by {names[1]}, not {names[0]}"
        return [bad(id_, said, first, other, names=names, request=number)]
    now = await questions.greedy_again(session)
    if not (first.ok and second.ok and now.ok):
        broken = next(reply for reply in (first, second, now) if not reply.ok)
        return [unknown(id_, f"not known: {why_not(broken)}", broken)]
    if same(first, now):
        return [good(id_, "the first question is answered as at the beginning", now)]
    return [await _changed(session, first, second)]


async def _changed(session: Session, first: Reply, second: Reply) -> Observation:
    """The first question has another answer than at the beginning: by rounding, or another model?

    Rounding with a warm cache may part two greedy answers anywhere, but seldom; so two questions
    must have changed from their first words on, each steadily.
    """
    id_ = "identity.same_model"
    ships = [await questions.greedy_again(session) for _ in range(2)]
    tides = [await questions.tide_again(session) for _ in range(2)]
    if not all(reply.ok for reply in (*ships, *tides)):
        return unknown(id_, "not known: the questions could not be asked again", *ships, *tides)
    if not same(*ships) or not same(*tides):
        said = "greedy answers do not repeat, so they cannot tell one model from another"
        return unknown(id_, said, *ships)
    if alike(first, ships[1]) or alike(second, tides[1]):
        said = "one answer is another one now and one is not: rounding, as a warm cache makes it"
        return good(id_, said, second, tides[1])
    number = _first_other(session, ships[1])
    said = (
        "two questions of the beginning have other answers now, and keep them: another model "
        f"answers{number}"
    )
    return bad(id_, said, first, ships[1], second, tides[1])


def _first_other(session: Session, now: Reply) -> str:
    """From which request on the new answer was seen, as the end of a sentence."""
    for number, reply in enumerate(session.replies, 1):
        if reply.asked == now.asked and reply.ok and same(reply, now):
            return f", seen from request {number} of this survey"
    return ""
