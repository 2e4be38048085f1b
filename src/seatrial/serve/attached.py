"""Attest a server that was there before us, of any family, here or elsewhere.

What it says is read by `families`; what it is, by its process and files where they are seen on
this machine or by a witness on its own; a canary tells two such servers apart. `grades` says
what that proves. Refused is what cannot be true together: an id that gets another model, a
process that has another file than the server names, an expectation that is contradicted. In: a
URL. Out: an `Attestation`.
"""

from __future__ import annotations

import asyncio
import socket
from urllib.parse import urlsplit

from seatrial.chat.failures import RefusedError, TimedOutError
from seatrial.chat.transport import Transport
from seatrial.core.errors import EngineError, FormatError, UnattestedError
from seatrial.serve.attestation import Attestation, describe_server
from seatrial.serve.canary import Canary, steps_gap
from seatrial.serve.expectation import Expectation, expect
from seatrial.serve.facts import ServerFacts
from seatrial.serve.families import read_facts
from seatrial.serve.grades import Proof, judge
from seatrial.serve.naming import Naming, name_model
from seatrial.serve.server import ServedAdapter
from seatrial.serve.singing import sing_anywhere
from seatrial.serve.testimony import Testimony, boot_id, examine
from seatrial.serve.witness_client import Witness, ask_witness

CANARY_SECONDS = 180.0
"""Of all its requests together; a large model may have to be loaded first."""
CHANGED_HINT = "stop what swaps models on this server, or give one model its own server"
_LLAMA_CPP = "llama.cpp"
_ROUNDING = 0.6
"""Natural logarithm: four times what a new and a known prompt differ by on a tiny model; another
model differs by more in nearly every token."""


async def attest_url(
    url: str,
    *,
    model: str | None = None,
    expected: str | None = None,
    api_key: str | None = None,
    witness: Witness | None = None,
    canary_seconds: float = CANARY_SECONDS,
    load_seconds: float = CANARY_SECONDS,
    sing: bool = True,
) -> Attestation:
    """Describe and prove the server at `url`.

    `model` is the id that a client of it sends, `expected` the model that a person means: a
    path of this machine, a digest or an id. `load_seconds`: for the first canary of a server
    that has to load the model for it. Without `sing` no canary is taken and nothing generated:
    no model is loaded for it, no cache emptied, no slot taken from anybody.

    Raises:
        UserError: not a URL of a server.
        UnattestedError: what is served is not what is named or expected.
        EngineError: it does not answer, or wants a key.
        FormatError: what answers serves no models.
    """
    async with Transport(url, api_key=api_key) as server:
        facts = await read_facts(server, model=model)
        testimony, here, unseen = await _witnessed(server.url, witness)
        naming = name_model(facts, testimony, model, expected)
        if naming.refused is not None:
            raise UnattestedError(naming.refused, hint=naming.hint)
        cold = sing and is_cold(facts, naming.id)
        first_seconds = max(canary_seconds, load_seconds) if cold else canary_seconds
        canary, silent = Canary(), ["no canary was taken"]
        if sing:
            canary, silent = await _canary(server, facts, naming, first_seconds, canary_seconds)
        if cold:  # what it is could not be seen before it was there
            facts = await read_facts(server, model=naming.id)
            testimony, here, unseen = await _witnessed(server.url, witness)
        adapters = await _adapters(server, facts)
    if here and testimony is not None and not await _same_process(server.url, testimony):
        testimony, unseen = None, "the process behind the port changed while it was looked at"
    proof = judge(facts, testimony, canary, here=here, unseen=unseen, asked=naming.id)
    proof = _with(proof, [*silent, *([naming.note] if naming.note else [])])
    if proof.contradictions:
        raise UnattestedError("; ".join(proof.contradictions), hint=_HINT)
    expectation = await asyncio.to_thread(expect, expected, facts, proof) if expected else None
    _refuse_unexpected(expectation)
    return describe_server(
        facts,
        canary,
        proof,
        adapters=adapters,
        asked=naming.id,
        testimony=testimony,
        expectation=expectation,
    )


def is_cold(facts: ServerFacts, model: str | None) -> bool:
    """Whether a request for `model` makes this server load it."""
    loads = facts.family.loads_on_request and facts.family.listing != "cache"
    return loads and facts.loaded is not None and model not in facts.loaded


_HINT = "find out which program holds the port, and start the server that is meant"


