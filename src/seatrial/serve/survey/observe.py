"""Making observations: verdict, sentence, quote.

In: replies. Out: `Observation`s, each with the requests and answers that it rests on.
"""

from __future__ import annotations

from typing import Any

import msgspec

from seatrial.serve.survey.reply import Reply
from seatrial.serve.survey.survey import Observation, Verdict

MAX_SEEN_CHARS = 500
_QUIET_FIELDS = frozenset({"messages", "prompt", "model", "max_tokens", "tools"})


def good(id_: str, said: str, *replies: Reply, **values: Any) -> Observation:  # noqa: ANN401
    """It does what it should."""
    return _observation(id_, "good", said, replies, values)


def bad(id_: str, said: str, *replies: Reply, **values: Any) -> Observation:  # noqa: ANN401
    """It does not, and the quote shows it."""
    return _observation(id_, "bad", said, replies, values)


def unknown(id_: str, said: str, *replies: Reply, **values: Any) -> Observation:  # noqa: ANN401
    """There was nothing to judge; `said` tells why."""
    return _observation(id_, "unknown", said, replies, values)


def quote(*replies: Reply) -> str:
    """Requests and answers in one line each, cut to `MAX_SEEN_CHARS` together."""
    room = MAX_SEEN_CHARS // max(1, len(replies)) - 1
    return "\n".join(_line(reply, room) for reply in replies)


def why_not(reply: Reply) -> str:
    """Why a reply can tell nothing, as the end of a sentence."""
    if reply.broken == "endless":
        return "the answer went on far past its cap"
    if reply.broken == "lost" and reply.status:
        return f"the stream broke off after {len(reply.text)} characters: {reply.error[:200]}"
    if not reply.ok:
        where = f" ({reply.status})" if reply.status else ""
        return f"the request failed{where}: {reply.error[:200]}"
    return "the answer is empty" if not reply.text else "the answer is too short"


def _observation(
    id_: str, verdict: Verdict, said: str, replies: tuple[Reply, ...], values: dict[str, Any]
) -> Observation:
    return Observation(id=id_, verdict=verdict, said=said, seen=quote(*replies), values=values)


def _line(reply: Reply, room: int) -> str:
    fields = {k: v for k, v in reply.asked.items() if k not in _QUIET_FIELDS}
    sent = msgspec.json.encode(fields).decode()
    way = "stream " if reply.streamed else ""
    start = f"{way}{sent[: room // 2]} -> "
    return (start + _answer(reply))[:room]


def _answer(reply: Reply) -> str:
    if not reply.ok and not reply.text:
        return f"{reply.status or reply.broken}: {reply.error}"
    calls = "".join(f" {call.name}({call.arguments})" for call in reply.calls)
    return f"finish={reply.finish}{calls} {reply.text!r}"
