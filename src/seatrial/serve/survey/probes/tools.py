"""Whether tools reach the model, and what becomes of a call on its way back.

Not a judge of whether a model calls tools well: an answer in prose is no finding. In: a session.
Out: the observations `tools.*`.
"""

from __future__ import annotations

from typing import Any

from seatrial.core.message import ToolSchema
from seatrial.serve.survey import questions
from seatrial.serve.survey.observe import bad, good, unknown, why_not
from seatrial.serve.survey.reply import Reply
from seatrial.serve.survey.session import Session
from seatrial.serve.survey.settings import leaves_parsing
from seatrial.serve.survey.survey import Observation
from seatrial.toolcalls import parse

_PARSE_FAILURES = ("failed to parse", "failed to parse tool call arguments")
_CUTS_TOKENS = (6, 10)
"""Before the end of a whole call: inside its arguments, whatever the dialect."""


async def probe(session: Session) -> list[Observation]:
    """One call in one piece, one streamed, and the same question without the tool."""
    reply = await _call(session)
    if not reply.ok:
        return _refused(reply)
    streamed = await _call(session, stream=True)
    return [
        good("tools.accepted", "a request with a tool is accepted", reply),
        await _reach(session, reply),
        _came(session, reply),
        *_arguments(reply, streamed),
        _streamed(session, reply, streamed),
        _parse_failure(session),
    ]


async def _call(session: Session, *, stream: bool = False) -> Reply:
    return await session.chat(
        questions.CALL,
        max_tokens=questions.CALL_TOKENS,
        stream=stream,
        tools=[questions.TOOL],
        tool_choice="required",
        **questions.GREEDY,
        **questions.quiet(session),
    )


def _refused(reply: Reply) -> list[Observation]:
    if reply.status == 500 and _is_parse_failure(reply):
        return [_said_parse_failure(reply)]
    if reply.broken != "refused":
        return [unknown("tools.accepted", f"not known: {why_not(reply)}", reply)]
    said = f"a request with a tool is refused ({reply.status}): {reply.error[:200]}"
    return [bad("tools.accepted", said, reply, status=reply.status)]


async def _reach(session: Session, called: Reply) -> Observation:
    """The prompt grows by a tool, if the template shows it to the model."""
    bare = await session.chat(
        questions.CALL, max_tokens=1, **questions.GREEDY, **questions.quiet(session)
    )
    id_ = "tools.reach_model"
    if not bare.ok or bare.prompt_tokens is None or called.prompt_tokens is None:
        why = why_not(bare) if not bare.ok else "the server counts no prompt tokens"
        return unknown(id_, f"not known: {why}", bare)
    grown = called.prompt_tokens - bare.prompt_tokens
    if grown > 0:
        said = f"the tool added {grown} tokens to the prompt"
        return good(id_, said, called, bare, grown_tokens=grown)
    if called.calls:
        said = "the prompt did not grow, yet the model called the tool"
        return unknown(id_, said, called, bare, grown_tokens=grown)
    said = "the tool was accepted and never reached the model: the prompt is as long without it"
    return bad(id_, said, called, bare, grown_tokens=grown)


def _came(session: Session, reply: Reply) -> Observation:
    """Whether a call arrived as a call, not as text."""
    if reply.calls:
        names = {call.name for call in reply.calls}
        if names == {_name()}:
            return good("tools.call", "a call arrives parsed", reply)
        said = f"a call arrives under a name that was never offered: {', '.join(names)}"
        return bad("tools.call", said, reply)
    if printed(reply):
        if leaves_parsing(session.facts):
            said = "the call stands in the text, as this engine is set to leave it there"
            return unknown("tools.call", said, reply, printed=True)
        said = "the call stands in the visible text: the server does not parse this model's format"
        return bad("tools.call", said, reply, printed=True)
    cut = " within its cap" if reply.finish == "length" else ""
    return unknown("tools.call", f"the model called no tool{cut}", reply)


def printed(reply: Reply) -> bool:
    """Whether the text of an answer is a call that the server left there."""
    if "{" not in reply.content and "<" not in reply.content:
        return False
    schema = ToolSchema(
        name=_name(),
        description="",
        parameters=questions.TOOL["function"]["parameters"],
    )
    found = parse(reply.content, (schema,))
    return bool(found.calls) and found.verdict in ("ok", "repaired")


