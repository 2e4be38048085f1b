"""What a gateway is told to do: upstreams, rules, pins, bounds. One frozen value.

Knows no server and reads no environment; `cli.gateway` fills it in. In: options. Out: `Settings`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from seatrial.chat.window import SoftWindow
from seatrial.core.config import GuardSpec
from seatrial.guard.protocol import ELIDE

BROKEN_STREAM = "broken_stream"
"""Named like a guard rule, because it can be switched off like one: a response that ends without
saying why is ended with an error instead of being passed on as if it were whole."""
SOFT_WINDOW = "soft_window"
"""Named like a rule, too; it needs a `Settings.soft_window`."""
BLANKS = "blanks"
"""Named like a rule, too: a client that waits for an answer in one piece, and would soon give up,
gets blanks before it. The status is then sent before it is known, so only where the client says
how long it waits."""
OWN_RULES = (BROKEN_STREAM, ELIDE, BLANKS)
"""What the gateway itself does and `--off` leaves out. `elide`: a conversation that does not fit is
shortened for clients that are not known to do it themselves."""


class UpstreamSpec(msgspec.Struct, frozen=True):
    """One server behind the gateway."""

    name: str
    url: str
    api_key: str | None = None
    slots: int | None = None
    """Requests at a time; None = as the server says, and without a bound where it says nothing."""


class Pin(msgspec.Struct, frozen=True):
    """A field of every request that is set to one value, or left out."""

    field: str
    value: Any = None
    strip: bool = False
    client: str | None = None
    """Only for this client; None = for all."""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What one exchange may take."""

    request_bytes: int = 64 * 1024 * 1024
    answer_bytes: int = 64 * 1024 * 1024
    """Of an answer that is not streamed, and must be read whole."""
    connect_seconds: float = 10.0
    first_byte_seconds: float = 3600.0
    """A slow machine may read a long prompt in silence."""
    idle_seconds: float = 300.0
    """Silence in the middle of a stream."""
    total_seconds: float = 6 * 3600.0
    keep_alive_seconds: float = 8.0
    """A comment is sent when the client has heard nothing for so long."""
    queue_seconds: float = 1800.0


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway."""

    upstreams: tuple[UpstreamSpec, ...]
    guard: GuardSpec = GuardSpec()
    observe: bool = False
    """Change nothing, only count and record."""
    off: frozenset[str] = frozenset()
    """Rules that are not run at all."""
    pins: tuple[Pin, ...] = ()
    raw: bool = False
    """Ask servers for unparsed text where they give it, and read tool calls here; without effect
    when nothing may be changed."""
    normalise_overflow: bool = True
    """A prompt that does not fit is answered in the one form that every client knows."""
    soft_window: SoftWindow | None = None
    """How long a prompt may be before the client is told that it does not fit; None = as long as
    the server takes."""
    token: str | None = None
    """What clients must show; None = nothing, and then only this machine may ask."""
    runs: Path | None = None
    """Where sessions are recorded; None = nowhere."""
    bounds: Bounds = Bounds()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What is kept out of every record: the token, and keys and passwords of the upstreams."""
        keys = [self.token]
        for upstream in self.upstreams:
            keys += [upstream.api_key, *_passwords(upstream.url)]
        return tuple(key for key in keys if key)

    def acts(self, rule: str) -> bool:
        """Whether a rule of the gateway's own may change anything."""
        return not self.observe and rule not in self.off


def _passwords(url: str) -> tuple[str, ...]:
    """The password in `url`, as it stands there and as it is meant."""
    password = urlsplit(url.strip()).password or ""
    return password, unquote(password)
