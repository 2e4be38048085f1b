"""Probes: single requests that are scored by the format of the reply.

One row of a probe suite and one row of its scores, shared by bench, experiment and tune.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from seatrial.core.message import Message
from seatrial.core.trace import ParseVerdict


class ExpectedCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """A call that must come; `arguments` is compared as an object where it is given."""

    name: str
    arguments: dict[str, Any] | None = None


class ExpectedCalls(msgspec.Struct, frozen=True):
    """The calls that must come, in order."""

    calls: tuple[ExpectedCall, ...]


class Probe(msgspec.Struct, frozen=True):
    """One line of a probe suite (JSONL)."""

    id: str
    category: str
    messages: tuple[Message, ...]
    tools: tuple[dict[str, Any], ...]
    """In OpenAI form."""
    expect: ExpectedCalls | Literal["no_call"]


class SeenCall(msgspec.Struct, frozen=True):
    """A call as it was read from the reply; `arguments` decoded."""

    name: str
    arguments: dict[str, Any]


class ProbeScore(msgspec.Struct, frozen=True):
    """One scored reply."""

    probe: str
    arm: str
    seed: int
    raw: str
    verdict: ParseVerdict
    calls: tuple[SeenCall, ...]
    components: dict[str, float]
    """Named parts of the score, each from 0 to 1."""
    scorer: str
    """`name@version`."""
