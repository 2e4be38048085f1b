"""Detectors and rules over a stream, and the endpoint that runs them.

The loop rules live here and nowhere else; the agent and the diagnosis import them.
"""

from seatrial.guard.guarded import guarded
from seatrial.guard.ladder import Climb, Failure, Step, knobs_of
from seatrial.guard.loops import (
    CallLoop,
    CallStep,
    TextLoop,
    call_steps,
    find_call_loop,
    find_text_loop,
)
from seatrial.guard.offline import Replay, Seen, replay
from seatrial.guard.protocol import (
    PASS,
    Action,
    Decision,
    Detector,
    Ending,
    Finding,
    Mode,
    Rule,
    Rung,
)
from seatrial.guard.rules import (
    RULES,
    CallLoopRule,
    Memory,
    PrefixBreak,
    PrefixMemory,
    TextLoopRule,
    check_modes,
    gateway_rules,
    mend,
    rules_from,
)
from seatrial.guard.watch import Holding, Watch

__all__ = [
    "PASS",
    "RULES",
    "Action",
    "CallLoop",
    "CallLoopRule",
    "CallStep",
    "Climb",
    "Decision",
    "Detector",
    "Ending",
    "Failure",
    "Finding",
    "Holding",
    "Memory",
    "Mode",
    "PrefixBreak",
    "PrefixMemory",
    "Replay",
    "Rule",
    "Rung",
    "Seen",
    "Step",
    "TextLoop",
    "TextLoopRule",
    "Watch",
    "call_steps",
    "check_modes",
    "find_call_loop",
    "find_text_loop",
    "gateway_rules",
    "guarded",
    "knobs_of",
    "mend",
    "replay",
    "rules_from",
]
