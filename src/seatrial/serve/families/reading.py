"""Pick facts out of JSON that a stranger wrote: the right type, or nothing.

Every function takes any JSON value and never raises. In: decoded JSON. Out: values of one type,
`Fact`s with their source.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from seatrial.serve.facts import Fact, ServerFacts
from seatrial.serve.families.family import Answer, Answers

_LARGEST = 2**50
"""A number beyond it counts nothing that a server could hold."""


def body(answers: Answers, path: str) -> Any:  # noqa: ANN401 - JSON
    """The JSON of a successful answer, else None."""
    return good(answers.get(path))


def good(answer: Answer | None) -> Any:  # noqa: ANN401 - JSON
    """The JSON of a successful answer, else None."""
    return answer.body if answer is not None and answer.status == 200 else None


def at(value: Any, *keys: str) -> Any:  # noqa: ANN401 - JSON
    """The value below `keys`, or None."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def rows(value: Any, *keys: str) -> list[dict[str, Any]]:  # noqa: ANN401 - JSON
    """The objects of the list below `keys`."""
    found = at(value, *keys)
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def text(value: Any, *keys: str) -> str | None:  # noqa: ANN401 - JSON
    """A string that says something."""
    found = at(value, *keys)
    return found if isinstance(found, str) and found else None


def count(value: Any, *keys: str) -> int | None:  # noqa: ANN401 - JSON
    """A positive whole number, however it is written in JSON."""
    found = at(value, *keys)
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    ok = isinstance(found, int) and not isinstance(found, bool) and 0 < found < _LARGEST
    return found if ok else None


def flag(value: Any, *keys: str) -> bool | None:  # noqa: ANN401 - JSON
    """True or false."""
    found = at(value, *keys)
    return found if isinstance(found, bool) else None


def knob(value: Any) -> float | int | str | bool | None:  # noqa: ANN401 - JSON
    """A value of a sampler; a list of words is joined by `;`.

    Servers keep numbers in 32 bits and print them in 64: 0.949999988 is their 0.95.
    """
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return ";".join(value)
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if isinstance(value, int):
        return value if abs(value) < _LARGEST else None
    return value if isinstance(value, str) and value else None


def text_fact(source: str, value: Any, *keys: str) -> Fact[str] | None:  # noqa: ANN401 - JSON
    found = text(value, *keys)
    return None if found is None else Fact(found, source)


def count_fact(source: str, value: Any, *keys: str) -> Fact[int] | None:  # noqa: ANN401 - JSON
    found = count(value, *keys)
    return None if found is None else Fact(found, source)


def flag_facts(source: str, values: dict[str, Any]) -> dict[str, Fact[bool]]:
    """A fact for every value that is true or false."""
    return {name: Fact(value, source) for name, value in values.items() if isinstance(value, bool)}


def ids(answers: Answers) -> tuple[str, ...]:
    """Ids of `/v1/models`, in its order."""
    listed = (text(row, "id") for row in rows(body(answers, "/v1/models"), "data"))
    return tuple(one for one in listed if one)


def owners(answers: Answers) -> frozenset[str]:
    """Every `owned_by` of `/v1/models`."""
    listed = (text(row, "owned_by") for row in rows(body(answers, "/v1/models"), "data"))
    return frozenset(one for one in listed if one)


def chosen(
    loaded: Sequence[str] | None, model: str | None, *, same: dict[str, str] | None = None
) -> tuple[str | None, tuple[str, ...]]:
    """Which of `loaded` answers a client that asks for `model`, and what is to be said.

    `loaded` None = the server does not say. `same` = other names of what is loaded. Of several,
    without a name, none: that would be a guess.
    """
    if loaded is None:
        return None, ("the server did not say which models are in memory",)
    if model is not None:
        found = model if model in loaded else (same or {}).get(model)
        if found in loaded:
            return found, ()
        there = ", ".join(loaded) or "nothing"
        return None, (f"no loaded model is called {model}; loaded now: {there}",)
    if len(loaded) == 1:
        return loaded[0], ()
    if loaded:
        return None, (f"{len(loaded)} models are loaded ({', '.join(loaded)}): name one of them",)
    return None, ("no model is loaded: send one request to the server, then ask again",)


def option(words: Sequence[str], *names: str) -> str | None:
    """The value of a command line option, as `--name value` or `--name=value`; the last one."""
    found = None
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if word in names:
            found = words[index + 1] if index + 1 < len(words) else found
        elif equals and name in names:
            found = value
    return found


def switch(words: Sequence[str], *names: str) -> bool:
    """Whether a switch of that name stands on the command line."""
    return any(word in names for word in words)


def whole(written: str | None) -> int | None:
    """A positive whole number in a command line."""
    if written is None or not written.isascii() or not written.isdecimal() or len(written) > 15:
        return None
    return int(written) or None


def below(facts: ServerFacts, prefix: str) -> ServerFacts:
    """`facts` that were read through a proxy, their sources as paths of the proxy."""
    changed = {
        name: _below(getattr(facts, name), prefix)
        for name in ("version", "model", "digest", "quantization", "parameters", "window")
    }
    changed |= {
        name: _below(getattr(facts, name), prefix)
        for name in ("trained_window", "slots", "shared_pool", "template", "eos")
    }
    return msgspec.structs.replace(
        facts,
        **changed,
        declared_windows=tuple(_below(one, prefix) for one in facts.declared_windows),
        sampler={key: _below(one, prefix) for key, one in facts.sampler.items()},
        supports={key: _below(one, prefix) for key, one in facts.supports.items()},
    )


def _below(fact: Fact[Any] | None, prefix: str) -> Any:  # noqa: ANN401 - whatever fact it is
    if fact is None or not fact.source.startswith("/"):
        return fact
    return Fact(fact.value, prefix + fact.source)
