"""Detectors and rules over a stream, and the endpoint that runs them.

The loop rules live here and nowhere else; the agent and the diagnosis import them.
"""

from seatrial.guard.guarded import guarded
from seatrial.guard.loops import (
    CallLoop,
    CallStep,
    TextLoop,
    call_steps,
    find_call_loop,
    find_text_loop,
)
from seatrial.guard.protocol import PASS, Action, Decision, Detector, Finding, Mode, Rule
from seatrial.guard.rules import RULES, CallLoopRule, TextLoopRule, rules_from

__all__ = [
    "PASS",
    "RULES",
    "Action",
    "CallLoop",
    "CallLoopRule",
    "CallStep",
    "Decision",
    "Detector",
    "Finding",
    "Mode",
    "Rule",
    "TextLoop",
    "TextLoopRule",
    "call_steps",
    "find_call_loop",
    "find_text_loop",
    "guarded",
    "rules_from",
]
