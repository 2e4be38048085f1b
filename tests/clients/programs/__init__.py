"""The real clients: one module each. Adding one touches one module and this list."""

from __future__ import annotations

from tests.clients.programs import aider, codex, mini, opencode, pi, qwen_code
from tests.clients.programs.client import Client

CLIENTS: tuple[Client, ...] = (
    pi.OLD,
    pi.NEW,
    opencode.OPENCODE,
    qwen_code.QWEN_CODE,
    codex.CODEX,
    mini.MINI,
    aider.AIDER,
)


def clients(names: tuple[str, ...] = ()) -> tuple[Client, ...]:
    """All clients, or the named ones.

    Raises:
        SystemExit: there is no such client.
    """
    known = [client.id for client in CLIENTS]
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"no client {unknown[0]}; there are {', '.join(known)}")
    return tuple(client for client in CLIENTS if not names or client.id in names)
