"""Find the LLM servers of this machine: what listens where such servers usually listen.

Not a port scan: the kernel's table says what listens, and only a port that a family of servers
uses, or whose process looks like one of them, is asked. Nothing beyond loopback is touched. In:
this machine. Out: `Found` servers, and the ones that only may be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import PurePath

import msgspec

from seatrial.chat.transport import Transport
from seatrial.core.errors import SeatrialError
from seatrial.serve import sockets
from seatrial.serve.facts import Traits
from seatrial.serve.families.asking import LIMITS
from seatrial.serve.families.identity import identify
from seatrial.serve.families.owner import is_loopback
from seatrial.serve.families.registry import FAMILIES
from seatrial.serve.redact import without_secrets

SECONDS = 0.9
"""Of one server; all are asked at the same time."""

_MOST = 64
_PROGRAMS = frozenset(
    """
    llama-server llama_server llama-swap ollama vllm sglang apr koboldcpp llamafile lm-studio
    lmstudio mlx_lm mlx_lm.server tabbyapi localai lemonade-server
    """.split()
)
_INTERPRETERS = ("python", "pypy", "node", "uv", "sh", "bash", "env", "nohup", "nice", "sudo")
_STARTED = 5
"""Words of a command line that may name the program."""
_MODULES = (
    "vllm.",
    "sglang.",
    "mlx_lm",
    "llama_cpp.server",
    "seatrial.serve.embedded",
)


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A port that may belong to an LLM server."""

    url: str
    pid: int | None
    """None = the process belongs to another user, or this system does not tell."""
    command: tuple[str, ...] = ()


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a candidate turned out to be."""

    candidate: Candidate
    family: Traits | None
    """None = no LLM server, or none that answered; `reason` says which."""
    reason: str = ""


async def discover(
    candidates: Iterable[Candidate] | None = None, *, seconds: float = SECONDS
) -> tuple[Found, ...]:
    """Ask every candidate (default: those of this machine) what it is; servers come first."""
    those = await asyncio.to_thread(local_candidates) if candidates is None else tuple(candidates)
    if not those:
        return ()
    tasks = [asyncio.create_task(_identified(one, seconds)) for one in those]
    try:
        await asyncio.wait(tasks)
    finally:
        for task in tasks:
            task.cancel()
    found = [task.result() for task in tasks]
    return tuple(sorted(found, key=lambda one: (one.family is None, one.candidate.url)))


def local_candidates() -> tuple[Candidate, ...]:
    """The ports of this machine that are worth asking, by what the system tells."""
    if not sockets.available():
        return tuple(Candidate(url=f"http://127.0.0.1:{port}", pid=None) for port in usual_ports())
    return candidates_of(sockets.listening())


def candidates_of(listeners: Iterable[sockets.Listener]) -> tuple[Candidate, ...]:
    """Those of `listeners` that are worth asking."""
    usual = frozenset(usual_ports())
    found = []
    for one in listeners:
        if not is_loopback(one.host):
            continue
        pid = one.pids[0] if one.pids else None
        words = sockets.arguments(pid) if pid is not None else ()
        if one.port in usual or looks_like_server(words):
            host = f"[{one.host}]" if ":" in one.host else one.host
            url = f"http://{host}:{one.port}"
            found.append(Candidate(url=url, pid=pid, command=without_secrets(words)))
    return tuple(found[:_MOST])


def usual_ports() -> tuple[int, ...]:
    """Where the servers of all families listen when nobody says otherwise."""
    return tuple(sorted({port for family in FAMILIES for port in family.traits.ports}))


def looks_like_server(words: tuple[str, ...]) -> bool:
    """Whether a command line starts a program that serves models."""
    names = [PurePath(word).name.lower().removesuffix(".exe") for word in words[:_STARTED]]
    if not names:
        return False
    # An interpreter, then its own options, then the program or the module.
    if not names[0].startswith(_INTERPRETERS):
        names = names[:1]
    started = any(word.startswith(_MODULES) for word in words[1 : len(names)])
    return bool(_PROGRAMS.intersection(names)) or started


async def _identified(candidate: Candidate, seconds: float) -> Found:
    try:
        async with Transport(candidate.url, limits=LIMITS) as server:
            family, _ = await identify(server, seconds=seconds)
    except SeatrialError as error:
        return Found(candidate=candidate, family=None, reason=error.message)
    return Found(candidate=candidate, family=family.traits)
