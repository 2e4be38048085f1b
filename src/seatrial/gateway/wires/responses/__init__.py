"""OpenAI's `/v1/responses`, as codex speaks it."""

from seatrial.gateway.wires.responses.answer import ResponsesWriter, write_answer
from seatrial.gateway.wires.responses.ask import write
from seatrial.gateway.wires.responses.reader import ResponsesReader, read_answer
from seatrial.gateway.wires.responses.request import echo, keeps_reasoning, read

__all__ = [
    "ResponsesReader",
    "ResponsesWriter",
    "echo",
    "keeps_reasoning",
    "read",
    "read_answer",
    "write",
    "write_answer",
]
