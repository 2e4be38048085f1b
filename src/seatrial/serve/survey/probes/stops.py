"""How an answer ends: by itself, at a stop string, at its cap, and the same way on every path.

In: a session. Out: `answers.*` and `stops.*`.
"""

from __future__ import annotations

import re
from typing import Any

from seatrial.serve.survey import questions
from seatrial.serve.survey.observe import bad, good, unknown, why_not
from seatrial.serve.survey.probes.leaks import runs_on
from seatrial.serve.survey.reply import Reply, same
from seatrial.serve.survey.session import CHAT, Session
from seatrial.serve.survey.survey import Observation

_CAP_SLACK_TOKENS = 2
_WORD = re.compile(r"\w{2,}")
_STOP_CHARS = 4
_SLOW_SECONDS = 3.0
"""An answer past its cap that took longer makes every further question too slow."""
_HURRY_SECONDS = 8.0
_MOST_WORDS = 2
"""Words for each token of a cap: more cannot have kept it."""


async def answers(session: Session) -> list[Observation]:
    """Whether the chat endpoint answers at all, in one piece and streamed."""
    reply = await questions.greedy(session)
    if not reply.ok:
        return await _no_answer(session, reply)
    chat = good("answers.chat", "the chat endpoint answers", reply, status=reply.status)
    if reply.seconds > _SLOW_SECONDS and _past_cap(reply):
        return [chat, _cap_kept(session)]
    # Asked at once: two answers of the beginning tell later whether the same model still answers.
    other = await questions.tide(session)
    if _says_nothing(reply) and other.ok and _says_nothing(other):
        chat = _empty(reply, other)
        if chat.verdict == "bad":
            return [chat]
    return [chat, _streams(session, other, await questions.greedy_stream(session))]


async def _no_answer(session: Session, reply: Reply) -> list[Observation]:
    """Nothing came in one piece; a stream shows whether anything is generated at all."""
    said = f"the chat endpoint does not answer: {why_not(reply)}"
    if reply.broken != "timeout":
        return [bad("answers.chat", said, reply, status=reply.status)]
    within = f"no answer within {reply.seconds:.0f} s"
    session.hurry(_HURRY_SECONDS)
    stream = await questions.greedy_stream(session)
    if stream.broken == "endless":
        said = f"{within}: a stream of the same request goes on far past max_tokens"
        chat = bad("answers.chat", said, reply, stream, status=reply.status)
        return [chat, _cap_kept(session)]
    said = f"{within}: the server hangs, or is still loading"
    if stream.text:
        said = f"{within}, though a stream of the same request brings text: it is far too slow"
    return [bad("answers.chat", said, reply, stream, status=reply.status)]


def _empty(*replies: Reply) -> Observation:
    """Two answers without text: nothing at all, or a cap spent on what is not shown."""
    if all(reply.finish == "length" or reply.completion_tokens for reply in replies):
        said = (
            "the chat endpoint answers, and no text came before the cap: the model thinks without "
            "showing it, or writes tokens that have no text"
        )
        return unknown("answers.chat", said, *replies)
    said = "the chat endpoint answers two questions with nothing at all"
    return bad("answers.chat", said, *replies, status=replies[0].status)


def _says_nothing(reply: Reply) -> bool:
    return not reply.text and not any(call.name for call in reply.calls)


def _streams(session: Session, whole: Reply, reply: Reply) -> Observation:
    """`whole`: another answer in one piece, asked just before."""
    id_ = "answers.stream"
    if reply.ok or reply.broken == "endless":
        return good(id_, "the chat endpoint streams", reply)
    if not whole.ok:  # then it is not the stream that is at fault
        return unknown(id_, f"not known: {why_not(whole)}", whole, reply)
    session.no_stream = reply
    said = f"the same request as a stream fails: {why_not(reply)}"
    if reply.broken == "timeout":
        said = f"a stream was not at its end after {reply.seconds:.0f} s"
        if reply.text:
            return unknown(id_, f"{said}: it brings text, slowly", reply)
        said = f"{said} and brought no text; an answer in one piece took {whole.seconds:.1f} s"
    return bad(id_, said, reply)


async def probe(session: Session) -> list[Observation]:
    """Ends of ordinary answers, in one piece and streamed."""
    whole = await questions.plain(session)
    streamed = await questions.plain(session, stream=True)
    return [
        _ends(whole, streamed),
        *_stream_ends(streamed, await questions.greedy_stream(session)),
        _length_told(session),
        *await _paths(session, whole, streamed),
        await _string(session, "stops.string", stream=False),
        await _string(session, "stops.string_stream", stream=True),
        _cap_kept(session),
    ]


