"""Describe a llama.cpp server that was there before us; never better than `declared`.

What it says is recorded with the reasons why that is no proof: it was not started by us, so
nobody knows what it loaded. On this machine the process behind the port is named, and the
model file is digested if that process has it mapped. In: a URL. Out: an `Attestation`.
"""

from __future__ import annotations

import asyncio
import ipaddress
from pathlib import Path
from urllib.parse import urlsplit

from seatrial.chat.transport import Transport
from seatrial.core.errors import UserError
from seatrial.serve import sockets
from seatrial.serve.attestation import Attestation, make_attestation
from seatrial.serve.canary import sing
from seatrial.serve.gguf import file_digest
from seatrial.serve.server import statement


async def attest_url(url: str) -> Attestation:
    """Describe the server at `url`.

    Raises:
        UserError: not a URL of a server.
        EngineError: it does not answer.
        FormatError: it does not answer as llama.cpp does.
    """
    async with Transport(url) as server:
        said = await statement(server)
        canary = await sing(server)
    reasons = ["not started by us: what it loaded was not sealed"]
    pid = _local_owner(server.url)
    if pid is None:
        reasons.append("the process behind the port cannot be seen from here")
    weights = await asyncio.to_thread(_mapped_digest, pid, Path(said.model_path))
    if weights is None:
        reasons.append("no digest: the model file is not seen in that process")
    return make_attestation(
        said,
        canary,
        reasons=reasons,
        wire="raw_completion",
        served={
            "weights": weights,
            "adapters": [{"path": one.path, "scale": one.scale} for one in said.adapters],
        },
        volatile={
            "url": server.url,
            "pid": pid,
            "command": None if pid is None else sockets.command_line(pid),
        },
    )


def _local_owner(url: str) -> int | None:
    """The one process behind a loopback port; elsewhere a same-numbered port proves nothing."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 0
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback or not sockets.available():
        return None
    pids = sockets.owners(sockets.listeners(host, port))
    return pids[0] if len(pids) == 1 else None


def _mapped_digest(pid: int | None, model: Path) -> str | None:
    """Digest of the model file, if that process has exactly this file in memory."""
    if pid is None or not sockets.maps_file(pid, model):
        return None
    try:
        return file_digest(model)
    except UserError:
        return None
