"""Ollama: loads what a request names, and says of it more than any other server.

`/api/ps` is what is in memory, with its window and digest; `/api/show` is what lies on the disk.
A prompt that does not fit is cut and nobody is told. Source: ollama server/{routes,prompt}.go,
openai/openai.go, docs/api.md. In: answers. Out: `ServerFacts`.
"""

from __future__ import annotations

from typing import Any

from seatrial.chat.transport import Transport
from seatrial.serve.facts import Fact, ServerFacts, Traits
from seatrial.serve.families.asking import ask, show
from seatrial.serve.families.family import Answers
from seatrial.serve.families.owner import owner_of
from seatrial.serve.families.reading import (
    at,
    body,
    chosen,
    count_fact,
    flag_facts,
    good,
    ids,
    knob,
    rows,
    text,
    text_fact,
    whole,
)

TRAITS = Traits(
    id="ollama",
    title="Ollama",
    ports=(11434,),
    listing="installed",
    overflow="truncates",
    echoes_model=True,
    loads_on_request=True,
    knobs=frozenset(
        "temperature top_p seed stop frequency_penalty presence_penalty max_tokens".split()
    ),
    thinks_in="reasoning",
)

_PARAMETERS = {
    "temperature": "temperature",
    "top_k": "top_k",
    "top_p": "top_p",
    "min_p": "min_p",
    "typical_p": "typical_p",
    "repeat_penalty": "repeat_penalty",
    "repeat_last_n": "repeat_last_n",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "seed": "seed",
    "num_predict": "max_tokens",
    "mirostat": "mirostat",
}
_NEVER_LOADED = "Ollama decides the window when it loads a model: none is known before"


class Ollama:
    """The family `ollama`."""

    traits = TRAITS

    def recognises(self, answers: Answers) -> bool:
        root = answers.get("/")
        greets = root is not None and root.text.strip() == "Ollama is running"
        versioned = text(body(answers, "/api/version"), "version") is not None
        listing = isinstance(at(body(answers, "/api/ps"), "models"), list)
        return greets or (versioned and listing)

    async def read(self, server: Transport, answers: Answers, model: str | None) -> ServerFacts:
        listed = rows(body(answers, "/api/ps"), "models")
        loaded = {name: row for row in listed if (name := text(row, "name"))}
        told = isinstance(at(body(answers, "/api/ps"), "models"), list)
        names = tuple(loaded) if told else None
        name, notes = chosen(names, model, same={_bare(one): one for one in loaded})
        row = loaded.get(name or "")
        wanted = name or model
        shown = await show(server, "/api/show", {"model": wanted}) if wanted else None
        owner = await owner_of(server.url)
        window = count_fact("/api/ps", row, "context_length")
        settings = _parameters(text(shown, "parameters") or "")
        info = at(shown, "model_info")
        family = text(info, "general.architecture")
        return ServerFacts(
            url=server.url,
            family=TRAITS,
            version=text_fact("/api/version", body(answers, "/api/version"), "version"),
            model=None if name is None else Fact(name, "/api/ps"),
            digest=text_fact("/api/ps", row, "digest") or await _digest(server, wanted),
            listed=ids(answers),
            loaded=names,
            quantization=text_fact("/api/show", shown, "details", "quantization_level")
            or text_fact("/api/ps", row, "details", "quantization_level"),
            parameters=count_fact("/api/show", info, "general.parameter_count"),
            window=window,
            declared_windows=_num_ctx(settings),
            trained_window=count_fact("/api/show", info, f"{family}.context_length"),
            sampler=_sampler(settings),
            template=text_fact("/api/show", shown, "template"),
            supports=_supports(at(shown, "capabilities")),
            device=_device(row),
            pid=owner.pid,
            command=owner.command,
            notes=(*notes, *(() if window else (_NEVER_LOADED,)), *owner.notes),
        )


def _device(row: Any) -> Fact[str] | None:  # noqa: ANN401 - JSON
    """Where the loaded weights are, by the sizes that `/api/ps` states."""
    size, on_card = at(row, "size"), at(row, "size_vram")
    if not all(isinstance(one, int) and one >= 0 for one in (size, on_card)) or not size:
        return None
    return Fact("cpu" if on_card == 0 else "gpu" if on_card >= size else "both", "/api/ps")


def _bare(name: str) -> str:
    """A name without the tag that Ollama adds when there is none."""
    return name.removesuffix(":latest")


async def _digest(server: Transport, wanted: str | None) -> Fact[str] | None:
    """The digest of a model that is not in memory."""
    if wanted is None:
        return None
    tags = rows(good(await ask(server, "/api/tags")), "models")
    row = next((tag for tag in tags if _bare(text(tag, "name") or "") == _bare(wanted)), None)
    return text_fact("/api/tags", row, "digest")


def _parameters(lines: str) -> dict[str, str]:
    """The PARAMETER lines of the Modelfile, as `/api/show` prints them."""
    pairs = (line.split(maxsplit=1) for line in lines.splitlines())
    return {pair[0]: pair[1].strip().strip('"') for pair in pairs if len(pair) == 2}


def _num_ctx(settings: dict[str, str]) -> tuple[Fact[int], ...]:
    found = whole(settings.get("num_ctx"))
    return () if found is None else (Fact(found, "/api/show num_ctx"),)


def _sampler(settings: dict[str, str]) -> dict[str, Fact[float | int | str | bool]]:
    found: dict[str, Fact[float | int | str | bool]] = {}
    for key, name in _PARAMETERS.items():
        value = _numeral(settings.get(key, ""))
        if value is not None:
            found[name] = Fact(value, "/api/show")
    return found


def _numeral(written: str) -> float | int | str | bool | None:
    try:
        return knob(int(written))
    except ValueError:
        pass
    try:
        value = float(written)
    except ValueError:
        return None
    return knob(value) if abs(value) < 1e9 else None


def _supports(capabilities: Any) -> dict[str, Fact[bool]]:  # noqa: ANN401 - JSON
    """It lists everything that a model can do: what is missing, it cannot."""
    if not isinstance(capabilities, list):
        return {}
    return flag_facts(
        "/api/show", {name: name in capabilities for name in ("tools", "thinking", "vision")}
    )
