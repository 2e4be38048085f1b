"""What the detectors are shown of a trial: one turn at a time, then the trial as a whole.

These values are filled by `reading` in one pass and are bounded: a trace of any length leaves
the same few kilobytes. Every text comes with the place where it stands, so that whoever finds
something can quote it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import msgspec

from seatrial.core import trace as events
from seatrial.core.config import GuardSpec
from seatrial.core.evidence import Evidence, Place
from seatrial.core.generation import Finish
from seatrial.core.message import Call
from seatrial.core.result import Ended, OracleStatus, Verified
from seatrial.diagnose.findings import Confidence

TRACE_FILE = "events.jsonl"
_EMPTY_HANDED = (Finish.CANCELLED, Finish.MISSING, Finish.GUARD)
QUOTE_CHARS = 240
"""A quote is a piece to recognise, not the whole text."""


class Passage(msgspec.Struct, frozen=True):
    """A string of the trace and where it stands."""

    line: int
    pointer: str
    text: str

    def quote(self, start: int = 0, end: int | None = None) -> Evidence:
        """The text from `start` on, up to `end` and at most `QUOTE_CHARS`."""
        stop = len(self.text) if end is None else end
        stop = min(stop, start + QUOTE_CHARS)
        where = str(Place(self.line, start, stop, self.pointer))
        return Evidence(TRACE_FILE, where, self.text[start:stop])

    def tail(self) -> Evidence:
        """The last characters."""
        return self.quote(max(0, len(self.text) - QUOTE_CHARS))


class TextLoopSeen(msgspec.Struct, frozen=True):
    """A loop in what the model wrote in one turn."""

    channel: Literal["text", "think"]
    count: int
    evidence: Evidence


class CallLoopSeen(msgspec.Struct, frozen=True):
    """Calls that repeat."""

    count: int
    """Repeats or rounds, at the longest."""
    period: int
    """Calls of one round."""
    last_step: int
    evidence: tuple[Evidence, ...]


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One answered request."""

    index: int
    """0, 1, 2 ... over the answered requests of the trial, side calls left out."""
    line: int
    response: events.Response
    request: events.Request | None
    message: events.MessageEvent | None
    message_line: int
    tools_offered: bool
    window: int | None
    """Tokens of one slot, where the endpoint said so."""
    loop: TextLoopSeen | None
    """Looked for where the reply did not end by itself."""

    @property
    def finish(self) -> Passage:
        return Passage(self.line, "/finish", self.response.finish.value)

    @property
    def verdict(self) -> Passage:
        return Passage(self.line, "/verdict", self.response.verdict)

    @property
    def calls(self) -> tuple[Call, ...]:
        return self.message.calls if self.message else ()

    @property
    def prose(self) -> Passage:
        """What the model said outside its calls and its reasoning; the raw text if unknown."""
        if self.message is None:
            return Passage(self.line, "/raw", self.response.raw)
        return Passage(self.message_line, "/text", self.message.text)

    @property
    def written(self) -> Passage:
        """All that the model wrote: before parsing where we parse, else the visible text."""
        if self.response.raw or self.message is None:
            return Passage(self.line, "/raw", self.response.raw)
        return self.prose

    @property
    def think(self) -> Passage:
        return Passage(self.message_line, "/think", self.message.think if self.message else "")

    def call_arguments(self, index: int) -> Passage:
        pointer = f"/calls/{index % len(self.calls)}/arguments"
        return Passage(self.message_line, pointer, self.calls[index].arguments)

    @property
    def answered(self) -> bool:
        """A model wrote something, or ended by itself.

        A request that a guard rule refuses and one that raises leave an empty response.
        """
        wrote = self.written.text or self.think.text or self.calls
        return bool(wrote) or self.response.finish not in _EMPTY_HANDED


class Sign(msgspec.Struct, frozen=True):
    """A detector's hit in one turn."""

    evidence: tuple[Evidence, ...]
    confidence: Confidence = "high"


@dataclass
class Tally:
    """The hits of one detector over the turns of a trial."""

    count: int = 0
    streak: int = 0
    """Consecutive turns up to the last hit."""
    longest: int = 0
    last_index: int = -2
    first: Sign | None = None
    last: Sign | None = None

    def add(self, index: int, sign: Sign) -> None:
        self.streak = self.streak + 1 if index == self.last_index + 1 else 1
        self.longest = max(self.longest, self.streak)
        self.count += 1
        self.last_index = index
        self.first = self.first or sign
        self.last = sign

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """Of the first and the last hit, each place once."""
        signs = [sign for sign in (self.first, self.last) if sign is not None]
        return tuple(dict.fromkeys(item for sign in signs for item in sign.evidence))

    @property
    def confidence(self) -> Confidence:
        return self.last.confidence if self.last else "low"


VerifyState = Literal["none", "passed", "failed", "blocked"]


@dataclass
class Trial:
    """What one pass over a trace leaves; `reading` fills it, detectors only look."""

    guard: GuardSpec
    task: str = ""
    model: str = ""
    ended: Ended | None = None
    end_line: int = 0
    ended_evidence: Evidence | None = None
    """Where the reason of the end stands: on the trace, else in the result."""
    verified: Verified | None = None
    oracle: OracleStatus = "not_run"
    oracle_event: tuple[int, events.Oracle] | None = None
    outcome: str = "unscored"
    requests: int = 0
    """Side calls left out, here and below."""
    turns: int = 0
    """Requests that a model answered."""
    calls: int = 0
    steps: int = 0
    """Calls that were executed."""
    changed: bool = False
    """A call changed a file of the workspace."""
    productive_steps: int = 0
    """Steps up to the last one that changed a file or showed what no recent step had shown."""
    last: Turn | None = None
    open_call: bool = False
    """The last reply holds a call whose result never came."""
    verify: VerifyState = "none"
    """The last verifier that the agent ran after its last change."""
    verify_evidence: Evidence | None = None
    faults: list[tuple[int, events.Fault]] = field(default_factory=list)
    stop: tuple[int, events.Guard] | None = None
    """The last reply that a guard rule stopped."""
    call_loops: dict[str, CallLoopSeen] = field(default_factory=dict)
    tallies: dict[str, Tally] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        return self.outcome not in ("passed", "unscored")

    def tally(self, mode_id: str) -> Tally:
        return self.tallies.get(mode_id) or Tally()

    def reaches_end(self, tally: Tally) -> bool:
        return tally.count > 0 and tally.last_index == self.turns - 1
