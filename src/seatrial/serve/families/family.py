"""The contract of a server family: recognise it from a few answers, then read its facts.

Adding a family is one module beside this one and one line in the registry. In: the answers to a
handful of harmless GET requests. Out: `ServerFacts`.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from seatrial.chat.transport import Transport
from seatrial.serve.facts import ServerFacts, Traits


class Answer(msgspec.Struct, frozen=True):
    """One answer; `body` is the decoded JSON, or None where it was none."""

    status: int
    body: Any = None
    text: str = ""
    """Beginning of the body as it came, at most 4,096 characters."""


Answers = dict[str, Answer]
"""By path. A path that nobody answered is missing."""


class Family(Protocol):
    """One kind of server."""

    @property
    def traits(self) -> Traits: ...

    def recognises(self, answers: Answers) -> bool:
        """Whether these answers can only come from this family."""
        ...

    async def read(self, server: Transport, answers: Answers, model: str | None) -> ServerFacts:
        """Ask what the answers do not tell; `model` = the id that the client means to use.

        Raises:
            EngineError: it stopped answering.
        """
        ...
