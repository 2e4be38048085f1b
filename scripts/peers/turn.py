"""What an adapter is given and what it gives back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from peers.dialects import first_marker

Call = tuple[str, dict[str, Any]]

_THINK = re.compile(r"</?think>|\[/?THINK\]|<\|channel>|<channel\|>")


class NotAnObjectError(Exception):
    """The arguments of a call are not a JSON object; no client can use them."""


@dataclass(frozen=True)
class Turn:
    """One response of a model."""

    raw: str
    tools: list[dict[str, Any]]
    """The form of the OpenAI API."""
    finish: str
    prefill: str
    """What the template wrote before `raw`."""
    dialect: str

    @property
    def thinks(self) -> bool:
        """Is there reasoning before the call? A server is told so for its model."""
        start = _THINK.search(self.raw)
        return self.opened or (start is not None and start.start() < first_marker(self.raw)[0])

    @property
    def opened(self) -> bool:
        """Did the template open the reasoning?"""
        opener = max(self.prefill.rfind("<think>"), self.prefill.rfind("[THINK]"))
        return opener > max(self.prefill.rfind("</think>"), self.prefill.rfind("[/THINK]"))

    @property
    def names(self) -> list[str]:
        return [tool["function"]["name"] for tool in self.tools]


@dataclass(frozen=True)
class Reading:
    """What a peer makes of a turn."""

    calls: list[Call]
    text: str | None


Parse = Callable[[Turn], Reading | None]
"""None = the peer has no parser for this dialect. May raise what the peer raises."""


def call(name: object, arguments: object) -> Call:
    """A call as a client sees it.

    Raises:
        NotAnObjectError: the arguments are not an object, or not even JSON.
    """
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            raise NotAnObjectError(f"arguments of {name!r} are no JSON") from None
    if not isinstance(arguments, dict):
        raise NotAnObjectError(f"arguments of {name!r} are {type(arguments).__name__}")
    return str(name), arguments
