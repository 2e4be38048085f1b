"""What a survey says to a model: short, the same every time, shared by the probes.

The prompts name no role and show no markup, so whatever of that comes back is the server's or the
model's own. In: a session. Out: replies, asked once where several probes read them.
"""

from __future__ import annotations

from typing import Any

from seatrial.serve.survey.reply import Reply, same
from seatrial.serve.survey.session import Session

SHIPS = "Name three invented ships, and say of each what it carries."
TIDE = "Describe the sea at night in one sentence."
PLAIN = "Reply with exactly one word: harbour"
PUZZLE = "What is 17 times 3? Think first, then give the number."
CALL = 'Call the tool note with the text "noon".'
LONG_CALL = (
    'Call the tool note with the text "the tide turns at noon and the lamp burns until four".'
)

TOKENS = 24
SHORT_TOKENS = 12
PLAIN_TOKENS = 32
CALL_TOKENS = 48
"""A call takes about 20."""
LONG_CALL_TOKENS = 96

SYSTEM = (
    "You keep the log of a small harbour. Every morning a boat goes out to the outer buoy, reads "
    "the depth, the wind and the colour of the water, and comes back before the tide turns. You "
    "write one line for each boat: when it left, when it came back, and what it brought. Grain, "
    "salt, rope, timber and lamp oil are counted in crates; fish is counted in baskets, and "
    "letters are counted one by one. When a boat is late, you say so in the first words of the "
    "line. You do not guess: a number that nobody read stays empty. When two numbers contradict "
    "each other, you write both and draw a line under them. In winter the lamp on the pier burns "
    "from four in the afternoon; in summer it stays dark until the last boat is in."
)
"""About 130 words: long enough to be measured and cached, short enough for any window."""

TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "note",
        "description": (
            "Keeps a short note in the log of the harbour, so that it can be read again later "
            "by whoever opens the log in the morning. The text is kept as it is given."
        ),
        "parameters": {
            "type": "object",
            "properties": {
                "text": {
                    "type": "string",
                    "description": "What is to be kept, in one short sentence.",
                }
            },
            "required": ["text"],
        },
    },
}

GREEDY: dict[str, Any] = {"temperature": 0}
_HOT = (5.0, 2.0)
"""The first makes the surest model wander; strict servers take the second at most."""


async def greedy(session: Session) -> Reply:
    """The answer that most others are compared with."""
    return await session.once("greedy", lambda: greedy_again(session))


async def greedy_again(session: Session, *, stream: bool = False) -> Reply:
    """The same question, asked anew."""
    return await session.chat(SHIPS, max_tokens=TOKENS, stream=stream, **GREEDY)


async def greedy_stream(session: Session) -> Reply:
    return await session.once("greedy stream", lambda: greedy_again(session, stream=True))


async def settled(session: Session) -> Reply | None:
    """The greedy answer as it is with a warm cache; None where two in a row differ.

    A prompt that comes from the cache is computed in other pieces than a new one, and the
    rounding of a small model may part the two answers at any word.
    """
    now = await session.once("settled", lambda: greedy_again(session))
    if not now.ok:
        return None
    if same(now, await greedy(session)) or same(now, await greedy_stream(session)):
        return now
    then = await session.once("settled twice", lambda: greedy_again(session))
    return then if then.ok and same(now, then) else None


async def tide(session: Session) -> Reply:
    """Another question that every model answers in its own words."""
    return await session.once("tide", lambda: tide_again(session))


async def tide_again(session: Session) -> Reply:
    return await session.chat(TIDE, max_tokens=TOKENS, **GREEDY)


async def plain(session: Session, *, stream: bool = False) -> Reply:
    """A question whose answer is short."""
    key = f"plain {stream}"
    return await session.once(
        key, lambda: session.chat(PLAIN, max_tokens=PLAIN_TOKENS, stream=stream, **GREEDY)
    )


async def loose(session: Session, seed: int = 42, **more: Any) -> Reply:  # noqa: ANN401
    """Sampled so hot, with every filter open, that only an ignored temperature repeats greedy.

    `more` closes one filter again. What "hot and open" is, is settled once: by the first such
    request that the server does not refuse.
    """
    key = f"loose {seed} {sorted(more.items())}"
    return await session.once(key, lambda: _loose(session, seed, more))


async def _loose(session: Session, seed: int, more: dict[str, Any]) -> Reply:
    choices = [session.hot] if session.hot is not None else _openings(session)
    for fields in choices:
        asked = {**fields, "seed": seed, **({} if session.hot is None else more)}
        reply = await session.chat(SHIPS, max_tokens=SHORT_TOKENS, **asked)
        if reply.broken != "refused" or not 400 <= reply.status < 500:
            break
    if session.hot is None and reply.ok:
        session.hot = fields
        if more:
            return await _loose(session, seed, more)
    return reply


def _openings(session: Session) -> list[dict[str, Any]]:
    """Ways to ask for heat without filters, the most open first.

    0 and -1 both mean "no top_k", and some servers refuse the one or the other.
    """
    known = session.family.knobs
    rest = {name: value for name, value in (("top_p", 1.0), ("min_p", 0.0)) if name in known}
    closed = (-1, 0) if session.family.id in ("vllm", "sglang") else (0, -1)
    tops = [{"top_k": value} for value in closed] if "top_k" in known else [{}]
    open_ = [{"temperature": hot, **rest, **top} for hot in _HOT for top in tops]
    return [*open_, {"temperature": _HOT[-1]}]


def switch_off(session: Session) -> dict[str, Any]:
    """Fields that ask not to think; only what this family is known to take."""
    if session.family.id == "ollama":
        return {"reasoning_effort": "none"}
    return {"chat_template_kwargs": {"enable_thinking": False}}


def quiet(session: Session) -> dict[str, Any]:
    """`switch_off` for a model that was seen to think, else nothing."""
    thinks = any(reply.thought_key for reply in session.replies)
    return switch_off(session) if thinks else {}
