"""Which family a server is of, and the facts of one server: from a URL to `ServerFacts`.

A handful of GET requests at once, all bounded; what is no LLM server is told in one line with a
hint. In: a URL or a transport. Out: a `Family` with the answers it was recognised by, or
`ServerFacts`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from seatrial.chat.failures import TimedOutError
from seatrial.chat.transport import Transport
from seatrial.serve.facts import ServerFacts
from seatrial.serve.families.asking import ASK_SECONDS, LIMITS, Asked, ask_all
from seatrial.serve.families.family import Answers, Family
from seatrial.serve.families.mlx import NO_MODEL
from seatrial.serve.families.registry import FAMILIES
from seatrial.serve.families.stranger import explained

PATHS = (
    "/v1/models",
    NO_MODEL,
    "/props",
    "/running",
    "/api/version",
    "/api/ps",
    "/api/v1/models",
    "/api/v0/models",
    "/get_model_info",
    "/version",
    "/",
)
"""Asked of every server; none loads a model or generates."""

_READ_SECONDS = 15.0


async def identify(server: Transport, *, seconds: float = ASK_SECONDS) -> tuple[Family, Answers]:
    """Which family `server` is of, and what it answered.

    Raises:
        UserError: it answers, and is no LLM server, or wants a key.
        EngineError: it does not answer.
    """
    asked = await ask_all(server, PATHS, seconds)
    family = _family(asked)
    if family is None:
        raise explained(server.url, asked)
    return family, asked.answers


async def recognised(
    server: Transport, *, seconds: float = ASK_SECONDS
) -> tuple[Family, Answers] | None:
    """As `identify`; None when no family knows it."""
    asked = await ask_all(server, PATHS, seconds)
    family = _family(asked)
    return None if family is None else (family, asked.answers)


async def read_facts(
    server: str | Transport, *, model: str | None = None, api_key: str | None = None
) -> ServerFacts:
    """What is known of `server` when a client asks it for `model`.

    Raises:
        UserError: not a URL; or it answers, and is no LLM server, or wants a key.
        EngineError: it does not answer.
    """
    async with _opened(server, api_key) as transport:
        try:
            async with asyncio.timeout(_READ_SECONDS):
                family, answers = await identify(transport)
                return await family.read(transport, answers, model)
        except TimeoutError:
            message = f"{transport.url} did not answer everything within {_READ_SECONDS:g} s"
            raise TimedOutError(message, hint="the server is busy or hangs; try again") from None


def _family(asked: Asked) -> Family | None:
    return next((one for one in FAMILIES if one.recognises(asked.answers)), None)


@asynccontextmanager
async def _opened(server: str | Transport, api_key: str | None) -> AsyncIterator[Transport]:
    if isinstance(server, Transport):
        yield server
        return
    async with Transport(server, api_key=api_key, limits=LIMITS) as transport:
        yield transport
