"""What a dialect is, and what reading text with one can give: values and one protocol.

A dialect reads one envelope at a known place and writes one call. Finding envelopes, order,
reasoning, truncation and verdicts are `scanner`'s; names and arguments are `accept`'s.

The law of every `read`: what it gives holds for every continuation of the text if the tail is
`CUT`. An ending is invented only if the model stopped by itself (`STOPPED`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal, Protocol

import msgspec

from seatrial.core.generation import Finish
from seatrial.core.message import Call, ToolSchema
from seatrial.core.trace import ParseVerdict

BLANK = " \t\r\n\u200b\u200c\u200d\u2060\ufeff"
"""What may stand between the parts of an envelope and means nothing: white space and the
characters without width that models copy from web pages."""
_BLANKS = re.compile(f"[{BLANK}]*+")

CUT_OFF = "cut off"
"""The reason when a response ended inside a call because a bound was reached."""

END = re.compile(
    rf"[{BLANK}]*+(?:\Z|<\|im_end\|>|<\|im_start\|>|<\|eot_id\|>|<\|eom_id\|>|<\|endoftext\|>"
    r"|<\|end_of_text\|>|<\|return\|>|<\|end\|>|</s>|<end_of_turn>|<eos>|<turn\|>"
    r"|<｜end▁of▁sentence｜>|\[e~\[|<\|user\|>|<\|observation\|>|<tool_response>"
    r"|<\|tool_response>)"
)
"""The end of the turn: of the text, or a token that ends a turn and was left in the text."""


class Tail(Enum):
    """How the text ends."""

    STOPPED = "the model stopped by itself"
    CUT = "the response was cut, or more may come"

    @classmethod
    def of(cls, finish: Finish) -> Tail:
        """Only a stop that the model chose counts as one; whatever else is a cut."""
        return cls.STOPPED if finish in (Finish.STOP, Finish.TOOL_CALLS) else cls.CUT


class Window(msgspec.Struct, frozen=True):
    """What a reading may depend on."""

    text: str
    tail: Tail
    tools: Mapping[str, ToolSchema]

    @property
    def stopped(self) -> bool:
        return self.tail is Tail.STOPPED

    def at_end(self, at: int) -> bool:
        """Does the turn end at `at`, blanks aside, and did the model choose to end it?"""
        match = END.match(self.text, at)
        return match is not None and (self.stopped or match.end() < len(self.text))


class RawCall(msgspec.Struct, frozen=True):
    """One whole call as it was written; `accept` decides on its name and arguments."""

    name: str
    arguments: Any
    """Decoded. Normally dict[str, value]; what else a model wrote is for `accept` to unwrap."""
    span: tuple[int, int]
    """[start, end) in the text of the window, code points."""
    text: str | None = None
    """The model's own JSON text of `arguments`, if it needed no repair and is an object."""
    repairs: tuple[str, ...] = ()
    untyped: bool = False
    """Values are text without types, as markup dialects write them; `accept` types them."""


Defect = Literal["unreadable", "unfit"]
"""`unreadable`: what was written has no certain reading. `unfit`: it was read, and no declared
tool takes it: its name is unknown, or its arguments do not fit."""


class Broken(msgspec.Struct, frozen=True):
    """An attempt at a call that cannot be read with certainty."""

    reason: str
    """One line that a model can act on."""
    name: str | None = None
    """The tool that was meant, where it could be read."""
    kind: Defect = "unreadable"


class Envelope(msgspec.Struct, frozen=True):
    """One envelope, read to its end: its calls in order, and the defect after them, if any."""

    end: int
    calls: tuple[RawCall, ...]
    broken: Broken | None = None
    sure: bool = True
    """Its end cannot be part of a value. False for values without quoting."""


class Mention(msgspec.Struct, frozen=True):
    """Text after all: a placeholder, a template. Reading goes on behind `end`."""

    end: int


Read = Envelope | Broken | Mention | None
"""None = not this dialect's form at all; the next dialect is asked."""


class Dialect(Protocol):
    """One way in which models write calls."""

    @property
    def id(self) -> str: ...

    @property
    def title(self) -> str:
        """Which models write it, for people."""
        ...

    @property
    def openers(self) -> tuple[str, ...]:
        """Literal beginnings of an envelope. Several dialects may share one."""
        ...

    @property
    def closers(self) -> tuple[str, ...]:
        """Literal ends; outside of an envelope a sign that something was misread."""
        ...

    @property
    def quoted(self) -> bool:
        """Values are quoted, so a payload cannot be taken for markup or the reverse."""
        ...

    def opens(self, window: Window, at: int, opener: str) -> bool | None:
        """May an envelope of this dialect begin at `at`, where `opener` stands?

        Looks at no more than 300 characters. None = the text ends too early to say.
        """
        ...

    def read(self, window: Window, at: int, opener: str) -> Read:
        """Read the envelope that begins with `opener` at `at`. Linear; never raises."""
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
    kind: Defect | None = None
    """With `reask`: what sort of defect it is, where the server read the calls."""


def starts(text: str, at: int, *literals: str) -> bool | None:
    """Does one of `literals` stand at `at`? None = the text ends too early to say."""
    if text.startswith(literals, at):
        return True
    rest = text[at : at + max(map(len, literals))]
    ended = at + len(rest) >= len(text)
    return None if ended and any(literal.startswith(rest) for literal in literals) else False


def skip_blanks(text: str, at: int) -> int:
    """The first place from `at` on that holds no blank."""
    match = _BLANKS.match(text, at)
    return at if match is None else match.end()
