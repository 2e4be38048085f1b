"""`llama-server` without a model: a router in front of one llama.cpp server for each model.

Its own `/props` says nothing of any model: every question names one, and forbids to load it.
Source: llama.cpp tools/server/README.md, "Using multiple models". In: answers. Out: facts of the
model that answers the client.
"""

from __future__ import annotations

from typing import Any

import msgspec

from seatrial.chat.transport import Transport
from seatrial.serve.facts import Fact, ServerFacts
from seatrial.serve.families import llamacpp
from seatrial.serve.families.asking import ask
from seatrial.serve.families.family import Answers
from seatrial.serve.families.owner import Owner, owner_of
from seatrial.serve.families.reading import (
    at,
    body,
    chosen,
    good,
    ids,
    option,
    rows,
    text,
    text_fact,
    whole,
)
from seatrial.serve.redact import without_secrets

TRAITS = msgspec.structs.replace(
    llamacpp.TRAITS,
    id="llama.cpp-router",
    title="llama.cpp router",
    listing="installed",
    loads_on_request=True,
)


class Router:
    """The family `llama.cpp-router`."""

    traits = TRAITS

    def recognises(self, answers: Answers) -> bool:
        listed = rows(body(answers, "/v1/models"), "data")
        states = [row for row in listed if text(row, "status", "value")]
        return text(body(answers, "/props"), "role") == "router" or bool(states)

    async def read(self, server: Transport, answers: Answers, model: str | None) -> ServerFacts:
        listed = rows(body(answers, "/v1/models"), "data")
        loaded = _loaded(answers)
        name, notes = chosen(loaded, model)
        row = next((row for row in listed if text(row, "id") == (name or model)), None)
        words = _words(at(row, "status", "args"))
        front = await owner_of(server.url)
        facts = ServerFacts(url=server.url, family=TRAITS)
        behind = Owner()
        if name is not None:
            facts = await self._described(server, name, row, words)
            behind = await _instance(front, words)
        return msgspec.structs.replace(
            facts,
            family=TRAITS,
            version=facts.version or text_fact("/props", body(answers, "/props"), "build_info"),
            listed=ids(answers),
            loaded=loaded,
            command=Fact(words, "/v1/models status.args") if words else behind.command,
            pid=behind.pid,
            notes=(
                *notes,
                *facts.notes,
                *behind.notes,
                *llamacpp.refused(answers.get("/props")),
            ),
        )

    async def _described(
        self,
        server: Transport,
        name: str,
        row: Any,  # noqa: ANN401 - JSON
        words: tuple[str, ...],
    ) -> ServerFacts:
        query = {"model": name, "autoload": "false"}
        source = f"/props?model={name}"
        facts = llamacpp.described(
            server.url,
            props=good(await ask(server, "/props", query)),
            listing={"data": [row]},
            slots=good(await ask(server, "/slots", query)),
            words=words,
            source=source,
        )
        if facts.model is None or facts.model.source != source:
            path = text_fact("/v1/models", row, "path")
            facts = msgspec.structs.replace(facts, model=path or facts.model)
        return facts


def _loaded(answers: Answers) -> tuple[str, ...] | None:
    listed = body(answers, "/v1/models")
    if not isinstance(at(listed, "data"), list):
        return None
    states = ((text(row, "id"), text(row, "status", "value")) for row in rows(listed, "data"))
    return tuple(name for name, state in states if name and state == "loaded")


async def _instance(front: Owner, words: tuple[str, ...]) -> Owner:
    """The process of one model: its port stands in its arguments."""
    port = whole(option(words, "--port"))
    if front.pid is None or port is None:
        return Owner(note=front.note)
    found = await owner_of(f"http://127.0.0.1:{port}")
    return found if found.pid != front.pid else Owner()


def _words(args: Any) -> tuple[str, ...]:  # noqa: ANN401 - JSON
    if not isinstance(args, list) or not all(isinstance(one, str) for one in args):
        return ()
    return without_secrets(tuple(args))
