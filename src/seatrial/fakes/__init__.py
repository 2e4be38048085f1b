"""Fake model servers for tests: one that follows a script, and `fakes.personalities`.

The scripted server loops, leaks, overflows and lies about its model as it is told, reply by
reply. A personality behaves like a whole family of servers. In: a script, or the id of a family
with its faults. Out: a server on a real socket.
"""

from seatrial.fakes.script import (
    After,
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
    "After",
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
