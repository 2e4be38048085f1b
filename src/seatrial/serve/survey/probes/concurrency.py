"""Whether two requests at once both get their answer.

In: a session. Out: `conc.two`.
"""

from __future__ import annotations

from seatrial.serve.survey import questions
from seatrial.serve.survey.observe import bad, good, unknown, why_not
from seatrial.serve.survey.session import Session, together
from seatrial.serve.survey.survey import Observation


async def probe(session: Session) -> list[Observation]:
    """Ask two different things at the same time."""
    alone = await questions.greedy(session)
    if not alone.ok:
        return [unknown("conc.two", f"not known: {why_not(alone)}", alone)]
    first, second = await together(
        questions.greedy_again(session),
        session.chat(questions.PUZZLE, max_tokens=questions.TOKENS, **questions.GREEDY),
    )
    values = {
        "alone_seconds": round(alone.seconds, 3),
        "both_seconds": round(max(first.seconds, second.seconds), 3),
    }
    broken = next((reply for reply in (first, second) if not reply.ok), None)
    if broken is None:
        return [
            good("conc.two", "two requests at once both get an answer", first, second, **values)
        ]
    said = f"of two requests at once one fails: {why_not(broken)}"
    values["status"] = broken.status
    verdict = unknown if broken.broken == "timeout" else bad
    return [verdict("conc.two", said, first, second, **values)]
