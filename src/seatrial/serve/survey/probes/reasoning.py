"""Where reasoning stands in an answer, and whether it can be switched off.

Not a judge of reasoning. In: a session. Out: `reasoning.key`, `reasoning.off`.
"""

from __future__ import annotations

import re
from typing import Any

from seatrial.serve.survey import questions
from seatrial.serve.survey.observe import bad, good, unknown, why_not
from seatrial.serve.survey.reply import Reply
from seatrial.serve.survey.session import Session
from seatrial.serve.survey.settings import leaves_parsing
from seatrial.serve.survey.survey import Observation

TAGS = re.compile(r"</?(?:think|thinking|reasoning|seed:think)>|\[/?THINK\]|<\|channel\|?>")
"""Marks of reasoning that a server should have taken out of the visible text."""


async def probe(session: Session) -> list[Observation]:
    """Look at an ordinary answer, and ask to think only if that did not."""
    first = await questions.greedy(session)
    asked = not _thinks(first)
    if asked:
        first = await _asked_to_think(session)
    if not first.ok:
        text = f"whether reasoning comes apart is not known: {why_not(first)}"
        return [unknown("reasoning.key", text, first)]
    return [_key(session, first, asked), *await _off(session, first)]


def _thinks(reply: Reply) -> bool:
    return reply.thought_key is not None or TAGS.search(reply.content) is not None


async def _asked_to_think(session: Session) -> Reply:
    fields: dict[str, Any] = {"chat_template_kwargs": {"enable_thinking": True}}
    ask: dict[str, Any] = {"max_tokens": questions.PLAIN_TOKENS, **questions.GREEDY}
    reply = await session.chat(questions.PUZZLE, **ask, **fields)
    if reply.status == 400:  # a strict server: ask without the switch
        reply = await session.chat(questions.PUZZLE, **ask)
    return reply


def _key(session: Session, reply: Reply, asked: bool) -> Observation:
    """`asked`: it thought only because it was asked to."""
    tag = TAGS.search(reply.content)
    if tag is not None:
        values = {"key": "content", "tag": tag.group()}
        if leaves_parsing(session.facts):
            said = "reasoning stands in the content, as this engine is set to leave it there"
            return unknown("reasoning.key", said, reply, **values)
        said = f"reasoning stands in the visible text, with its tag {tag.group()}"
        if asked and session.family.thinks_in is None:
            said += ", when it is asked for: this kind of server does not take it out"
            return unknown("reasoning.key", said, reply, **values)
        return bad("reasoning.key", said, reply, **values)
    if reply.thought_key is not None:
        said = f"reasoning comes apart from the text, under the key {reply.thought_key}"
        return good("reasoning.key", said, reply, key=reply.thought_key)
    return good("reasoning.key", "no reasoning was seen", reply, key="none")


async def _off(session: Session, thinking: Reply) -> list[Observation]:
    if not _thinks(thinking):
        return []
    switch = questions.switch_off(session)
    name = next(iter(switch))
    reply = await session.chat(
        questions.SHIPS, max_tokens=questions.TOKENS, **questions.GREEDY, **switch
    )
    if not reply.ok:
        return [unknown("reasoning.off", f"with {name}, {why_not(reply)}", reply)]
    if _thinks(reply):
        said = f"it thinks with {name} too: this model or its template has no such switch"
        return [unknown("reasoning.off", said, reply, off=False, field=name)]
    return [good("reasoning.off", f"{name} switches reasoning off", reply, off=True, field=name)]
