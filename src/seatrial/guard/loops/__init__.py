"""Loops: texts and calls that come again; the only place for loop rules.

The guard runs them online, the agent over its own calls, the diagnosis over traces, all with the
same code: pure, constant memory, thresholds that stand in the lock. `tail` and `exact` find exact
repeats, `near` prose that goes in circles, `arguments` repeats inside of one call, `calls` (the
strict rule of our agent) and `turns` calls across turns. Not here: budgets, and what is done
about a loop, which is for the rules to say.
"""

from seatrial.guard.loops.arguments import ArgumentLoop
from seatrial.guard.loops.calls import CallLoop, CallStep, call_steps, find_call_loop
from seatrial.guard.loops.exact import TextLoop, find_text_loop
from seatrial.guard.loops.near import NearLoop, find_near_loop
from seatrial.guard.loops.steps import Step, recent_steps
from seatrial.guard.loops.tail import MAX_PERIOD, PeriodicTail, Run
from seatrial.guard.loops.turns import TurnFinding, TurnLoop, turn_loop

__all__ = [
    "MAX_PERIOD",
    "ArgumentLoop",
    "CallLoop",
    "CallStep",
    "NearLoop",
    "PeriodicTail",
    "Run",
    "Step",
    "TextLoop",
    "TurnFinding",
    "TurnLoop",
    "call_steps",
    "find_call_loop",
    "find_near_loop",
    "find_text_loop",
    "recent_steps",
    "turn_loop",
]
