"""Which rules there are, in what order they see an event, and in which mode they run where.

A new rule is a module of its own and a line below. Order: first what watches the raw stream,
then what changes it, last what judges the turn as the consumer will see it.

In: a `GuardSpec`. Out: rules for one attempt.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy

import msgspec

from seatrial.core.config import GuardSpec
from seatrial.core.errors import UserError
from seatrial.guard.loop_rules import ArgumentLoopRule, NearLoopRule, TurnLoopRule
from seatrial.guard.protocol import Mode, Rule
from seatrial.guard.rules.broken_off import BrokenOffRule
from seatrial.guard.rules.budgets import (
    TextBudgetRule,
    ThinkBudgetRule,
    ToolBudgetRule,
    TurnBudgetRule,
)
from seatrial.guard.rules.compaction import CompactionPinRule
from seatrial.guard.rules.cut_block import CutBlockRule
from seatrial.guard.rules.empty import EmptyCompletionRule
from seatrial.guard.rules.finish import FinishWordRule
from seatrial.guard.rules.history import HistoryRule
from seatrial.guard.rules.intent import IntentRule
from seatrial.guard.rules.leaks import LeakRule
from seatrial.guard.rules.length import LengthNudgeRule
from seatrial.guard.rules.loops import CallLoopRule, TextLoopRule
from seatrial.guard.rules.parse_error import ParseErrorRule
from seatrial.guard.rules.prefix import PrefixMemory, PrefixRule
from seatrial.guard.rules.rescue import RescueRule
from seatrial.guard.rules.silent_truncation import PromptMemory, SilentTruncationRule
from seatrial.guard.rules.truncation import TruncatedCallRule
from seatrial.guard.rules.verify import VerifyRule


class Memory:
    """What rules may know of earlier requests; one for each server."""

    def __init__(self) -> None:
        self.prefix = PrefixMemory()
        self.prompts = PromptMemory()
        self.shortened: Callable[[], bool] = lambda: False
        """Whether less was sent than the request says; asked when the answer has come."""

    def beside(self, shortened: Callable[[], bool]) -> Memory:
        """The same memory for one request that may be shortened behind the rules."""
        memory = copy(self)
        memory.shortened = shortened
        return memory


class Entry(msgspec.Struct, frozen=True):
    """A rule and the modes in which it runs when nobody says otherwise."""

    make: Callable[[GuardSpec, Mode], Rule]
    agent: Mode
    """Around our own agent, which does much of this itself."""
    gateway: Mode
    """Around somebody else's client."""


RULES: dict[str, Entry] = {
    PrefixRule.id: Entry(PrefixRule, "off", "observe"),
    SilentTruncationRule.id: Entry(SilentTruncationRule, "off", "observe"),
    HistoryRule.id: Entry(HistoryRule, "off", "enforce"),
    CompactionPinRule.id: Entry(CompactionPinRule, "off", "enforce"),
    CallLoopRule.id: Entry(CallLoopRule, "enforce", "off"),
    TurnLoopRule.id: Entry(TurnLoopRule, "off", "enforce"),
    TextLoopRule.id: Entry(TextLoopRule, "enforce", "enforce"),
    NearLoopRule.id: Entry(NearLoopRule, "off", "enforce"),
    ArgumentLoopRule.id: Entry(ArgumentLoopRule, "off", "observe"),
    ThinkBudgetRule.id: Entry(ThinkBudgetRule, "off", "enforce"),
    TurnBudgetRule.id: Entry(TurnBudgetRule, "off", "enforce"),
    LeakRule.id: Entry(LeakRule, "off", "enforce"),
    RescueRule.id: Entry(RescueRule, "off", "enforce"),
    TextBudgetRule.id: Entry(TextBudgetRule, "off", "enforce"),
    ToolBudgetRule.id: Entry(ToolBudgetRule, "off", "enforce"),
    TruncatedCallRule.id: Entry(TruncatedCallRule, "off", "enforce"),
    CutBlockRule.id: Entry(CutBlockRule, "off", "enforce"),
    BrokenOffRule.id: Entry(BrokenOffRule, "off", "enforce"),
    ParseErrorRule.id: Entry(ParseErrorRule, "off", "enforce"),
    EmptyCompletionRule.id: Entry(EmptyCompletionRule, "off", "enforce"),
    IntentRule.id: Entry(IntentRule, "off", "enforce"),
    LengthNudgeRule.id: Entry(LengthNudgeRule, "off", "enforce"),
    VerifyRule.id: Entry(VerifyRule, "off", "observe"),
    FinishWordRule.id: Entry(FinishWordRule, "off", "enforce"),
}


def rules_from(spec: GuardSpec, mode: Mode = "enforce") -> list[Rule]:
    """The rules of the agent with the thresholds of `spec`, for one attempt, none above `mode`."""
    return _made(spec, mode, {id: entry.agent for id, entry in RULES.items()})


def gateway_rules(
    spec: GuardSpec, mode: Mode = "enforce", memory: Memory | None = None
) -> list[Rule]:
    """The rules of a gateway, for one attempt, none above `mode`.

    `memory` is what rules that compare with earlier requests have; without it they see nothing.
    """
    return _made(spec, mode, {id: entry.gateway for id, entry in RULES.items()}, memory)


def check_modes(spec: GuardSpec) -> None:
    """Refuse a mode for a rule that does not exist.

    Raises:
        UserError: no such rule.
    """
    for id in _given(spec):
        if id not in RULES:
            raise UserError(f"no guard rule {id!r}", hint=f"there are {', '.join(RULES)}")


def _made(
    spec: GuardSpec, most: Mode, defaults: dict[str, Mode], memory: Memory | None = None
) -> list[Rule]:
    modes = {**defaults, **_given(spec)}
    rules: list[Rule] = []
    for id, entry in RULES.items():
        mode = min(modes[id], most, key=_STRENGTH.index)
        if mode == "off":
            continue
        rules.append(_remembering(id, spec, mode, memory) or entry.make(spec, mode))
    return rules


def _remembering(id: str, spec: GuardSpec, mode: Mode, memory: Memory | None) -> Rule | None:
    if memory is not None and id == PrefixRule.id:
        return PrefixRule(spec, mode, memory.prefix)
    if memory is not None and id == SilentTruncationRule.id:
        return SilentTruncationRule(spec, mode, memory.prompts, memory.shortened)
    return None


_STRENGTH: list[Mode] = ["off", "observe", "enforce"]


def _given(spec: GuardSpec) -> dict[str, Mode]:
    return {} if spec.modes is msgspec.UNSET else spec.modes
