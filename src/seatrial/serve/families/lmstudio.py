"""LM Studio: a desktop program that loads models on demand, each with settings of its own.

`/api/v1/models` has the instances in memory with their windows; older ones have `/api/v0/models`.
`max_context_length` is what a model could have. To a path that it does not know it answers 200
with an error. Source: lmstudio-ai/docs 1_developer/2_rest/{list,endpoints}.md. In: answers.
Out: `ServerFacts`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from seatrial.chat.transport import Transport
from seatrial.serve.facts import Fact, ServerFacts, Traits
from seatrial.serve.families.family import Answers
from seatrial.serve.families.owner import owner_of
from seatrial.serve.families.reading import (
    at,
    body,
    chosen,
    count_fact,
    flag,
    flag_facts,
    ids,
    rows,
    text,
    text_fact,
)

TRAITS = Traits(
    id="lm-studio",
    title="LM Studio",
    ports=(1234,),
    listing="installed",
    # Whether a prompt that does not fit is cut or refused is a setting of each model.
    overflow="unknown",
    # It may answer with whatever is loaded (lmstudio-bug-tracker#1217).
    echoes_model=True,
    loads_on_request=True,
    knobs=frozenset(
        """
        temperature top_p top_k stop presence_penalty frequency_penalty logit_bias repeat_penalty
        seed max_tokens
        """.split()
    ),
)

_V1 = "/api/v1/models"
_V0 = "/api/v0/models"


class _Instance(msgspec.Struct, frozen=True):
    """One model in memory: the row of its model, and what is special to it."""

    row: dict[str, Any]
    source: str
    window: Fact[int] | None


class LmStudio:
    """The family `lm-studio`."""

    traits = TRAITS

    def recognises(self, answers: Answers) -> bool:
        v1 = rows(body(answers, _V1), "models")
        v0 = rows(body(answers, _V0), "data")
        new = any(text(r, "key") and isinstance(at(r, "loaded_instances"), list) for r in v1)
        old = any(text(r, "state") and at(r, "max_context_length") is not None for r in v0)
        words = "Unexpected endpoint or method"
        odd = any(
            answer.status == 200 and words in (text(answer.body, "error") or "")
            for answer in answers.values()
        )
        return new or old or odd

    async def read(self, server: Transport, answers: Answers, model: str | None) -> ServerFacts:
        loaded, same = _instances(answers)
        listings = (at(body(answers, _V1), "models"), at(body(answers, _V0), "data"))
        names = tuple(loaded) if any(isinstance(one, list) for one in listings) else None
        name, notes = chosen(names, model, same=same)
        one = loaded.get(name or "")
        row, source = (one.row, one.source) if one else _on_disk(answers, model)
        most = count_fact(f"{source} max_context_length", row, "max_context_length")
        owner = await owner_of(server.url)
        return ServerFacts(
            url=server.url,
            family=TRAITS,
            model=_model(one),
            listed=ids(answers),
            loaded=names,
            quantization=text_fact(source, row, "quantization", "name")
            or text_fact(source, row, "quantization"),
            window=one.window if one else None,
            declared_windows=() if most is None else (most,),
            supports=_supports(source, row),
            pid=owner.pid,
            command=owner.command,
            notes=(*notes, *_window_note(one), *owner.notes),
        )


def _instances(answers: Answers) -> tuple[dict[str, _Instance], dict[str, str]]:
    """Instances in memory by id, and the id that the key of a model stands for."""
    found: dict[str, _Instance] = {}
    same: dict[str, str] = {}
    keys: list[str] = []
    for row in rows(body(answers, _V1), "models"):
        for instance in rows(row, "loaded_instances"):
            window = count_fact(f"{_V1} loaded_instances", instance, "config", "context_length")
            if (name := text(instance, "id")) and text(row, "type") != "embedding":
                found[name] = _Instance(row, _V1, window)
                same[text(row, "key") or name] = name
                keys.append(text(row, "key") or name)
    # An older version answers 200 to a path that it does not know, with an error.
    if isinstance(at(body(answers, _V1), "models"), list):
        # Of two instances of one model, nobody knows which one its key gets.
        return found, {key: name for key, name in same.items() if keys.count(key) == 1}
    for row in rows(body(answers, _V0), "data"):
        if text(row, "state") == "loaded" and text(row, "type") != "embeddings":
            name = text(row, "id") or "?"
            found[name] = _Instance(row, _V0, count_fact(_V0, row, "loaded_context_length"))
    return found, same


def _on_disk(answers: Answers, model: str | None) -> tuple[dict[str, Any] | None, str]:
    """What is told of a model that is not in memory."""
    for path, key, name in ((_V1, "models", "key"), (_V0, "data", "id")):
        for row in rows(body(answers, path), key):
            if model is not None and text(row, name) == model:
                return row, path
    return None, _V1


def _model(one: _Instance | None) -> Fact[str] | None:
    if one is None:
        return None
    named = text(one.row, "selected_variant") or text(one.row, "key") or text(one.row, "id")
    return Fact(named, one.source) if named else None


def _supports(source: str, row: dict[str, Any] | None) -> dict[str, Fact[bool]]:
    listed = at(row, "capabilities")
    if isinstance(listed, list):  # the older form: what it can do, and `vlm` as a type
        vision = text(row, "type") == "vlm"
        return flag_facts(source, {"tools": "tool_use" in listed, "vision": vision})
    tools, vision_said = flag(listed, "trained_for_tool_use"), flag(listed, "vision")
    return flag_facts(source, {"tools": tools, "vision": vision_said})


def _window_note(one: _Instance | None) -> tuple[str, ...]:
    if one is None or one.window is not None:
        return ()
    return ("this version does not say the window of a loaded model: the survey can find it",)
