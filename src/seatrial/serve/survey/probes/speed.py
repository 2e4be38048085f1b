"""Tokens per second of prompt and generation, shallow and deep in the window.

With each point stand the settings that decide it, as far as the server tells. Not a benchmark:
one request a point. In: a session. Out: `speed.shallow`, `speed.first_token`, and at depth
`speed.25`, `speed.50`, `speed.90` and `window.whole_prompt`.
"""

from __future__ import annotations

import uuid
from typing import Any

from seatrial.serve.survey import questions
from seatrial.serve.survey.observe import bad, good, unknown, why_not
from seatrial.serve.survey.reply import Reply
from seatrial.serve.survey.session import Session
from seatrial.serve.survey.settings import attention
from seatrial.serve.survey.survey import Observation

DEPTHS = (25, 50, 90)
"""Percent of the window."""

_WORDS = "rope salt tide lamp buoy wind crate pier gull sail mast oar net fog bell dock".split()
_TIME_SHARE = 0.6
"""Of the time that is left, that one deep point may take by its estimate."""
_ANSWER_TOKENS = 16
_ARRIVED_SHARE = 0.8
_LONGEST_WAIT_SECONDS = 1.5


async def cold(session: Session) -> Reply:
    """A prompt that no cache can hold, streamed."""
    return await session.once("cold", lambda: _cold(session))


async def warm(session: Session) -> Reply:
    """The same prompt once more."""
    return await session.once("warm", lambda: warm_again(session))


async def warm_again(session: Session) -> Reply:
    asked = (await cold(session)).asked["messages"]
    return await session.chat(asked, max_tokens=1, **questions.GREEDY)


async def _cold(session: Session) -> Reply:
    system = f"Log {uuid.uuid4().hex}. {questions.SYSTEM}"
    messages = [
        {"role": "system", "content": system},
        {"role": "user", "content": questions.SHIPS},
    ]
    return await session.chat(
        messages,
        max_tokens=questions.TOKENS,
        stream=session.no_stream is None,
        **questions.GREEDY,
    )


async def probe(session: Session) -> list[Observation]:
    """One shallow point."""
    reply = await cold(session)
    shallow = _point(session, "speed.shallow", reply)
    return [shallow, await _first_token(session, reply), _counts(session)]


def _counts(session: Session) -> Observation:
    """Whether `usage`, where it comes, holds counts and not zeros."""
    id_ = "usage.counts"
    spoken = [reply for reply in session.replies if reply.ok and reply.text]
    counted = [reply for reply in spoken if reply.prompt_tokens is not None]
    zeros = [reply for reply in spoken if reply.counts_nothing and not reply.prompt_tokens]
    zeros += [reply for reply in counted if reply.completion_tokens == 0]
    if zeros and len(zeros) >= len(counted):
        said = "usage says 0 tokens for requests that had some: no cost and no limit can be counted"
        return bad(id_, said, zeros[0])
    if counted:
        return good(id_, "usage counts the tokens of prompt and answer", counted[0])
    return unknown(id_, "the server sends no usage with its answers", *spoken[:1])


async def _first_token(session: Session, first: Reply) -> Observation:
    """Waiting that neither prompt nor generation explains: a queue, or a prompt computed twice."""
    id_ = "speed.first_token"
    again = await warm(session)
    rate = rates(first).get("generated_tokens_per_second")
    if not (first.ok and again.ok) or rate is None:
        broken = again if first.ok else first
        return unknown(id_, f"not known: {why_not(broken)}", broken)
    if not again.cached_tokens or again.cached_tokens < (again.prompt_tokens or 0) / 2:
        return unknown(id_, "the prompt was not cached, so its own time is in the wait", again)
    wait = again.seconds - 1 / rate
    values = {"wait_seconds": round(wait, 2), "cached_tokens": again.cached_tokens}
    if wait <= _LONGEST_WAIT_SECONDS:
        return good(id_, f"a cached prompt waits {max(0.0, wait):.2f} s", again, **values)
    said = f"a prompt that is cached waits {wait:.1f} s for its first token: other work is in front"
    return bad(id_, said, again, **values)


async def deep(session: Session) -> list[Observation]:
    """Points deeper in the window, and whether the whole prompt arrived each time."""
    window = session.facts.window
    if window is None:
        said = "the window is not known, so no depth can be chosen"
        return [unknown("window.whole_prompt", said)]
    ratio = await tokens_per_word(session)
    if ratio is None:
        said = "the server does not count the tokens of a prompt"
        return [unknown("window.whole_prompt", said)]
    found: list[Observation] = []
    asked: list[tuple[Reply, int]] = []
    for percent in DEPTHS:
        expected = int(window.value * percent / 100) - _ANSWER_TOKENS
        late = await _too_late(session, expected)
        if late is not None:
            found.append(unknown(f"speed.{percent}", late, depth_percent=percent))
            continue
        reply = await _deep(session, filler(expected, ratio))
        found.append(_point(session, f"speed.{percent}", reply, depth_percent=percent))
        asked.append((reply, expected))
    return [*found, _whole_prompt(asked)]


