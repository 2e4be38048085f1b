"""What a survey is: probes, what each observed, and the record of all of them.

Values and contracts only; `probes` of this package ask, `run` schedules. An observation is
`unknown` where the server gave nothing to judge: never a guess. In: nothing. Out: `Survey`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from seatrial.serve.survey.session import Session

Verdict = Literal["good", "bad", "unknown"]
Depth = Literal["quick", "full", "overflow"]
"""`quick`: under 10 s on a responsive server. `full`: a dozen kinds of request and more.
`overflow`: full, and the prompt that does not fit."""


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What one probe saw of one property."""

    id: str
    """`topic.property`, such as `sampler.greedy_repeats`."""
    verdict: Verdict
    said: str
    """One sentence for a person."""
    seen: str = ""
    """Verbatim, what it rests on: at most 500 characters of requests and answers."""
    values: dict[str, Any] = {}
    """Measured numbers, units in their names."""


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """One question to a server."""

    id: str
    title: str
    """For people, what is being asked, as progress: `asks the same thing twice`."""
    depth: Depth
    """The shallowest survey that holds it."""
    run: Callable[[Session], Awaitable[list[Observation]]]


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was observed."""

    depth: Depth
    observations: tuple[Observation, ...]
    requests: int
    seconds: float
    skipped: dict[str, str] = {}
    """Probe id -> why it did not run."""

    def find(self, id_: str) -> Observation | None:
        """The observation of that id."""
        return next((one for one in self.observations if one.id == id_), None)

    def bad(self, id_: str) -> Observation | None:
        """The observation of that id if its verdict is bad."""
        found = self.find(id_)
        return found if found is not None and found.verdict == "bad" else None