def _ends(*replies: Reply) -> Observation:
    """Whether some answer ended by itself; one that did not may only be long."""
    ended = next((r for r in replies if r.ok and r.finish == "stop"), None)
    astray = next((r for r in replies if r.ok and r.finish == "length" and runs_on(r)), None)
    if astray is not None:
        said = "the answer does not end where the turn ends: it goes on with another turn"
        return bad("stops.ends", said, astray)
    if ended is not None:
        return good("stops.ends", "an answer ends by itself", ended)
    first = replies[0]
    if not first.ok:
        return unknown("stops.ends", f"not known: {why_not(first)}", first)
    said = f"no answer ended within {questions.PLAIN_TOKENS} tokens"
    return unknown("stops.ends", said, *replies)


def _stream_ends(*streams: Reply) -> list[Observation]:
    usable = [reply for reply in streams if reply.ok]
    if not usable:
        said = f"no stream to judge: {why_not(streams[0])}"
        return [unknown(f"stops.stream_{what}", said, streams[0]) for what in ("finish", "done")]
    found = []
    if any(reply.finish is None for reply in usable):
        said = "a stream ends without saying why: a cut answer looks like a whole one"
        found.append(bad("stops.stream_finish", said, *usable))
    else:
        found.append(good("stops.stream_finish", "a stream says why it ends", *usable))
    if not any(reply.done for reply in usable):
        said = "a stream ends without its last mark, [DONE]: a broken connection looks the same"
        found.append(bad("stops.stream_done", said, *usable))
    else:
        found.append(good("stops.stream_done", "a stream ends with [DONE]", *usable))
    return found


async def _paths(session: Session, whole: Reply, streamed: Reply) -> list[Observation]:
    """Whether a stream and an answer in one piece end alike."""
    id_ = "stops.paths_agree"
    if not (whole.ok and streamed.ok):
        broken = streamed if whole.ok else whole
        return [unknown(id_, f"not known: {why_not(broken)}", broken)]
    apart = _places_differ(whole, streamed)
    if apart is not None:
        return [bad(id_, apart, whole, streamed)]
    if same(whole, streamed) and _ends_alike(whole, streamed):
        said = "an answer in one piece and a stream say the same and end the same"
        return [good(id_, said, whole, streamed)]
    ask: dict[str, Any] = {"max_tokens": questions.PLAIN_TOKENS, **questions.GREEDY}
    again = await session.chat(questions.PLAIN, **ask)
    stream_again = await session.chat(questions.PLAIN, stream=True, **ask)
    if again.ok and same(again, stream_again) and _ends_alike(again, stream_again):
        said = "an answer in one piece and a stream agree, once the cache is warm"
        return [good(id_, said, again, stream_again)]
    steady = same(whole, again) and same(streamed, stream_again)
    if steady and again.ok and stream_again.ok:
        said = "an answer in one piece and a stream of the same request differ, each steadily"
        return [bad(id_, said, again, stream_again)]
    said = "two greedy answers differ, so the two paths cannot be compared"
    return [unknown(id_, said, again, stream_again)]


def _places_differ(whole: Reply, streamed: Reply) -> str | None:
    """Whether the same text comes under another key in a stream."""
    if not whole.text or whole.text != streamed.text:
        return None
    keys = [_key(reply) for reply in (whole, streamed)]
    if keys[0] == keys[1]:
        return None
    return (
        f"an answer in one piece has its text under {keys[0]}, the same answer as a stream under "
        f"{keys[1]}: a client that reads the one finds nothing"
    )


def _key(reply: Reply) -> str:
    """Where the text of an answer stands."""
    return " and ".join(filter(None, (reply.thought_key, "content" if reply.content else None)))


def _ends_alike(one: Reply, other: Reply) -> bool:
    # A stream that never says why is another finding.
    return one.finish == other.finish or None in (one.finish, other.finish)


async def _string(session: Session, id_: str, *, stream: bool) -> Observation:
    """Stop at a word that the greedy answer is known to hold."""
    before = await questions.settled(session)
    if before is None:
        return unknown(id_, "two greedy answers differ, so no word is known to come")
    stop = _stop_word(before)
    if stop is None:
        return unknown(id_, "the greedy answer has no word to stop at", before)
    reply = await session.chat(
        questions.SHIPS, max_tokens=questions.TOKENS, stream=stream, stop=[stop], **questions.GREEDY
    )
    return judged_stop(id_, stop, reply, before)


def judged_stop(id_: str, stop: str, reply: Reply, before: Reply) -> Observation:
    """Whether `reply`, asked to stop at `stop`, did; `before` is the answer without."""
    if not reply.ok:
        return unknown(id_, f"not known: {why_not(reply)}", reply)
    if stop in reply.text.removesuffix(stop):
        said = f"the stop string {stop!r} was ignored: the answer goes on behind it"
        return bad(id_, said, reply, stop=stop)
    if before.text.startswith(reply.text) and reply.finish == "stop":
        return good(id_, f"the stop string {stop!r} ends the answer", reply, stop=stop)
    if before.text.startswith(reply.text) and reply.finish is None:
        return good(id_, f"the stop string {stop!r} ends the answer", reply, stop=stop)
    said = "the answer took another way, so the stop string never came up"
    return unknown(id_, said, reply, stop=stop)


