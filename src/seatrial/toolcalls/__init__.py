"""Text to tool calls and back: pure functions over strings, one module per dialect.

First principle: never silently wrong. Where the bytes that would be executed are not certainly
what the model meant, the verdict is `reask`.
"""

from seatrial.toolcalls.accept import accept, arguments_of
from seatrial.toolcalls.options import Options, check_options
from seatrial.toolcalls.reading import CUT_OFF, Broken, Parsed, RawCall, Tail
from seatrial.toolcalls.reask import reask_message
from seatrial.toolcalls.registry import DIALECTS, render
from seatrial.toolcalls.repairs import EXAMPLE_TOOLS, REPAIRS
from seatrial.toolcalls.schema_check import check
from seatrial.toolcalls.stream import TurnParser
from seatrial.toolcalls.strict_json import StrictJSONError, read_whole
from seatrial.toolcalls.tokens import MARKERS
from seatrial.toolcalls.turn import parse
from seatrial.toolcalls.whole_answer import HEAD_CHARS, may_begin, read_whole_answer

__all__ = [
    "CUT_OFF",
    "DIALECTS",
    "EXAMPLE_TOOLS",
    "HEAD_CHARS",
    "MARKERS",
    "REPAIRS",
    "Broken",
    "Options",
    "Parsed",
    "RawCall",
    "StrictJSONError",
    "Tail",
    "TurnParser",
    "accept",
    "arguments_of",
    "check",
    "check_options",
    "may_begin",
    "parse",
    "read_whole",
    "read_whole_answer",
    "reask_message",
    "render",
]
