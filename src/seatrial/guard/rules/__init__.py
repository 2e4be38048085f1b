"""The guard rules: a detector, a mode and a policy each.

Rules are made anew for each attempt. What they need of the past stands in the request's own
messages, so a restart changes no decision.
"""

from seatrial.guard.rules.history import mend
from seatrial.guard.rules.loops import CallLoopRule, TextLoopRule
from seatrial.guard.rules.prefix import PrefixBreak, PrefixMemory
from seatrial.guard.rules.registry import (
    RULES,
    Entry,
    Memory,
    check_modes,
    gateway_rules,
    rules_from,
)

__all__ = [
    "RULES",
    "CallLoopRule",
    "Entry",
    "Memory",
    "PrefixBreak",
    "PrefixMemory",
    "TextLoopRule",
    "check_modes",
    "gateway_rules",
    "mend",
    "rules_from",
]