def _refuse_unexpected(expectation: Expectation | None) -> None:
    if expectation is not None and expectation.met is False:
        raise UnattestedError(
            f"not the expected model: {expectation.said}",
            hint="start the server with the model that is meant, or correct what is expected",
        )


async def _witnessed(url: str, witness: Witness | None) -> tuple[Testimony | None, bool, str]:
    """What is seen of the process, whether it was seen here, and else why not."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    here = await asyncio.to_thread(is_here, host)
    found = await asyncio.to_thread(examine, host, port) if here else None
    if found is not None and (found.models or witness is None):
        return found, True, ""
    if witness is not None:
        told = await ask_witness(witness, url)
        if not here or told.boot_id == boot_id():
            return told, False, ""
        return (
            None,
            False,
            (
                "the witness is on another machine than this port: a tunnel may lead to a third; "
                "give the server and the witness by their own address"
            ),
        )
    return None, here, _UNSEEN_HERE if here else _UNSEEN_THERE


_UNSEEN_HERE = (
    "the process behind the port cannot be seen: it may be another user's, or in a container; "
    "attest as that user or as root"
)
_UNSEEN_THERE = "it runs on another machine: `seatrial witness` there could prove more"


def is_here(host: str) -> bool:
    """Whether `host` is an address of this machine and of no other."""
    try:
        rows = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except OSError:
        return False
    return bool(rows) and all(_is_ours(row[0], str(row[4][0])) for row in rows)


def _is_ours(family: int, address: str) -> bool:
    """Only an address of this machine can be bound to."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


async def _same_process(url: str, testimony: Testimony) -> bool:
    """Whether the port still belongs to whom the testimony names."""
    now = await asyncio.to_thread(_holder, urlsplit(url).hostname or "", testimony.port)
    return now == (testimony.pid, testimony.worker, testimony.several)


def _holder(host: str, port: int) -> tuple[int, int, bool] | None:
    from seatrial.serve.behind import behind

    found = behind(host, port)
    return None if found is None else (found.pid, found.worker, found.several)


async def _canary(
    server: Transport, facts: ServerFacts, naming: Naming, first_seconds: float, seconds: float
) -> tuple[Canary, list[str]]:
    """The canary, and why there is none.

    Only llama.cpp can be told to leave its cache alone. The others sing once before it counts:
    a prompt that was never there is computed in other pieces than one that was, and a small
    model shows the rounding.
    """
    family = facts.family.id
    if naming.id is None and family != _LLAMA_CPP:
        return Canary(), ["no canary: it is not known which model to ask for"]
    template = facts.template.value if facts.template is not None else None
    cold, within = None, first_seconds
    try:
        if family != _LLAMA_CPP:
            async with asyncio.timeout(first_seconds):
                cold = await sing_anywhere(server, family, model=naming.id, repeats=1)
            within = seconds
        async with asyncio.timeout(within):
            canary = await sing_anywhere(server, family, model=naming.id, template=template)
    except (TimeoutError, TimedOutError):
        return Canary(), [f"no canary: no answer in {within:g} s"]
    except RefusedError:
        raise
    except EngineError as error:
        return Canary(), [f"no canary: {error.message}"]
    if cold is not None and (part := _another(cold, canary)) is not None:
        said = f"the model that answers changed during the examination: {part}"
        raise UnattestedError(said, hint=CHANGED_HINT)
    return canary, []


def _another(cold: Canary, warm: Canary) -> str | None:
    """Where the two differ by more than any cache explains."""
    for one, other in ((cold.raw, warm.raw), (cold.chat, warm.chat)):
        if one is None or other is None or "text" in (one.kind, other.kind):
            continue
        if part := steps_gap(one.steps, other.steps, _ROUNDING):
            return part
    return None


async def _adapters(server: Transport, facts: ServerFacts) -> tuple[ServedAdapter, ...] | None:
    """The adapters that it applies; None = it does not say."""
    if facts.family.id != _LLAMA_CPP:
        return None
    try:
        return tuple(await server.get_json("/lora-adapters", list[ServedAdapter]))
    except (RefusedError, FormatError):
        return None


def _with(proof: Proof, notes: list[str]) -> Proof:
    """`proof` with more reasons why it is no better."""
    from msgspec.structs import replace

    if proof.grade in ("process", "witness"):
        return proof
    return replace(proof, missing=(*proof.missing, *notes))
