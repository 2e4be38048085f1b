"""Marks of a conversation that have no place in an answer: control tokens and names of roles.

Looks at what the other probes got; asks nothing of its own but one ordinary answer. In: replies
of a session. Out: `leaks.control_tokens`, `leaks.roles`.
"""

from __future__ import annotations

import re

from seatrial.serve.survey import questions
from seatrial.serve.survey.observe import bad, good, unknown, why_not
from seatrial.serve.survey.reply import Reply
from seatrial.serve.survey.session import CHAT, Session
from seatrial.serve.survey.survey import Observation

CONTROL = re.compile(
    r"<\|(?:im_start|im_end|im_sep|eot_id|eom_id|start_header_id|end_header_id|begin_of_text"
    r"|end_of_text|endoftext|end|start|message|return|call|user|assistant|system|observation"
    r"|turn|eos|bos)\|?>|<(?:start|end)_of_turn>|<turn\|>|</?s>|\[/?INST\]|<</?SYS>>"
    r"|<｜[^｜<>]{1,40}｜>"
)
"""Tokens of chat templates, as text."""

ROLES = re.compile(
    r"(?:\A|\n)[ \t]*(?:#{1,3} ?)?(?:Human|User|Assistant|System)[ \t]*:"
    r"|(?:\A|\n)(?:user|assistant|system|model)\n"
)
"""A line that opens somebody's turn."""


async def probe(session: Session) -> list[Observation]:
    """Search every ordinary chat answer so far."""
    asked = await questions.plain(session)
    calm = [reply for reply in session.replies if _is_calm(reply)]
    if not calm:
        said = f"there was no answer to search: {why_not(asked)}"
        return [unknown("leaks.control_tokens", said, asked), unknown("leaks.roles", said, asked)]
    return [
        _search(calm, "leaks.control_tokens", CONTROL, "control tokens of the chat template"),
        _search(calm, "leaks.roles", ROLES, "first words of another turn"),
    ]


def runs_on(reply: Reply) -> bool:
    """Whether an answer goes on past the end of its turn."""
    return bool(ROLES.search(reply.content) or CONTROL.search(reply.content))


def _search(replies: list[Reply], id_: str, pattern: re.Pattern[str], what: str) -> Observation:
    for reply in replies:
        match = pattern.search(reply.content)
        if match is not None:
            mark = match.group().strip()
            return bad(id_, f"{what} stand in the visible answer: {mark}", reply, mark=mark)
    return good(id_, f"{len(replies)} answers hold no {what}", searched=len(replies))


def _is_calm(reply: Reply) -> bool:
    """Greedy, and with nothing bent: a hot sampler may say anything."""
    bent = reply.asked.keys() & {"seed", "presence_penalty", "frequency_penalty", "repeat_penalty"}
    calm = reply.asked.get("temperature") == 0 and not bent and "stop" not in reply.asked
    return reply.path == CHAT and calm and bool(reply.content)
