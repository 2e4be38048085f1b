"""Fake servers that behave like each family of model servers, honest unless told otherwise.

    async with personality("llama.cpp", "ignores_seed", window=8192) as server:
        server.url, server.received, server.bodies("/v1/chat/completions")

A toy model stands behind each: it answers deterministically, obeys simple requests, honours
every sampler field that the family honours, calls tools, thinks when asked to, and keeps a prefix
cache. `FAULTS` lists what can be wrong with a server; each fault shows only in what is answered,
as on a real one. Not a `ScriptedServer`: that one says what its script says. In: the id of a
family, names of faults, `Settings` by name. Out: a server on a real socket.
"""

from __future__ import annotations

from typing import Any

import msgspec

from seatrial.core.errors import UserError
from seatrial.fakes.personalities.families import PERSONAS
from seatrial.fakes.personalities.faults import FAMILIES, FAULTS, Fault, read_faults
from seatrial.fakes.personalities.machine import Machine
from seatrial.fakes.personalities.persona import Settings
from seatrial.fakes.personalities.server import PersonalityServer

__all__ = [
    "FAMILIES",
    "FAULTS",
    "Fault",
    "PersonalityServer",
    "Settings",
    "personality",
]


def personality(family: str, *faults: str, **settings: Any) -> PersonalityServer:  # noqa: ANN401
    """A server of `family` with `faults`; `settings` are the fields of `Settings`.

    Raises:
        UserError: no such family, fault or setting, or a fault that the family cannot have.
    """
    known, after = read_faults(family, faults)
    persona = PERSONAS[family]
    if after is not None:
        settings["after"] = after
    try:
        asked = Settings(**settings)
    except TypeError as error:
        names = ", ".join(field.name for field in msgspec.structs.fields(Settings))
        raise UserError(f"a personality has no such setting: {error}", hint=names) from None
    given = msgspec.structs.replace(asked, model=asked.model or persona.model)
    return PersonalityServer(Machine(persona, given, known))
