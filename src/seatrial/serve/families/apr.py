"""`apr serve` of aprender: one model from a file.

`GET /` names the service. Which of its endpoints honour what has changed from version to
version, so nothing is claimed of knobs and overflow. Source: paiml/aprender
crates/apr-cli/src/commands/serve/{route_index,routes,types}.rs. In: answers. Out: `ServerFacts`.
"""

from __future__ import annotations

from seatrial.chat.transport import Transport
from seatrial.serve.facts import Fact, ServerFacts, Traits
from seatrial.serve.families.family import Answers
from seatrial.serve.families.owner import owner_of, program
from seatrial.serve.families.reading import body, ids, option, owners, text, text_fact, whole

TRAITS = Traits(
    id="apr",
    title="apr serve",
    ports=(8080,),
    listing="unknown",
    overflow="unknown",
    echoes_model=True,
)

_FILES = (".apr", ".gguf", ".safetensors")
_WINDOW = (
    "this server does not say its window: the survey finds it by a prompt that does not fit, "
    "when it may send one"
)


class Apr:
    """The family `apr`."""

    traits = TRAITS

    def recognises(self, answers: Answers) -> bool:
        root = body(answers, "/")
        named = (text(root, "service"), text(root, "name"))
        return named[0] == "apr serve" or named[1] == "apr-serve" or "realizar" in owners(answers)

    async def read(self, server: Transport, answers: Answers, model: str | None) -> ServerFacts:
        owner = await owner_of(server.url)
        words = owner.words if program(owner.words) == "apr" else ()
        asked = whole(option(words, "--context-length"))
        return ServerFacts(
            url=server.url,
            family=TRAITS,
            version=text_fact("/", body(answers, "/"), "version"),
            model=_file(words) or text_fact("/", body(answers, "/"), "model_id"),
            listed=ids(answers),
            declared_windows=() if asked is None else (Fact(asked, "argv"),),
            command=owner.command,
            pid=owner.pid,
            notes=(_WINDOW, *owner.notes),
        )


def _file(words: tuple[str, ...]) -> Fact[str] | None:
    """The model file on the command line."""
    found = [word for word in words if word.endswith(_FILES)]
    return Fact(found[0], "argv") if len(found) == 1 else None
