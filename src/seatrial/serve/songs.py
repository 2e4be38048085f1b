"""Read a song out of an answer, in the shapes that servers give log-probabilities.

No request is made here. In: the decoded answer of `/completion`, `/v1/completions`,
`/v1/chat/completions` or `/api/generate`. Out: a `Song` of log-probabilities, of text where
there are none, or None where there is neither.
"""

from __future__ import annotations

import math
from typing import Any

from seatrial.serve.canary import Song, Step

_LOWEST = -1e4
"""Servers write minus infinity as null or as a large negative number."""


def read_song(answer: dict[str, Any], asked: str) -> Song | None:
    """The song in `answer`, which came from the path `asked`."""
    choice = _first(answer.get("choices"))
    for rows in (answer.get("completion_probabilities"), answer.get("logprobs")):
        if steps := _from_rows(rows):
            return Song(kind="logprobs", asked=asked, steps=steps)
    held = choice.get("logprobs")
    if isinstance(held, dict) and (steps := _from_rows(held.get("content")) or _from_lists(held)):
        return Song(kind="logprobs", asked=asked, steps=steps)
    text = _text(answer, choice)
    return Song(kind="text", asked=asked, text=text) if text else None


def _from_rows(rows: object) -> tuple[Step, ...]:
    """`[{token, logprob, top_logprobs: [{token, logprob}]}]`; empty when it is not that."""
    if not isinstance(rows, list):
        return ()
    steps = tuple(step for row in rows if (step := _row(row)) is not None)
    return steps if len(steps) == len(rows) else ()


def _row(row: object) -> Step | None:
    if not isinstance(row, dict) or (token := _name(row)) is None:
        return None
    top = _top(row.get("top_logprobs"))
    if not top and (own := _number(row.get("logprob"))) is not None:
        top = {token: own}
    return Step(token, top) if top else None


def _from_lists(held: dict[str, Any]) -> tuple[Step, ...]:
    """`{tokens: [], token_logprobs: [], top_logprobs: [{token: logprob}]}`."""
    tokens, own = held.get("tokens"), held.get("token_logprobs")
    if not isinstance(tokens, list) or not isinstance(own, list) or len(own) != len(tokens):
        return ()
    tops = held.get("top_logprobs")
    tops = tops if isinstance(tops, list) and len(tops) == len(tokens) else [None] * len(tokens)
    steps = []
    for token, value, row in zip(tokens, own, tops, strict=True):
        top, number = _top(row), _number(value)
        if not top and number is None:
            return ()
        steps.append(Step(str(token), top or {str(token): number or 0.0}))
    return tuple(steps)


def _top(rows: object) -> dict[str, float]:
    if isinstance(rows, dict):
        pairs = [(str(name), _number(value)) for name, value in rows.items()]
    elif isinstance(rows, list):
        found = [row for row in rows if isinstance(row, dict)]
        pairs = [(_name(row), _number(row.get("logprob"))) for row in found]  # type: ignore[misc]
    else:
        return {}
    return {name: value for name, value in pairs if name is not None and value is not None}


def _name(row: dict[str, Any]) -> str | None:
    """The token as the server names it most exactly: two tokens can have one text."""
    if isinstance(row.get("id"), int):
        return str(row["id"])
    data = row.get("bytes")
    if isinstance(data, list) and data and all(isinstance(byte, int) for byte in data):
        return "x" + "".join(f"{byte & 255:02x}" for byte in data)
    return row["token"] if isinstance(row.get("token"), str) else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return round(float(value), 4) if value > _LOWEST else None


def _text(answer: dict[str, Any], choice: dict[str, Any]) -> str:
    """What was written, thinking included."""
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    places = (
        message.get("reasoning_content") or message.get("reasoning"),
        message.get("content"),
        choice.get("text"),
        answer.get("content"),
        answer.get("thinking"),
        answer.get("response"),
    )
    return "".join(text for text in places if isinstance(text, str))


def _first(choices: object) -> dict[str, Any]:
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        return choices[0]
    return {}
