"""`mlx_lm.server`: it lists a cache, repeats the name of a request, and loads what that names.

Nothing that it says tells which model answers: only its own command line does. There is no
window and no limit, so a long conversation ends with the memory. Source: mlx_lm/server.py of
0.32.2 (do_GET, handle_models_request, generate_response, main), and that server run. In: answers,
the process behind the port, and the folder of its model where that lies here. Out: `ServerFacts`.
"""

from __future__ import annotations

import asyncio

from seatrial.chat.transport import Transport
from seatrial.serve.facts import Fact, ServerFacts, Traits
from seatrial.serve.families.family import Answer, Answers
from seatrial.serve.families.folder import with_folder
from seatrial.serve.families.owner import owner_of
from seatrial.serve.families.reading import at, ids, knob, option, rows

TRAITS = Traits(
    id="mlx",
    title="mlx_lm.server",
    ports=(8080,),
    listing="cache",
    overflow="unbounded",
    echoes_model=True,
    loads_on_request=True,
    knobs=frozenset(
        """
        temperature top_p top_k min_p repetition_penalty repetition_context_size presence_penalty
        presence_context_size frequency_penalty frequency_context_size xtc_probability
        xtc_threshold logit_bias seed stop max_tokens
        """.split()
    ),
    thinks_in="reasoning",
    reports_cached=True,
)

# Flag, name, and what holds when the flag is not given (mlx_lm/server.py, main).
_DEFAULTS: tuple[tuple[str, str, float | int], ...] = (
    ("--temp", "temperature", 0.0),
    ("--top-p", "top_p", 1.0),
    ("--top-k", "top_k", 0),
    ("--min-p", "min_p", 0.0),
    ("--max-tokens", "max_tokens", 512),
)
_NO_WINDOW = (
    "this server has no window and refuses nothing: bound the conversation in the client, "
    "by max_position_embeddings in config.json of the model"
)
_NO_PROCESS = (
    "which model answers cannot be told: the list is a cache and the name in an answer is the "
    "name in the request; run this on the machine of the server, or compare fingerprints"
)
NO_MODEL = "/v1/models/no/such"
"""Asked of every server: this one lists models there, too."""
_UNNAMED = "it was started without --model: it loads whatever model a request names"


class Mlx:
    """The family `mlx`."""

    traits = TRAITS

    def recognises(self, answers: Answers) -> bool:
        """It lists models below `/v1/models` too, without owners; elsewhere it is `Not Found`."""
        lost = answers.get("/props")
        nowhere = lost is not None and (lost.status, lost.text) == (404, "Not Found")
        return nowhere and all(_lists(answers.get(path)) for path in ("/v1/models", NO_MODEL))

    async def read(self, server: Transport, answers: Answers, model: str | None) -> ServerFacts:
        owner = await owner_of(server.url)
        words = owner.words if any("mlx_lm" in word for word in owner.words) else ()
        named = option(words, "--model")
        adapter = option(words, "--adapter-path")
        notes = [_NO_WINDOW]
        if not words:
            notes += [_NO_PROCESS, *owner.notes]
        elif named is None:
            notes.append(_UNNAMED)
        if adapter is not None:
            notes.append(f"an adapter is loaded over the model: {adapter}")
        facts = ServerFacts(
            url=server.url,
            family=TRAITS,
            model=None if named is None else Fact(named, "argv"),
            listed=ids(answers),
            sampler=_sampler(words),
            command=owner.command,
            pid=owner.pid,
            notes=tuple(notes),
        )
        return facts if named is None else await asyncio.to_thread(with_folder, facts, named)


def _lists(answer: Answer | None) -> bool:
    """Whether that is its list; without a Hugging Face cache it fails and sends nothing."""
    if answer is None or answer.status != 200:
        return False
    bare = all(set(row) == {"id", "object", "created"} for row in rows(answer.body, "data"))
    return answer.text == "" or (isinstance(at(answer.body, "data"), list) and bare)


def _sampler(words: tuple[str, ...]) -> dict[str, Fact[float | int | str | bool]]:
    """What was asked on the command line; its documented defaults only if that can be seen."""
    found: dict[str, Fact[float | int | str | bool]] = {}
    for name, key, default in _DEFAULTS if words else ():
        written = option(words, name)
        try:
            value = default if written is None else type(default)(written)
        except ValueError:
            continue
        known = knob(value)
        if known is not None:
            found[key] = Fact(known, "declared" if written is None else "argv")
    return found