def _stop_word(reply: Reply) -> str | None:
    """Something that stands in an answer, and not at its beginning: a word, else a few letters."""
    text = max(reply.content, reply.thought, key=len).strip()
    words = [match.group() for match in _WORD.finditer(text)]
    slices = [text[at : at + _STOP_CHARS] for at in range(1, len(text) - _STOP_CHARS)]
    for candidates in (words, slices):
        inside = [one for one in candidates if text.find(one) > 0 and one == one.strip()]
        if inside:
            return min(inside, key=lambda one: abs(text.find(one) - len(text) // 2))
    return None


def _cap_kept(session: Session) -> Observation:
    """Whether every answer so far kept to its `max_tokens`."""
    counted = [r for r in session.replies if r.broken in (None, "endless")]
    for reply in counted:
        cap, told = _cap(reply), reply.completion_tokens
        if reply.broken == "endless" or _past_cap(reply):
            said = f"max_tokens {cap} was ignored: {told or 'far more'} tokens came"
            return bad("stops.max_tokens", said, reply, max_tokens=cap, came_tokens=told)
    if not any(reply.completion_tokens for reply in counted):
        return unknown("stops.max_tokens", "the server counts no tokens")
    return good("stops.max_tokens", "no answer was longer than max_tokens allows")


def _past_cap(reply: Reply) -> bool:
    """Whether an answer is longer than its `max_tokens`, by its count or by its words."""
    told = reply.completion_tokens or len(reply.text.split()) / _MOST_WORDS
    return told > _cap(reply) + _CAP_SLACK_TOKENS


def _cap(reply: Reply) -> int:
    return int(reply.asked.get("max_tokens", 0))


def _length_told(session: Session) -> Observation:
    """Whether an answer that its cap cut off says so."""
    id_ = "stops.length"
    plain = [r for r in session.replies if r.ok and r.text and r.path == CHAT and not r.calls]
    cut = [r for r in plain if "stop" not in r.asked and _was_cut(r, plain)]
    if not cut:
        return unknown(id_, "no answer is known to have been cut by its cap")
    for streamed in (False, True):
        same_way = [reply for reply in cut if reply.streamed == streamed]
        false = [reply for reply in same_way if reply.finish == "stop"]
        # One answer may end by itself exactly at its cap.
        if len(false) > 1 and len(false) == len(same_way):
            way = "streamed answers" if streamed else "answers"
            said = (
                f'{len(false)} {way} that max_tokens cut off say finish_reason "stop": a client '
                "takes them for whole"
            )
            return bad(id_, said, *false[:2], cut=len(false))
    told = [reply for reply in cut if reply.finish == "length"]
    if not told:
        return unknown(id_, "one answer was cut by its cap, which is too few to judge", *cut[:1])
    return good(id_, "an answer that its cap cut off says so", told[0])


def _was_cut(reply: Reply, others: list[Reply]) -> bool:
    """By the count of its tokens, or because the same question got more with a larger cap."""
    cap = _cap(reply)
    if reply.completion_tokens and cap <= reply.completion_tokens <= cap + _CAP_SLACK_TOKENS:
        return True
    return any(
        _cap(other) > cap
        and _question(other) == _question(reply)
        and len(other.text) > len(reply.text)
        and other.text.startswith(reply.text)
        for other in others
    )


def _question(reply: Reply) -> dict[str, Any]:
    return {name: value for name, value in reply.asked.items() if name != "max_tokens"}


async def completion(session: Session) -> list[Observation]:
    """Whether the plain completion endpoint knows stop strings as chat does."""
    id_ = "stops.completion"
    prompt = "Three invented ships and what they carry: the"
    ask: dict[str, Any] = {"max_tokens": questions.TOKENS, **questions.GREEDY}
    before = await session.complete(prompt, **ask)
    if not before.ok:
        return [unknown(id_, f"the completion endpoint does not answer: {before.error}", before)]
    stop = _stop_word(before)
    if stop is None:
        return [unknown(id_, "the completion has no word to stop at", before)]
    found = []
    for stream in (False, True):
        reply = await session.complete(prompt, stream=stream, stop=[stop], **ask)
        found.append(judged_stop(id_, stop, reply, before))
    worst = next((one for one in found if one.verdict == "bad"), None)
    return [worst or next((one for one in found if one.verdict == "unknown"), found[0])]
