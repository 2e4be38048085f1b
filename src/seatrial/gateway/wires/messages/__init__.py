"""Anthropic's `/v1/messages`, as Claude Code speaks it."""

from seatrial.gateway.wires.messages.answer import (
    MessagesReader,
    MessagesWriter,
    read_answer,
    write_answer,
    write_count,
)
from seatrial.gateway.wires.messages.ask import write
from seatrial.gateway.wires.messages.request import read

__all__ = [
    "MessagesReader",
    "MessagesWriter",
    "read",
    "read_answer",
    "write",
    "write_answer",
    "write_count",
]