async def _deep(session: Session, text: str) -> Reply:
    return await session.chat(text, max_tokens=_ANSWER_TOKENS, stream=True, **questions.GREEDY)


async def tokens_per_word(session: Session) -> float | None:
    """Tokens that a word of `filler` has in this model's eyes, by the server's own count."""
    few, many = [await _counted(session, words) for words in (16, 144)]
    if few is None or many is None or many <= few:
        return None
    return (many - few) / 128


async def _counted(session: Session, words: int) -> int | None:
    text = filler(words, 1.0)
    reply = await session.once(
        f"counted {words}", lambda: session.chat(text, max_tokens=1, **questions.GREEDY)
    )
    return reply.prompt_tokens


def filler(tokens: int, ratio: float) -> str:
    """A text of about `tokens` tokens that is in no cache."""
    count = max(1, int(tokens / ratio))
    body = " ".join(_WORDS[n % len(_WORDS)] for n in range(count))
    return f"{uuid.uuid4().hex[:8]} {body}"


async def _too_late(session: Session, tokens: int) -> str | None:
    """Why a prompt of `tokens` cannot be measured in the time that is left."""
    rate = rates(await cold(session)).get("prompt_tokens_per_second")
    if not rate:
        return None
    seconds = tokens / rate
    if seconds < session.remaining_seconds() * _TIME_SHARE:
        return None
    return f"not measured: {tokens} tokens of prompt would take about {seconds:.0f} s"


def _point(session: Session, id_: str, reply: Reply, **values: Any) -> Observation:  # noqa: ANN401
    if not reply.ok:
        return unknown(id_, f"no speed was measured: {why_not(reply)}", reply, **values)
    measured = rates(reply)
    if "generated_tokens_per_second" not in measured:
        return unknown(id_, "the server counts no tokens, so there is no speed", reply, **values)
    values |= measured | attention(session.facts)
    prompt = measured.get("prompt_tokens_per_second")
    before = f"{prompt:,.0f} tokens/s of prompt, " if prompt else ""
    by = "by the server's own clock" if measured["timed_by"] == "server" else "by our clock"
    generated = measured["generated_tokens_per_second"]
    said = f"{before}{generated:,.1f} tokens/s of answer, {by}"
    return good(id_, said, reply, **values)


def rates(reply: Reply) -> dict[str, Any]:
    """What a reply tells of speed: the server's own timings, else ours of a stream."""
    found: dict[str, Any] = {}
    if reply.prompt_tokens is not None:
        found["context_tokens"] = reply.prompt_tokens
    drafted, accepted = reply.timings.get("draft_n"), reply.timings.get("draft_n_accepted")
    if isinstance(drafted, int) and isinstance(accepted, int) and drafted > 0:
        found["draft_acceptance"] = round(accepted / drafted, 3)
    generated = _positive(reply.timings.get("predicted_per_second"))
    if generated is not None:
        prompt = _positive(reply.timings.get("prompt_per_second"))
        told = {"timed_by": "server", "generated_tokens_per_second": generated}
        return found | told | ({"prompt_tokens_per_second": prompt} if prompt else {})
    return found | _clocked(reply)


def _clocked(reply: Reply) -> dict[str, Any]:
    first, count = reply.first_seconds, reply.completion_tokens
    if first is None or count is None or count < 2 or reply.seconds <= first:
        return {}
    found: dict[str, Any] = {"timed_by": "wall clock"}
    found["generated_tokens_per_second"] = (count - 1) / (reply.seconds - first)
    if reply.prompt_tokens and first > 0:
        found["prompt_tokens_per_second"] = reply.prompt_tokens / first
    return found


def _whole_prompt(asked: list[tuple[Reply, int]]) -> Observation:
    counted = [(reply, due) for reply, due in asked if reply.ok and reply.prompt_tokens is not None]
    for reply, expected in counted:
        arrived = reply.prompt_tokens or 0
        if arrived < expected * _ARRIVED_SHARE:
            said = (
                f"a prompt of about {expected:,} tokens arrived as {arrived:,}, and nobody was told"
            )
            values = {"expected_tokens": expected, "arrived_tokens": arrived}
            return bad("window.whole_prompt", said, reply, **values)
    refused = next((reply for reply, _ in asked if not reply.ok), None)
    if refused is not None:
        said = f"a prompt inside the stated window failed: {refused.error[:200]}"
        if refused.broken == "refused":
            return bad("window.whole_prompt", said, refused)
        return unknown("window.whole_prompt", said, refused)
    if not counted:
        return unknown("window.whole_prompt", "no deep prompt was sent, or none was counted")
    deepest, expected = counted[-1]
    said = f"a prompt of {deepest.prompt_tokens:,} tokens arrived whole"
    return good("window.whole_prompt", said, deepest, expected_tokens=expected)


def _positive(value: object) -> float | None:
    ok = isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
    return float(value) if ok else None  # type: ignore[arg-type]
