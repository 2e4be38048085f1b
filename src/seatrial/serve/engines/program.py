"""The contract of a program that serves a model, and what it says while it starts.

Adding a program is one module beside this one and one line in the registry. Not the starting
itself: that is `start`. In: a `LaunchSpec`. Out: arguments, and a `Condition`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol

import msgspec

from seatrial.chat.transport import Transport
from seatrial.core.errors import UserError
from seatrial.serve.engines.spec import LaunchSpec

State = Literal["loading", "serving", "failed"]


class Condition(msgspec.Struct, frozen=True):
    """What a server that listens says about itself."""

    state: State
    words: str = ""
    """Serving: program and version. Failed: what is not as it was asked."""


LOADING = Condition("loading")


class Program(Protocol):
    """One kind of program."""

    @property
    def id(self) -> str:
        """Its name on the command line."""
        ...

    @property
    def family(self) -> str:
        """Id of the server family that it speaks like."""
        ...

    @property
    def hint(self) -> str:
        """How a person gets it."""
        ...

    @property
    def has_own_sizes(self) -> bool:
        """Whether window and slots may be left to it."""
        ...

    def check(self, spec: LaunchSpec) -> None:
        """Refuse what it would refuse, or serve otherwise than asked.

        Raises:
            UserError: says what, and what to ask for instead.
        """
        ...

    def files(self, spec: LaunchSpec) -> tuple[Path, ...]:
        """The files that it opens, the model first; none where they are not on this machine."""
        ...

    def arguments(self, spec: LaunchSpec, port: int) -> tuple[str, ...]:
        """Its command line behind its own name, `spec.extra` included."""
        ...

    def environment(self, spec: LaunchSpec) -> dict[str, str]:
        """Variables that it needs besides ours; the place for what must not be seen in a list
        of processes."""
        ...

    def prepare(self, spec: LaunchSpec) -> None:
        """Make what must be there before it starts; the folder of the log is there."""
        ...

    async def condition(self, server: Transport, spec: LaunchSpec) -> Condition:
        """Whether it is ready to answer with what was asked.

        Raises:
            EngineError: it does not answer yet.
        """
        ...


def refuse_threads(spec: LaunchSpec, program: str) -> None:
    """For programs that have no such option."""
    if spec.threads > 1:
        raise UserError(
            f"{program} takes no number of threads", hint="leave --threads out; see its own help"
        )
