"""Who is asking: the client, its conversation, and whether this is a request beside the main one.

A client is named by the product of its user agent. The names come from strangers, so they are
short, plain and few: whatever counts by client must not grow with what anybody sends.

In: headers and requests. Out: names; True or False.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from seatrial.chat.endpoint import Request

OTHER = "other"
_MOST_CLIENTS = 64
_SESSION_HEADERS = (
    b"x-session-id",
    b"x-session-affinity",
    b"session_id",
    b"x-claude-code-session-id",
)
_PRODUCT = re.compile(r"[A-Za-z][A-Za-z0-9._-]*(?:/(?:JS|Python)\b)?")
# Clients that always declare tools in their main requests.
_USES_TOOLS = frozenset({"pi", "opencode", "qwencode", "codex_exec", "codex_cli_rs", "claude-cli"})
COMPACTS = frozenset({"pi", "opencode", "qwencode", "claude-cli"})
"""Clients that shorten the conversation themselves when they are told that it does not fit."""
_SIDE_MESSAGES = 3
_SIDE_CHARS = 16_000


class Clients:
    """The clients that were seen."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._with_tools: set[str] = set()

    def name(self, headers: Mapping[bytes, bytes]) -> str:
        """The client of a request."""
        match = _PRODUCT.match(headers.get(b"user-agent", b"").decode("latin-1"))
        name = match.group().lower().replace("/", "-")[:32] if match else OTHER
        if name not in self._names:
            if len(self._names) >= _MOST_CLIENTS:
                return OTHER
            self._names.add(name)
        return name

    def is_side_call(self, client: str, request: Request | None) -> bool:
        """Whether `request` is beside the client's work: a title, a summary, a suggestion.

        Sure only for clients that declare tools when they work: for them, a short request
        without any is something else.
        """
        if request is None:
            return False
        if request.tools:
            self._with_tools.add(client)
            return False
        if client not in self._with_tools and client not in _USES_TOOLS:
            return False
        chars = sum(len(message.text) for message in request.messages)
        return len(request.messages) <= _SIDE_MESSAGES and chars <= _SIDE_CHARS


def patience_seconds(headers: Mapping[bytes, bytes]) -> float | None:
    """How long the client takes silence for a living server, where it says so.

    The Python libraries of OpenAI and Anthropic do, and all that stands on them.
    """
    try:
        seconds = float(headers.get(b"x-stainless-read-timeout", b""))
    except ValueError:
        return None
    return seconds if 0 < seconds < 1e6 else None


def session_key(headers: Mapping[bytes, bytes]) -> str:
    """What the client itself says of the conversation; empty where it says nothing."""
    for name in _SESSION_HEADERS:
        value = headers.get(name)
        if value:
            return value.decode("latin-1")[:200]
    return ""
