"""Messages, tool schemas and tool calls: the conversation as types.

Not a wire format: `chat` translates to and from what a server speaks. Text is kept as it was;
nothing here trims or repairs.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from seatrial.core.schema import digest

Role = Literal["system", "user", "assistant", "tool"]

CallSource = Literal["native", "envelope", "orphan", "loose", "reasoning"]
"""Where a call was found: parsed by the server, in its dialect's envelope, or by a repair."""


class ToolSchema(msgspec.Struct, frozen=True):
    """One tool as offered to the model."""

    name: str
    description: str
    parameters: dict[str, Any]
    """JSON Schema of the arguments, `type: object`."""

    def openai(self) -> dict[str, Any]:
        """The form that OpenAI-compatible servers take."""
        return {"type": "function", "function": msgspec.to_builtins(self)}


class Call(msgspec.Struct, frozen=True, omit_defaults=True):
    """A complete tool call, ready to be executed."""

    id: str
    name: str
    arguments: str
    """JSON text of the arguments: exactly what is executed."""
    raw_span: tuple[int, int] | None = None
    """[start, end) of the call in the raw text of the response, in code points; None = native."""
    source: CallSource = "native"
    repairs: tuple[str, ...] = ()
    """Ids of the repairs that were needed to read it, in the order of use."""


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry of a conversation."""

    role: Role
    text: str = ""
    think: str = ""
    calls: tuple[Call, ...] = ()
    call_id: str | None = None
    """For role `tool`: the call that this answers."""

    @property
    def digest(self) -> str:
        """16 hex characters that stand for this message in a trace."""
        return digest(self)


def tools_digest(tools: tuple[ToolSchema, ...]) -> str:
    """16 hex characters that stand for the tools offered in a request."""
    return digest(tools)
