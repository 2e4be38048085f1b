"""A survey of a personality, and facts for servers that are no personality."""

from __future__ import annotations

from typing import Any

from seatrial.chat.transport import Transport
from seatrial.fakes.personalities import personality
from seatrial.serve.facts import Fact, ServerFacts, Traits
from seatrial.serve.families import read_facts
from seatrial.serve.survey.run import survey
from seatrial.serve.survey.survey import Depth, Survey

KNOBS = frozenset(
    "temperature top_p top_k min_p seed repeat_penalty presence_penalty frequency_penalty "
    "dry_multiplier xtc_probability mirostat".split()
)


async def surveyed(
    family: str,
    *faults: str,
    only: set[str] | None = None,
    depth: Depth = "quick",
    settings: dict[str, Any] | None = None,
    facts: ServerFacts | None = None,
    **how: Any,
) -> Survey:
    """What a survey finds on a fake server of `family`; without `facts` the server is asked."""
    async with (
        personality(family, *faults, **(settings or {})) as server,
        Transport(server.url) as transport,
    ):
        known = await read_facts(transport) if facts is None else facts
        assert known.family.id == family
        return await survey(transport, known, only=only, depth=depth, **how)


_HONEST: dict[str, ServerFacts] = {}


async def honest_facts(family: str) -> ServerFacts:
    """The facts of an honest server of `family`, asked once: that takes longer than a survey."""
    if family not in _HONEST:
        async with personality(family) as server, Transport(server.url) as transport:
            _HONEST[family] = await read_facts(transport)
    return _HONEST[family]


def llama_facts(
    url: str, *, window: int | None = None, command: tuple[str, ...] = ()
) -> ServerFacts:
    """Facts of a llama.cpp server, as far as a survey reads them."""
    traits = Traits(
        id="llama.cpp",
        title="llama.cpp",
        ports=(),
        listing="loaded",
        overflow="refuses",
        knobs=KNOBS,
        thinks_in="reasoning_content",
        reports_cached=True,
        reports_speed=True,
        tokenizes=True,
    )
    return ServerFacts(
        url=url,
        family=traits,
        window=None if window is None else Fact(window, "/props"),
        command=Fact(command, "process") if command else None,
    )


def verdicts(found: Survey, verdict: str) -> dict[str, str]:
    """Observation id -> what was said, for one verdict."""
    return {one.id: one.said for one in found.observations if one.verdict == verdict}
