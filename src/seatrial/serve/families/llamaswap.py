"""llama-swap: a proxy that starts and stops one server for each model of its configuration.

What it lists is configuration. What runs stands in `/running`, and behind `/upstream/ID` the
server of that model answers for itself; asking there for a model that does not run would start
it, so only running ones are asked. Source: mostlygeek/llama-swap internal/server/{api,server,
profiles}.go. In: answers. Out: facts of the server behind it.
"""

from __future__ import annotations

import shlex
from typing import Any, TypeVar

import msgspec

from seatrial.chat.transport import Reply, Transport
from seatrial.serve.facts import Fact, ServerFacts, Traits
from seatrial.serve.families.asking import ask
from seatrial.serve.families.family import Answers
from seatrial.serve.families.owner import Owner, is_loopback, owner_of, program
from seatrial.serve.families.reading import (
    at,
    below,
    body,
    chosen,
    count_fact,
    good,
    ids,
    option,
    owners,
    rows,
    text,
    text_fact,
)
from seatrial.serve.redact import without_secrets

TRAITS = Traits(
    id="llama-swap",
    title="llama-swap",
    ports=(8080,),
    listing="config",
    overflow="unknown",
    # The server behind it writes `model`; what that server is, is not known yet.
    echoes_model=True,
    loads_on_request=True,
)

_JsonT = TypeVar("_JsonT")
_FILTERS = (
    "its filters (setParams, stripParams) may change every request; "
    "they stand only in its configuration file"
)


class LlamaSwap:
    """The family `llama-swap`."""

    traits = TRAITS

    def recognises(self, answers: Answers) -> bool:
        running = at(body(answers, "/running"), "running")
        return isinstance(running, list) or "llama-swap" in owners(answers)

    async def read(self, server: Transport, answers: Answers, model: str | None) -> ServerFacts:
        running = {
            name: row
            for row in rows(body(answers, "/running"), "running")
            if (name := text(row, "model"))
        }
        told = isinstance(at(body(answers, "/running"), "running"), list)
        states = ((name, text(row, "state")) for name, row in running.items())
        ready = tuple(name for name, state in states if state == "ready") if told else None
        aliases, notes = await _profile(server, model)
        name, said = chosen(ready, model, same=aliases)
        row = running.get(name or "")
        words = command_words(text(row, "cmd") or "")
        facts = ServerFacts(url=server.url, family=TRAITS)
        if name is not None:
            facts = await _upstream(server, name, row, words)
        model_fact = facts.model or _argv_model(words)
        return msgspec.structs.replace(
            facts,
            url=server.url,
            family=_traits(facts.family),
            version=text_fact("/api/version", body(answers, "/api/version"), "version"),
            model=model_fact,
            listed=ids(answers),
            loaded=ready,
            declared_windows=(*_declared(answers, name or model), *facts.declared_windows),
            command=Fact(words, "/running") if words else facts.command,
            notes=(*said, *notes, *facts.notes, _FILTERS),
        )


class _Behind(Transport):
    """The server of one model, reached through the proxy; `url` = where it really listens."""

    def __init__(self, proxy: Transport, name: str, url: str) -> None:
        self._proxy = proxy
        self._prefix = f"/upstream/{name}"
        self.url = url

    async def get(
        self, path: str, *, timeout_seconds: float | None = None, max_bytes: int | None = None
    ) -> Reply:
        return await self._proxy.get(
            self._prefix + path, timeout_seconds=timeout_seconds, max_bytes=max_bytes
        )

    async def post_json(
        self,
        path: str,
        body: object,
        type_: type[_JsonT],
        *,
        timeout_seconds: float | None = None,
    ) -> _JsonT:
        return await self._proxy.post_json(
            self._prefix + path, body, type_, timeout_seconds=timeout_seconds
        )


async def _upstream(
    server: Transport,
    name: str,
    row: Any,  # noqa: ANN401 - JSON
    words: tuple[str, ...],
) -> ServerFacts:
    """What the running server of `name` says, in its own family."""
    # Not at the top: recognising a server needs every family, and this is one of them.
    from seatrial.serve.families.identity import recognised

    front = await owner_of(server.url)
    place = text(row, "proxy") if front.pid is not None else None
    owner = await _owner(front, place, words)
    # Its own address only where that was seen to be the process: the proxy may be in a container.
    address = place if owner.pid is not None else None
    behind = _Behind(server, name, address or f"{server.url}/upstream/{name}")
    found = None if "?" in name or ".." in name else await recognised(behind)
    if found is None:
        note = f"the server behind {name} was not recognised: only its command line is known"
        return ServerFacts(url=server.url, family=TRAITS, notes=(note,))
    family, answers = found
    facts = below(await family.read(behind, answers, None), f"/upstream/{name}")
    return msgspec.structs.replace(facts, pid=owner.pid, command=owner.command)


async def _owner(front: Owner, place: str | None, words: tuple[str, ...]) -> Owner:
    """The process at the address that the proxy forwards to, if it is the one it started."""
    if place is None or not _local(place):
        return Owner(note=front.note)
    found = await owner_of(place)
    same = program(found.words) == program(words)
    return found if same and found.pid != front.pid else Owner()


def _local(url: str) -> bool:
    host = url.partition("//")[2].partition("/")[0].rpartition(":")[0]
    return is_loopback(host.strip("[]"))


async def _profile(server: Transport, model: str | None) -> tuple[dict[str, str], list[str]]:
    """What the active profile makes of names, and that there is one."""
    answered = good(await ask(server, "/api/profiles"))
    active = text(answered, "active")
    if active is None:
        return {}, []
    profile = next((p for p in rows(answered, "profiles") if text(p, "name") == active), None)
    given = at(profile, "aliases")
    pairs = given.items() if isinstance(given, dict) else ()
    aliases = {key: value for key, value in pairs if isinstance(value, str) and value}
    note = f"profile {active} is active and may answer a name with another model"
    if model in aliases:
        note = f"profile {active} is active: whoever asks for {model} gets {aliases[model]}"
    return aliases, [note]


def command_words(command: str) -> tuple[str, ...]:
    """A command of its configuration as words: comments and continued lines as it reads them."""
    lines = (line for line in command.splitlines() if not line.lstrip().startswith("#"))
    joined = " ".join(line.rstrip().removesuffix("\\") for line in lines)
    try:
        words = shlex.split(joined)
    except ValueError:  # an open quote
        words = joined.split()
    return without_secrets(tuple(words))


def _argv_model(words: tuple[str, ...]) -> Fact[str] | None:
    named = option(words, "-m", "--model", "-hf", "--hf-repo", "--model-path")
    return Fact(named, "argv") if named else None


def _declared(answers: Answers, name: str | None) -> tuple[Fact[int], ...]:
    """`capabilities.context` of its configuration, which it lists as if it were a window."""
    listed = rows(body(answers, "/v1/models"), "data")
    row = next((row for row in listed if text(row, "id") == name), None)
    found = count_fact("/v1/models meta.n_ctx (configuration)", row, "meta", "n_ctx")
    return () if found is None else (found,)


def _traits(upstream: Traits) -> Traits:
    """How the server behind it behaves, under the name of the proxy."""
    if upstream is TRAITS:
        return TRAITS
    return msgspec.structs.replace(
        upstream,
        id=TRAITS.id,
        title=f"{TRAITS.title} before {upstream.title}",
        ports=TRAITS.ports,
        listing=TRAITS.listing,
        loads_on_request=True,
        # Only below /upstream/ID, not where a client asks.
        tokenizes=False,
    )
