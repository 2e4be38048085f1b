"""Ask a witness: the testimony of another machine about its own server.

A witness is believed only for the host that it runs on. In: its URL, a token, the URL of the
server. Out: a `Testimony`, or the reason why there is none.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any
from urllib.parse import urlsplit

import msgspec

from seatrial.chat.failures import RefusedError
from seatrial.chat.transport import Limits, Transport
from seatrial.core.errors import EngineError, FormatError, UserError
from seatrial.core.schema import check_version
from seatrial.serve.testimony import TESTIMONY_VERSION, Testimony

PATH = "/v1/witness"
WAIT_SECONDS = 900.0
"""A model of a hundred gigabytes is read once, at the speed of a disk."""
_POLL_SECONDS = 2.0
_BUSY = (429, 503)
_LIMITS = Limits(json_seconds=60.0, json_bytes=4 * 1024 * 1024)


class Witness(msgspec.Struct, frozen=True):
    """Where a witness is, and what it wants to be shown."""

    url: str
    token: str | None = None
    wait_seconds: float = WAIT_SECONDS


async def ask_witness(witness: Witness, server_url: str) -> Testimony:
    """What the witness says of the port of `server_url`.

    Raises:
        UserError: it is not on the host of the server.
        EngineError: it does not answer, refuses, or sees nobody at that port.
        FormatError: it answers something else than a testimony.
    """
    await asyncio.to_thread(_check_same_host, witness.url, server_url)
    parts = urlsplit(server_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    deadline = asyncio.get_running_loop().time() + witness.wait_seconds
    async with Transport(witness.url, api_key=witness.token, limits=_LIMITS) as transport:
        while True:
            try:
                answer = await transport.get_json(f"{PATH}?port={port}", dict[str, Any])
                break
            except RefusedError as error:
                late = asyncio.get_running_loop().time() + _POLL_SECONDS > deadline
                if error.status not in _BUSY or late:
                    raise EngineError(f"the witness: {error.message}", hint=error.hint) from None
            except EngineError as error:
                raise EngineError(f"the witness: {error.message}", hint=_HINT) from None
            await asyncio.sleep(_POLL_SECONDS)
    return _testimony(answer, witness.url, port)


_HINT = "run `seatrial witness` on the machine of the server"


def _testimony(answer: dict[str, Any], url: str, port: int) -> Testimony:
    try:
        found = msgspec.convert(answer, Testimony)
    except msgspec.ValidationError as error:
        raise FormatError(f"{url} is no witness: {error}", hint=_HINT) from None
    check_version(found.schema_version, TESTIMONY_VERSION, f"the testimony of {url}")
    if found.port != port:
        raise FormatError(f"{url} speaks of port {found.port}, {port} was asked")
    return found


def _check_same_host(witness_url: str, server_url: str) -> None:
    one, other = urlsplit(witness_url).hostname or "", urlsplit(server_url).hostname or ""
    if one != other and not _addresses(one) & _addresses(other):
        raise UserError(
            f"the witness is at {one}, the server at {other}: it cannot speak for it",
            hint=_HINT,
        )


def _addresses(host: str) -> frozenset[str]:
    try:
        rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return frozenset()
    return frozenset(str(row[4][0]) for row in rows)
