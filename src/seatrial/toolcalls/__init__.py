"""Text to tool calls and back: pure functions over strings, one module per dialect.

First principle: never silently wrong. Where the bytes that would be executed are not certainly
what the model meant, the verdict is `reask`.
"""

from seatrial.toolcalls.parser import TurnParser, parse
from seatrial.toolcalls.reading import Parsed
from seatrial.toolcalls.reask import reask_message
from seatrial.toolcalls.registry import DIALECTS, render
from seatrial.toolcalls.schema_check import check, coerce

__all__ = [
    "DIALECTS",
    "Parsed",
    "TurnParser",
    "check",
    "coerce",
    "parse",
    "reask_message",
    "render",
]
