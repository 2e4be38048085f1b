"""How well it is proven which model answers: the grade, what was seen for it, what is missing.

    process   the process behind the port has this file in memory, or was started with it, and
              nobody touched the file since; seen on this machine
    witness   the same, told by a witness on the machine of the server
    canary    nothing of the process is seen, but the weights sang: two records can be told apart
    declared  the server's word and no more

A grade says how good the proof is and not whether the model is the right one. In: facts, a
testimony, a canary. Out: `Proof`.
"""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Literal

import msgspec

from seatrial.serve.canary import Canary
from seatrial.serve.facts import ServerFacts
from seatrial.serve.families.owner import forwards, program
from seatrial.serve.families.reading import option
from seatrial.serve.testimony import SeenModel, Testimony
from seatrial.serve.weights import Weights

Grade = Literal["process", "witness", "canary", "declared"]
GRADES: tuple[Grade, ...] = ("process", "witness", "canary", "declared")
"""The best first."""

_DELEGATES = frozenset(
    ("llama-swap", "llama.cpp-router", "ollama", "lm-studio", "vllm", "sglang", "apr")
)
"""Families whose port is held by one process and whose model by a child of it."""
_OWN_MODEL = "default_model"
_MODEL_OPTIONS = ("-m", "--model", "--model-path")


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What can be said of the identity of a server."""

    grade: Grade
    seen: tuple[str, ...]
    missing: tuple[str, ...]
    """Why the grade is no better."""
    weights: Weights | None = None
    adapters: tuple[Weights, ...] = ()
    contradictions: tuple[str, ...] = ()
    """What cannot be true together; whoever wants a proof refuses then."""


class _Sight(msgspec.Struct):
    """Collects what a testimony shows."""

    seen: list[str]
    missing: list[str]
    contradictions: list[str]
    model: SeenModel | None = None

    @property
    def proven(self) -> bool:
        return self.model is not None and not self.missing and not self.contradictions


def judge(
    facts: ServerFacts,
    testimony: Testimony | None,
    canary: Canary | None,
    *,
    here: bool,
    unseen: str = "",
    asked: str | None = None,
) -> Proof:
    """The grade of what was found; `here` = the testimony was taken on this machine.

    `unseen` says why there is no testimony, `asked` is the model id that requests name.
    """
    sight = _look(facts, testimony, unseen, asked)
    best: Grade = "process" if here else "witness"
    seen, missing = sight.seen, sight.missing
    if sight.proven:
        grade = best
    elif canary is not None and canary.kind is not None:
        grade = "canary"
    else:
        grade = "declared"
    if canary is not None and canary.kind is not None:
        seen = [*seen, f"a canary was taken ({_told(canary)})"]
    elif canary is None or canary.kind is None:
        missing = [*missing, _no_canary(canary)] if grade == "declared" else missing
    known = sight.model if not sight.contradictions else None
    return Proof(
        grade=grade,
        seen=tuple(seen),
        missing=tuple(missing) if grade != best or not sight.proven else (),
        weights=known.weights if known is not None and known.untouched else None,
        adapters=_adapters(testimony),
        contradictions=tuple(sight.contradictions),
    )


def _look(
    facts: ServerFacts, testimony: Testimony | None, unseen: str, asked: str | None
) -> _Sight:
    sight = _Sight([], [], [])
    if testimony is None:
        sight.missing.append(unseen or "the process behind the port cannot be seen from here")
        return sight
    if forwards(testimony.argv):
        name = program(testimony.argv)
        sight.missing.append(f"port {testimony.port} belongs to {name}, which only forwards it")
        return sight
    sight.seen.append(f"process {testimony.pid} alone holds port {testimony.port}")
    if testimony.several:
        sight.missing.append(
            "several processes behind the port have a model each: which one answers is not seen"
        )
        return sight
    if testimony.worker != testimony.pid:
        if facts.family.id not in _DELEGATES:
            sight.missing.append(
                f"process {testimony.pid} has no model itself and passes requests on"
            )
            return sight
        sight.seen.append(f"its child {testimony.worker} has the model")
    if asked is not None and _would_load(facts, asked):
        sight.missing.append(f"{asked} was not loaded when the process was looked at")
        return sight
    sight.model = _chosen(facts, testimony, sight)
    if sight.model is not None:
        _weigh(facts, sight.model, sight, asked)
    return sight


def _chosen(facts: ServerFacts, testimony: Testimony, sight: _Sight) -> SeenModel | None:
    """The model that the server names, among those that are seen."""
    models = [one for one in testimony.models if one.weights.kind == "model"]
    stated = facts.model.value if facts.model is not None else None
    loaded = [one for one in models if one.in_memory] or models
    if stated is not None and (named := [one for one in models if _is(one, stated)]):
        held = [one for one in named if one.in_memory]
        if not held and loaded[0].in_memory:
            sight.missing.append(_elsewhere(named[0], loaded[0]))
            return None
        return (held or named)[0]
    if stated is not None and _is_path(stated) and loaded:
        names = ", ".join(PurePath(one.weights.path).name for one in loaded)
        text = f"the server names {stated}, the process has {names}"
        (sight.contradictions if loaded[0].in_memory else sight.missing).append(text)
        return None
    if len(loaded) == 1:
        if loaded[0].in_memory or option(testimony.worker_argv, *_MODEL_OPTIONS) in loaded[0].names:
            return loaded[0]
        # It may be a draft, an adapter, a tokenizer.
        name = PurePath(loaded[0].weights.path).name
        sight.missing.append(f"{name} is on the command line, and nothing says that it answers")
        return None
    if testimony.unread:
        sight.missing.append(f"no digest: {testimony.unread[0]}")
    elif not loaded:
        sight.missing.append("no model file is seen in the process or on its command line")
    else:
        sight.missing.append(f"the process has {len(loaded)} models: which one answers is not seen")
    return None


def _weigh(facts: ServerFacts, model: SeenModel, sight: _Sight, asked: str | None) -> None:
    name = PurePath(model.weights.path).name
    if not model.untouched:
        sight.missing.append(
            f"{name} was touched after the process began: what it loaded is not what lies there"
        )
    elif model.in_memory:
        sight.seen.append(f"it has {name} in memory, untouched since it began")
    else:
        sight.seen.append(f"it was started with {name}, untouched since it began")
    if facts.family.loads_on_request and not model.in_memory:
        own = {_OWN_MODEL, *model.names, model.weights.path}
        if asked is not None and asked not in own:
            sight.missing.append(
                f"the server loads what a request names, and requests name {asked}"
            )


def _would_load(facts: ServerFacts, asked: str) -> bool:
    """Whether a request for `asked` gets another model than the one that was in memory."""
    if not facts.family.loads_on_request or facts.loaded is None or facts.model is not None:
        return False
    return asked not in facts.loaded


def _elsewhere(named: SeenModel, held: SeenModel) -> str:
    """A path that leads to another file today, such as over a link that was changed."""
    return f"{named.names[0]} is not what the process has in memory: that is {held.weights.path}"


def _is(model: SeenModel, stated: str) -> bool:
    if stated in (*model.names, model.weights.path):
        return True
    try:
        return Path(stated).is_absolute() and Path(stated).samefile(model.weights.path)
    except OSError:
        return False


def _is_path(text: str) -> bool:
    return text.startswith(("/", "./", "~")) or text.endswith((".gguf", ".safetensors"))


def _adapters(testimony: Testimony | None) -> tuple[Weights, ...]:
    models = testimony.models if testimony is not None else ()
    return tuple(one.weights for one in models if one.weights.kind == "adapter" and one.untouched)


def _told(canary: Canary) -> str:
    return "log-probabilities" if canary.kind == "logprobs" else "greedy text"


def _no_canary(canary: Canary | None) -> str:
    songs = [song for song in (canary.raw, canary.chat) if song] if canary is not None else []
    if songs:
        return "no canary: the server does not answer the same twice, even greedily"
    return "no canary: the server gave nothing to compare"
