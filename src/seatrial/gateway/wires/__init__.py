"""Translation between what a client speaks and chat completions; pure, no server."""

from seatrial.gateway.wires.answer import (
    Answer,
    BrokenCallError,
    BrokenOffError,
    Head,
    Reader,
    Writer,
)
from seatrial.gateway.wires.ask import Asked, Lost, UnsupportedError, Upstream
from seatrial.gateway.wires.chat_answer import ChatReader, ChatWriter, read_answer, write_answer
from seatrial.gateway.wires.client import (
    CLIENTS,
    MESSAGES,
    RESPONSES,
    SERVERS,
    Bridge,
    ClientWire,
    ServerWire,
    bridge,
    server_bridge,
)
from seatrial.gateway.wires.errors import chat_error
from seatrial.gateway.wires.messages import write_count

__all__ = [
    "CLIENTS",
    "MESSAGES",
    "RESPONSES",
    "SERVERS",
    "Answer",
    "Asked",
    "Bridge",
    "BrokenCallError",
    "BrokenOffError",
    "ChatReader",
    "ChatWriter",
    "ClientWire",
    "Head",
    "Lost",
    "Reader",
    "ServerWire",
    "UnsupportedError",
    "Upstream",
    "Writer",
    "bridge",
    "chat_error",
    "read_answer",
    "server_bridge",
    "write_answer",
    "write_count",
]