def _arguments(*replies: Reply) -> list[Observation]:
    id_ = "tools.arguments"
    whole = [(reply, call) for reply in replies for call in reply.calls if reply.finish != "length"]
    if not whole:
        return [unknown(id_, "there was no whole call to look into", *replies)]
    for reply, call in whole:
        if call.decoded() is None:
            said = f"the arguments of a whole call are no JSON object: {call.arguments[:100]!r}"
            return [bad(id_, said, reply)]
        if not call.as_text:
            said = "the arguments arrive as an object where the protocol has JSON text"
            return [bad(id_, said, reply)]
    return [good(id_, "arguments arrive as JSON text", whole[0][0])]


def _streamed(session: Session, whole: Reply, streamed: Reply) -> Observation:
    id_ = "tools.streamed"
    if not whole.calls or not streamed.ok:
        why = "no call came in one piece" if streamed.ok else why_not(streamed)
        return unknown(id_, f"not compared: {why}", streamed)
    if _calls(whole) == _calls(streamed):
        return good(id_, "a streamed call is the same as one in one piece", streamed)
    if not streamed.calls and not printed(streamed):
        said = "asked again as a stream, the model called no tool"
        return unknown(id_, said, whole, streamed)
    if all(call.decoded() is not None for call in streamed.calls) and not printed(streamed):
        said = "both calls are whole, but differ"
        return unknown(id_, said, whole, streamed)
    said = "a call that is right in one piece arrives broken or as text in a stream"
    return bad(id_, said, whole, streamed)


def _calls(reply: Reply) -> list[tuple[str, Any]]:
    return [(call.name, call.decoded()) for call in reply.calls]


def _parse_failure(session: Session) -> Observation:
    """Whether any request so far died of the server's own parser."""
    for reply in session.replies:
        if _is_parse_failure(reply):
            return _said_parse_failure(reply)
    return good("tools.parse_failure", "no answer was lost to the server's parser")


def _is_parse_failure(reply: Reply) -> bool:
    said = reply.error.lower()
    return reply.broken == "refused" and any(words in said for words in _PARSE_FAILURES)


def _said_parse_failure(reply: Reply) -> Observation:
    said = "the server fails where it cannot parse what the model wrote, and the answer is lost"
    return bad("tools.parse_failure", said, reply, status=reply.status)


async def truncation(session: Session) -> list[Observation]:
    """Whether a call that its cap cut off arrives closed, as if it were whole."""
    id_ = "tools.healed_truncation"
    await _long_call(session, questions.LONG_CALL_TOKENS)
    # The second one: from a warm cache, as those that follow.
    whole = await _long_call(session, questions.LONG_CALL_TOKENS)
    full = _text_of(whole)
    if full is None or whole.finish == "length" or whole.completion_tokens is None:
        return [unknown(id_, "no whole call came that could be cut", whole)]
    cut = 0
    for less in _CUTS_TOKENS:
        cap = max(1, whole.completion_tokens - less)
        reply = await _long_call(session, cap)
        if not reply.ok:
            return [unknown(id_, f"not known: {why_not(reply)}", reply)]
        if reply.completion_tokens != cap:
            continue  # it ended before the cap: another answer, and whole
        cut += 1
        part = _text_of(reply)
        if part is not None and part != full and full.startswith(part):
            said = "a call that max_tokens cut off arrives with closed JSON, as if it were whole"
            return [bad(id_, said, whole, reply, max_tokens=cap)]
    if not cut:
        return [unknown(id_, "no call was cut by its cap", whole)]
    return [good(id_, "a call that max_tokens cut off can be told from a whole one", whole)]


async def _long_call(session: Session, cap: int) -> Reply:
    return await session.chat(
        questions.LONG_CALL,
        max_tokens=cap,
        tools=[questions.TOOL],
        tool_choice="required",
        **questions.GREEDY,
        **questions.quiet(session),
    )


def _text_of(reply: Reply) -> str | None:
    """The argument of a call whose JSON is complete; `""` where it is missing."""
    arguments = reply.calls[0].decoded() if reply.calls else None
    text = None if arguments is None else arguments.get("text", "")
    return text if isinstance(text, str) else None


def _name() -> str:
    return str(questions.TOOL["function"]["name"])
