"""What is to be served and how, whatever the program: the value that every launch begins with.

Not a command line: a program makes one of it. In: nothing. Out: `LaunchSpec`, `Adapter`.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal

import msgspec

from seatrial.core.errors import UserError

EMBEDDED = "embedded"

Parsing = Literal["content_only", "server"]
"""Who reads tool calls and reasoning out of the text: whoever asked, or the server."""


class Adapter(msgspec.Struct, frozen=True):
    """A LoRA and the weight that it is applied with."""

    path: Path
    scale: float = 1.0


class LaunchSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be served, and how."""

    model: Path
    """A file; for programs that load folders or repositories, one of these."""
    log: Path
    """The engine's own output is appended here."""
    adapters: tuple[Adapter, ...] = ()
    window_tokens: int = 4096
    """Tokens of one slot; 0 = the program's own, where it has one."""
    slots: int = 1
    """Requests at a time; 0 as for the window."""
    threads: int = 1
    host: str = "127.0.0.1"
    port: int = 0
    """0 = any free one."""
    start_timeout_seconds: float = 120.0
    program: str = EMBEDDED
    """Id of a program of `engines.registry`."""
    executable: Path | None = None
    """The file to run; None = the one on the PATH."""
    extra: tuple[str, ...] = ()
    """Arguments for the program, behind ours, as they are."""
    api_key: str | None = None
    """What clients must show; given to the program by its environment."""
    parsing: Parsing = "content_only"


def refuse_open_door(spec: LaunchSpec) -> None:
    """Refuse to let the whole network in without a key.

    Raises:
        UserError: `host` is reachable from elsewhere and no key is asked for.
    """
    if spec.api_key or is_loopback(spec.host):
        return
    raise UserError(
        f"{spec.host} lets other machines in, and no key is asked of them",
        hint="give a key: --api-key KEY; or stay on 127.0.0.1",
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
