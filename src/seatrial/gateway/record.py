"""One exchange as it is recorded: what was asked, what the client got, what the rules did.

Values only, made in the event loop and handed to the recorder's thread; nothing is copied. In:
events and decisions. Out: `Exchange`.
"""

from __future__ import annotations

import msgspec

from seatrial.chat.endpoint import CallEvent, End, Event, Request, Text, Think, UsageEvent
from seatrial.chat.growing import GrowingText
from seatrial.core.errors import Boundary
from seatrial.core.generation import Finish, Timings, Usage
from seatrial.core.message import Call, Message
from seatrial.core.trace import ParseVerdict, Wire
from seatrial.guard.protocol import Decision, Mode

Identity = dict[str, str | int | float | None]
"""The facts of an attestation, flat, as the first event of a trace has them."""


class Decided(msgspec.Struct, frozen=True):
    """A decision of a rule other than `pass`."""

    rule: str
    mode: Mode
    decision: Decision


class Fault(msgspec.Struct, frozen=True):
    """What went wrong between the gateway and the server."""

    boundary: Boundary
    type: str
    message: str


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """One request and what came of it."""

    client: str
    session: str
    """The client's own name of the conversation, in a header; empty = none."""
    cache_key: str = ""
    """`prompt_cache_key` of the body: of the conversation, or of all that an application asks."""
    side: bool
    upstream: str
    model: str
    window: int | None
    loads_on_request: bool = False
    """The server answers with the model that a request names, and loads it."""
    identity: Identity = {}
    """What answered, as attested last; empty = not known."""
    wire: Wire = "native"
    request: Request
    body: bytes
    """As it was sent last; in raw mode without the prompt."""
    fields: bytes
    """`body`, or a shorter one that has the same fields beside the messages."""
    message: Message
    """What the client was given."""
    finish: Finish
    raw_finish: str | None
    raw: str = ""
    """The model's text before parsing, where we parse."""
    usage: Usage
    """Of the answer that the client was given."""
    discarded: Usage = Usage()
    """Of the attempts before it, as far as the server counted them."""
    timings: Timings
    verdict: ParseVerdict
    reason: str | None
    decided: tuple[Decided, ...]
    fault: Fault | None


class Collected:
    """The events of an answer as the client was given them."""

    def __init__(self) -> None:
        self._text = GrowingText()
        self._think = GrowingText()
        self._calls: list[Call] = []
        self.decided: list[Decided] = []
        self.fault: Fault | None = None
        self.usage: UsageEvent | None = None
        self.end = End(Finish.CANCELLED)

    def add(self, event: Event) -> None:
        kind = type(event)
        if kind is Text:
            self._text.add(event.text)  # type: ignore[union-attr]
        elif kind is Think:
            self._think.add(event.text)  # type: ignore[union-attr]
        elif isinstance(event, CallEvent):
            self._calls.append(event.call)
        elif isinstance(event, UsageEvent):
            self.usage = event
        elif isinstance(event, End):
            self.end = event

    def message(self, given: tuple[Call, ...] | None) -> Message:
        """What the client got; `given`: the server's own calls, where those went out unchanged.

        The rules read repaired calls, and a client that gets the server's bytes does not.
        """
        text, calls = self._text.whole(), tuple(self._calls)
        if self.end.verdict == "reask":
            # A call that could not be read stands nowhere else.
            text = self.end.text or text
        if given and self.end.unfit:
            # A call that does not fit went on as the server gave it.
            text, calls = self._text.whole(), given
        elif given is not None:
            calls = given[: len(calls)]
        return Message("assistant", text, self._think.whole(), calls)
