"""Which model a request gets: the id to name, and whether it is the one that is meant.

mlx_lm.server loads whatever a request names and lists the whole download cache in `/v1/models`,
in an order that differs from start to start, the model that it was started with last: a client
that takes the first id measures somebody else's model (mlx_lm/server.py, `ModelProvider.load`
and `handle_models_request`). In: facts and the id of the client. Out: `Naming`.
"""

from __future__ import annotations

from itertools import pairwise

import msgspec

from seatrial.serve.facts import ServerFacts
from seatrial.serve.testimony import Testimony

MLX_OWN = "default_model"
"""What mlx_lm.server calls the model that it was started with."""


class Naming(msgspec.Struct, frozen=True, kw_only=True):
    """What requests to name, and what is wrong with it."""

    id: str | None = None
    """None = nothing may be asked: any name would load or choose something."""
    refused: str | None = None
    """Why this id gets another model than the one that is meant."""
    hint: str | None = None
    note: str | None = None


def name_model(
    facts: ServerFacts, testimony: Testimony | None, asked: str | None, expected: str | None
) -> Naming:
    """The id for requests to this server; `asked` is what the client means to send."""
    if facts.family.listing == "cache" and facts.family.loads_on_request:
        return _cache_listing(facts, own_model(facts, testimony), asked, expected)
    if asked is not None:
        if facts.listed and asked not in facts.listed:
            return Naming(id=asked, note=f"the server does not list {asked}")
        return Naming(id=asked)
    if facts.loaded is not None and len(facts.loaded) == 1:
        return Naming(id=facts.loaded[0])
    if len(facts.listed) == 1:
        return Naming(id=facts.listed[0])
    if facts.model is not None and facts.model.value in facts.listed:
        return Naming(id=facts.model.value)
    if not facts.listed:
        return Naming(note="the server lists no model")
    return Naming(note=f"the server lists {len(facts.listed)} models: name the one that is meant")


def own_model(facts: ServerFacts, testimony: Testimony | None) -> str | None:
    """The model that such a server was started with, where that is known.

    By its command line, here or by a witness; else by its listing, where only `--model` can
    bring a path into it.
    """
    if facts.model is not None:
        return facts.model.value
    argv = testimony.argv if testimony is not None else ()
    if any("mlx_lm" in word for word in argv):
        for word, following in pairwise(argv):
            if word == "--model":
                return following
            if following.startswith("--model="):
                return following.partition("=")[2]
    paths = [one for one in facts.listed if is_path(one)]
    return paths[0] if len(paths) == 1 else None


def is_path(id_: str) -> bool:
    """Whether a model id is a place on a disk and not the name of a repository."""
    return id_.startswith(("/", "./", "../", "~")) or id_.count("/") > 1


def _cache_listing(
    facts: ServerFacts, own: str | None, asked: str | None, expected: str | None
) -> Naming:
    if asked is None or asked in (MLX_OWN, own):
        return Naming(id=asked or MLX_OWN)
    loads = f"{facts.family.title} loads whatever a request names"
    if own is None or expected == asked:
        return Naming(id=asked, note=f"{loads}: {asked} answers because it is asked for")
    place = _place(facts, asked)
    return Naming(
        id=None,
        refused=(
            f"{loads}, and a client that asks for {asked}{place} gets that one: the model that "
            f"this server was started with, the tuned one, is the other one, {own}"
        ),
        hint=f"let the client ask for {own}, or for {MLX_OWN}; "
        "its /v1/models lists everything in the download cache, not what is loaded",
    )


def _place(facts: ServerFacts, asked: str) -> str:
    if asked not in facts.listed:
        return ""
    index = facts.listed.index(asked)
    return ", the first id of /v1/models," if index == 0 else f", id {index + 1} of /v1/models,"
