"""Ask a stranger: single bounded GET requests, and a handful of them at once.

What a server answers is data here, whatever its status; only silence is an error. Nothing that
is asked loads a model or generates. In: a server and paths. Out: `Answer`s, by path.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec

from seatrial.chat.failures import RefusedError, TimedOutError
from seatrial.chat.transport import Limits, Reply, Transport
from seatrial.core.errors import EngineError, FormatError, SeatrialError
from seatrial.serve.families.family import Answer, Answers

ASK_SECONDS = 3.0
LIMITS = Limits(
    connect_seconds=ASK_SECONDS,
    idle_seconds=ASK_SECONDS,
    json_seconds=ASK_SECONDS,
    json_bytes=2**21,
)
"""For a server of which nothing is known."""

_TEXT_CHARS = 4096


class Asked(msgspec.Struct, frozen=True):
    """What came of several questions."""

    answers: Answers
    failures: dict[str, SeatrialError]
    """By path, where there was no answer."""


async def ask(
    server: Transport, path: str, query: Mapping[str, str] | None = None
) -> Answer | None:
    """What `path` answers; None when it says nothing that can be read.

    Raises:
        EngineError: the server is gone.
    """
    try:
        return await _answer(server, path + (f"?{urlencode(query)}" if query else ""), ASK_SECONDS)
    except (FormatError, TimedOutError):
        return None


async def show(server: Transport, path: str, body: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
    """The JSON that `path` answers to a harmless POST; None where it refuses.

    Raises:
        EngineError: the server is gone.
    """
    try:
        return await server.post_json(path, body, object, timeout_seconds=ASK_SECONDS)
    except (FormatError, TimedOutError, RefusedError):
        return None


async def ask_all(server: Transport, paths: Iterable[str], seconds: float) -> Asked:
    """What `paths` answer within `seconds`, asked at the same time."""
    tasks = {path: asyncio.create_task(_answer(server, path, seconds)) for path in paths}
    try:
        await asyncio.wait(tasks.values(), timeout=seconds + 0.5)
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.wait(tasks.values())
    asked = Asked({}, {})
    for path, task in tasks.items():
        if task.cancelled():
            asked.failures[path] = TimedOutError(f"no answer from {server.url}{path}")
        elif (error := task.exception()) is None:
            asked.answers[path] = task.result()
        elif isinstance(error, SeatrialError):
            asked.failures[path] = error
        else:
            asked.failures[path] = EngineError(f"{server.url}{path}: {error}")
    return asked


async def _answer(server: Transport, path: str, seconds: float) -> Answer:
    reply = await server.get(path, timeout_seconds=seconds, max_bytes=LIMITS.json_bytes)
    return to_answer(reply)


def to_answer(reply: Reply) -> Answer:
    """`reply` with its JSON decoded, if it is JSON."""
    try:
        body = msgspec.json.decode(reply.body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        body = None
    text = reply.body[: 4 * _TEXT_CHARS].decode("utf-8", "replace")[:_TEXT_CHARS]
    return Answer(reply.status, body, text)
