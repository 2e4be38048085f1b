"""A server that lists models as OpenAI does, and of which nothing else is known.

The last resort: what it lists is repeated, every number that looks like a window is only
declared. One such server is known by its command line: `python -m llama_cpp.server`, which says
nothing of its window. Source: llama-cpp-python llama_cpp/server/settings.py (`n_ctx`, `model`).
In: answers and the process behind the port. Out: `ServerFacts`.
"""

from __future__ import annotations

import msgspec

from seatrial.chat.transport import Transport
from seatrial.serve.facts import Fact, ServerFacts, Traits
from seatrial.serve.families.family import Answers
from seatrial.serve.families.owner import owner_of
from seatrial.serve.families.reading import at, body, count_fact, ids, option, rows, text, whole

TRAITS = Traits(
    id="openai",
    title="an OpenAI-compatible server",
    ports=(),
    listing="unknown",
    overflow="unknown",
    # Nobody knows: an answer's `model` proves nothing here.
    echoes_model=True,
)

_LLAMA_CPP_PYTHON = "llama_cpp.server"
_WINDOWS = (
    ("max_model_len",),
    ("context_length",),
    ("context_window",),
    ("max_context_length",),
    ("meta", "n_ctx"),
    ("meta", "n_ctx_train"),
)
_WINDOW = (
    "this kind of server is not known, and its window neither: the survey finds it by a prompt "
    "that does not fit, when it may send one"
)
_MODEL = "which model answers is not proven by a list of names: compare fingerprints"


class OpenAi:
    """The family `openai`."""

    traits = TRAITS

    def recognises(self, answers: Answers) -> bool:
        listed = body(answers, "/v1/models")
        data = at(listed, "data")
        if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
            return False
        return all(text(row, "id") for row in data) if data else text(listed, "object") == "list"

    async def read(self, server: Transport, answers: Answers, model: str | None) -> ServerFacts:
        listed = rows(body(answers, "/v1/models"), "data")
        row = next((row for row in listed if text(row, "id") == model), None)
        if model is None and len(listed) == 1:
            row = listed[0]
        owner = await owner_of(server.url)
        facts = ServerFacts(
            url=server.url,
            family=TRAITS,
            listed=ids(answers),
            declared_windows=_declared(row),
            command=owner.command,
            pid=owner.pid,
            notes=(_WINDOW, _MODEL, *owner.notes),
        )
        return _of_llama_cpp_python(facts, owner.words)


def _of_llama_cpp_python(facts: ServerFacts, words: tuple[str, ...]) -> ServerFacts:
    """`facts` with what the command line of that server says; others are left alone."""
    if _LLAMA_CPP_PYTHON not in words:
        return facts
    window, path = whole(option(words, "--n_ctx")), option(words, "--model")
    return msgspec.structs.replace(
        facts,
        model=Fact(path, "argv") if path else None,
        window=Fact(window, "argv") if window else None,
        notes=tuple(one for one in facts.notes if not (window and one == _WINDOW)),
    )


def _declared(row: object) -> tuple[Fact[int], ...]:
    found = (count_fact(f"/v1/models {'.'.join(keys)}", row, *keys) for keys in _WINDOWS)
    return tuple(one for one in found if one is not None)
