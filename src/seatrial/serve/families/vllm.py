"""vLLM's OpenAI server.

`max_model_len` of `/v1/models` is the window, prompt and `max_tokens` together; `root` is what
was loaded, `id` only a name for it. Source: vllm/entrypoints/openai. In: answers. Out:
`ServerFacts`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from seatrial.chat.transport import Transport
from seatrial.serve.facts import Fact, ServerFacts, Traits
from seatrial.serve.families.family import Answers
from seatrial.serve.families.owner import Owner, owner_of
from seatrial.serve.families.reading import (
    at,
    body,
    chosen,
    count_fact,
    ids,
    option,
    owners,
    rows,
    switch,
    text,
    text_fact,
    whole,
)

TRAITS = Traits(
    id="vllm",
    title="vLLM",
    ports=(8000,),
    listing="loaded",
    overflow="refuses",
    refuses_by_cap=True,
    knobs=frozenset(
        """
        temperature top_p top_k min_p repetition_penalty presence_penalty frequency_penalty seed
        stop stop_token_ids bad_words logit_bias min_tokens max_tokens thinking_token_budget
        repetition_detection
        """.split()
    ),
    thinks_in="reasoning",
    tokenizes=True,
)

_SAMPLER = "the default sampler (generation_config.json of the model) is not told by the server"


class Vllm:
    """The family `vllm`."""

    traits = TRAITS

    def recognises(self, answers: Answers) -> bool:
        return "vllm" in owners(answers)

    async def read(self, server: Transport, answers: Answers, model: str | None) -> ServerFacts:
        listed = rows(body(answers, "/v1/models"), "data")
        # Adapters are listed beside the model that they change, and name it as parent.
        base = tuple(one for row in listed if not text(row, "parent") and (one := text(row, "id")))
        names = base if model is None else ids(answers)
        name, notes = _one_of_aliases(listed, base) if model is None else chosen(names, model)
        row = next((row for row in listed if text(row, "id") == name), None)
        parent = next((one for one in listed if text(one, "id") == text(row, "parent")), row)
        owner = await owner_of(server.url)
        words = owner.words if any("vllm" in word for word in owner.words) else ()
        return ServerFacts(
            url=server.url,
            family=_traits(words),
            version=text_fact("/version", body(answers, "/version"), "version"),
            model=text_fact("/v1/models root", row, "root"),
            listed=ids(answers),
            loaded=ids(answers),
            window=count_fact("/v1/models max_model_len", row, "max_model_len")
            or count_fact("/v1/models max_model_len", parent, "max_model_len"),
            slots=_slots(words),
            supports=_supports(words),
            command=owner.command,
            pid=owner.pid,
            notes=(*notes, *_adapter(row, parent), *_notes(owner), _SAMPLER),
        )


def _one_of_aliases(
    listed: list[dict[str, Any]], base: tuple[str, ...]
) -> tuple[str | None, tuple[str, ...]]:
    """It serves one model, under as many names as it was given."""
    roots = {text(row, "root") for row in listed if text(row, "id") in base}
    one = len(roots) == 1 and None not in roots
    return (base[0], ()) if base and one else chosen(base, None)


def _traits(words: tuple[str, ...]) -> Traits:
    cached = switch(words, "--enable-prompt-tokens-details")
    return msgspec.structs.replace(TRAITS, reports_cached=True) if cached else TRAITS


def _slots(words: tuple[str, ...]) -> Fact[int] | None:
    found = whole(option(words, "--max-num-seqs"))
    return None if found is None else Fact(found, "argv")


def _supports(words: tuple[str, ...]) -> dict[str, Fact[bool]]:
    if not words:
        return {}
    tools = switch(words, "--enable-auto-tool-choice") and option(words, "--tool-call-parser")
    return {
        "tools": Fact(bool(tools), "argv"),
        "thinking": Fact(option(words, "--reasoning-parser") is not None, "argv"),
    }


def _adapter(row: Any, parent: Any) -> tuple[str, ...]:  # noqa: ANN401 - JSON
    if row is None or parent is row or at(row, "parent") is None:
        return ()
    return (f"{text(row, 'id')} is an adapter over {text(parent, 'root') or text(parent, 'id')}",)


def _notes(owner: Owner) -> tuple[str, ...]:
    if owner.words:
        return ()
    return (*owner.notes, "without its command line, its tool-call parser is not known")
