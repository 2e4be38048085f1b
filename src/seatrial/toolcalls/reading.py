"""What a dialect is, and what reading text with one can give.

Values and one protocol. A dialect reads a single envelope at a known place and writes a single
call; finding envelopes, order, reasoning and verdicts are `parser`'s.

The law of every `read`: `Complete` and `Broken` hold for every continuation of the text, else
the answer is `MORE`. That is what makes a result independent of how a stream was cut up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Protocol

import msgspec

from seatrial.core.generation import Finish
from seatrial.core.message import Call, ToolSchema
from seatrial.core.trace import ParseVerdict

_BLANKS = re.compile(r"[ \t\r\n]*+")

CUT_OFF = "cut off"
"""The reason when a response ended inside a call because a bound was reached."""


class Tail(Enum):
    """What is known about the end of the text at hand."""

    OPEN = "more may come"
    STOPPED = "the model stopped by itself"
    CUT = "the response was cut"

    @classmethod
    def of(cls, finish: Finish) -> Tail:
        """Only a stop that the model chose counts as one; whatever else is a cut."""
        return cls.STOPPED if finish in (Finish.STOP, Finish.TOOL_CALLS) else cls.CUT


class Complete(msgspec.Struct, frozen=True):
    """One whole call; not yet checked against its schema."""

    end: int
    """Where the envelope ends."""
    name: str
    arguments: dict[str, Any]
    text: str | None
    """The model's own JSON text of `arguments`; None where the dialect writes no JSON."""
    repairs: tuple[str, ...] = ()


class Broken(msgspec.Struct, frozen=True):
    """An attempt at a call that cannot be read with certainty."""

    reason: str
    name: str | None = None
    """The tool that was meant, where it could be read."""


class NoCall(msgspec.Struct, frozen=True):
    """Plain text after all; up to `end` no other orphan call begins."""

    end: int


class More(Enum):
    """The answer depends on text that has not come yet."""

    MORE = "more"


MORE = More.MORE
Read = Complete | Broken | NoCall | More


class Opener(msgspec.Struct, frozen=True):
    """How an envelope may begin."""

    literal: str
    body: str
    """What must follow `literal` after blanks; empty = reading begins at `literal` itself."""
    orphan: bool = False
    """The wrapper that should stand before it is missing; taken only at the start of a line."""


class Dialect(Protocol):
    """One way in which models write calls."""

    @property
    def id(self) -> str: ...

    @property
    def openers(self) -> tuple[Opener, ...]: ...

    @property
    def closers(self) -> tuple[str, ...]:
        """Ends of an envelope; outside of one they are a sign that something was misread."""
        ...

    @property
    def quoted(self) -> bool:
        """Values are quoted, so that a payload cannot be taken for markup or the reverse."""
        ...

    def read(
        self, text: str, start: int, tail: Tail, tools: Mapping[str, ToolSchema], orphan: bool
    ) -> Read:
        """Read the body of one envelope that begins at `start`."""
        ...

    def render(self, name: str, arguments: Mapping[str, Any]) -> str:
        """The canonical text of one call."""
        ...


class Parsed(msgspec.Struct, frozen=True):
    """One turn of a model, read."""

    verdict: ParseVerdict
    calls: tuple[Call, ...] = ()
    """What may be executed, in order; with `reask` those before the broken one, if certain."""
    text: str = ""
    """Visible prose without call markup."""
    think: str = ""
    repairs: tuple[str, ...] = ()
    reason: str | None = None
    """With `reask`: the defect, one line."""
    tool: str | None = None
    """With `reask`: the tool that was meant, where it is known."""
    dialect: str | None = None
    """The dialect of the last call or attempt."""


def starts(text: str, at: int, literal: str) -> bool | None:
    """Does `literal` stand at `at`? None = the text ends too early to say."""
    if text.startswith(literal, at):
        return True
    rest = text[at : at + len(literal)]
    return None if at + len(rest) == len(text) and literal.startswith(rest) else False


def skip_blanks(text: str, at: int) -> int:
    """The first place from `at` on that holds no blank."""
    match = _BLANKS.match(text, at)
    return at if match is None else match.end()
