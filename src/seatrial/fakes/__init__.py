"""A scripted server that loops, leaks, overflows and lies about its model; for tests."""

from seatrial.fakes.script import (
    CallTools,
    Drop,
    Hang,
    Loop,
    Refuse,
    Reply,
    Say,
    Script,
    ScriptedCall,
    overflow,
    split,
)
from seatrial.fakes.server import Lies, Received, ScriptedServer

__all__ = [
    "CallTools",
    "Drop",
    "Hang",
    "Lies",
    "Loop",
    "Received",
    "Refuse",
    "Reply",
    "Say",
    "Script",
    "ScriptedCall",
    "ScriptedServer",
    "overflow",
    "split",
]
