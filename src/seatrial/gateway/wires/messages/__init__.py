"""Anthropic's `/v1/messages`, as Claude Code speaks it."""

from seatrial.gateway.wires.messages.answer import (
    PING,
    MessagesReader,
    MessagesWriter,
    read_answer,
    write_answer,
    write_count,
)
from seatrial.gateway.wires.messages.ask import write
from seatrial.gateway.wires.messages.request import read

__all__ = [
    "PING",
    "MessagesReader",
    "MessagesWriter",
    "read",
    "read_answer",
    "write",
    "write_answer",
    "write_count",
]
