"""Whether the system prompt reaches the model.

A server that puts its own in its place answers as if nothing were wrong; the count of prompt
tokens gives it away. In: a session. Out: `system.reaches_model`, `system.template`.
"""

from __future__ import annotations

from seatrial.serve.survey import questions
from seatrial.serve.survey.observe import bad, good, unknown, why_not
from seatrial.serve.survey.probes import speed
from seatrial.serve.survey.session import Session
from seatrial.serve.survey.survey import Observation

_ALL_SHARE = 0.8
_NONE_SHARE = 0.3
_MARK = "heron-4417"


async def probe(session: Session) -> list[Observation]:
    """Compare a long system prompt with none, and look into the rendered prompt where there is one.

    A word is at least a token for every tokenizer in use, so words are a lower bound.
    """
    long, none = await speed.cold(session), await questions.greedy(session)
    if not long.ok or not none.ok:
        broken = none if long.ok else long
        return [unknown("system.reaches_model", f"not known: {why_not(broken)}", broken)]
    found = []
    tokens = long.prompt_tokens
    if tokens is None:  # some servers count only an answer in one piece
        tokens = (await speed.warm(session)).prompt_tokens
    if tokens is None or none.prompt_tokens is None:
        found.append(unknown("system.reaches_model", "the server counts no prompt tokens", long))
    else:
        words = len(questions.SYSTEM.split())
        grown = tokens - none.prompt_tokens
        values = {"system_words": words, "grown_tokens": grown}
        said = f"a system prompt of {words} words added {grown} tokens to the prompt"
        if grown >= words * _ALL_SHARE:
            found.append(good("system.reaches_model", said, long, none, **values))
        elif grown <= words * _NONE_SHARE:
            worse = f"{said}: it is dropped or replaced"
            found.append(bad("system.reaches_model", worse, long, none, **values))
        else:
            found.append(unknown("system.reaches_model", said, long, none, **values))
    return [*found, *await _template(session)]


async def _template(session: Session) -> list[Observation]:
    """Where the server shows the prompt that it makes, look for a word of ours in it."""
    if not session.family.id.startswith("llama.cpp"):
        return []
    messages = [
        {"role": "system", "content": f"Your sign is {_MARK}."},
        {"role": "user", "content": questions.PLAIN},
    ]
    shown = await session.post("/apply-template", {"messages": messages})
    prompt = shown.get("prompt") if shown is not None else None
    if not isinstance(prompt, str):
        return []
    if _MARK in prompt:
        return [good("system.template", "the template keeps the system prompt")]
    said = f"the template of this server drops the system prompt; it makes: {prompt[:300]!r}"
    return [bad("system.template", said)]
