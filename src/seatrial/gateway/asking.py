"""What the exchange sees of an upstream that it asks: an endpoint, and what is known beside it.

`attempt.Attempt` asks the chat of a server and knows the bytes of every event;
`raw_attempt.RawAttempt` asks for unparsed text and knows none. Protocols and values only.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from seatrial.chat.endpoint import Event, Facts, Request
from seatrial.core.generation import Timings, Usage
from seatrial.gateway.output import Headers


class Refusal(msgspec.Struct, frozen=True):
    """An answer without success, as it came."""

    status: int
    headers: Headers
    body: bytes


class Spoken(Protocol):
    """One answer under way."""

    @property
    def head(self) -> bytes:
        """Data of the first frame, or the whole body: id, time and model of the answer."""
        ...

    @property
    def closing(self) -> Mapping[str, Any]:
        """Fields of the last frame, where the answer is written anew."""
        ...

    @property
    def held(self) -> bytes:
        """Bytes that came and stand on no event so far."""
        ...

    def timings(self) -> Timings: ...

    def partner(self, event: Event) -> Event | None:
        """The event that came in the same frame as `event`, before the tail."""
        ...


class Asking(Protocol):
    """An `Endpoint` for one exchange; may be asked several times, one after the other."""

    @property
    def facts(self) -> Facts: ...

    def generate(self, request: Request) -> AsyncGenerator[Event, None]: ...

    async def count(self, request: Request) -> int: ...

    def sent(self, request: Request) -> dict[str, Any]: ...

    def took(self, event: Event) -> bool:
        """Whether `event` is one that was given, untouched; each counts once."""
        ...

    def answer_headers(self) -> Headers:
        """The headers of the last answer, where the client may have them."""
        ...

    def close(self) -> None:
        """Leave the server."""
        ...

    @property
    def streams(self) -> bool:
        """The last answer is a stream of the client's own protocol."""
        ...

    @property
    def turn(self) -> Spoken | None:
        """The last answer; None = none came."""
        ...

    @property
    def tail(self) -> Sequence[Event]:
        """What the last attempt gave from the first call on, as it came."""
        ...

    @property
    def refusal(self) -> Refusal | None: ...

    @property
    def error_frames(self) -> bytes:
        """The bytes in which the server reported an error inside a stream."""
        ...

    @property
    def error_data(self) -> bytes:
        """What the frame says that reported it."""
        ...

    @property
    def discarded(self) -> Usage:
        """Tokens of the attempts before the last one, as far as the server counted them."""
        ...

    @property
    def body(self) -> bytes:
        """What the last attempt sent."""
        ...
