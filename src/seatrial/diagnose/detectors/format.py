"""Scope format: what should have been a tool call and was none."""

from __future__ import annotations

import re

from seatrial.core.generation import Finish
from seatrial.diagnose.facts import Sign, Tally, Trial, Turn
from seatrial.diagnose.findings import ModeFinding, make_finding
from seatrial.diagnose.registry import explains, on_turn

_FENCE = re.compile(r"^ {0,3}```[^\n`]*\n(?:.*?\n)??.*?^ {0,3}```", re.MULTILINE | re.DOTALL)
_INTENT = re.compile(
    r"\b(?:I'll|I will|I am going to|I'm going to|let me|let's|I need to|next,? I)\b", re.IGNORECASE
)
_UNKNOWN_TOOL = re.compile(r"unknown tool|no such tool|no tool (?:named|called)", re.IGNORECASE)
_CUT = (Finish.LENGTH, Finish.CONTEXT, Finish.GUARD, Finish.CANCELLED, Finish.MISSING)


def _without_call(turn: Turn) -> bool:
    """Tools were offered, and the reply ended by itself in words only."""
    return (
        turn.tools_offered
        and turn.response.finish not in _CUT
        and turn.response.verdict == "no_call"
        and not turn.calls
        and bool(turn.prose.text.strip())
    )


def _never_called(trial: Trial, tally: Tally) -> bool:
    return trial.calls == 0 and trial.reaches_end(tally)


def _prose(trial: Trial, tally: Tally) -> ModeFinding | None:
    """Prose alone ends a trial without any call, or announces calls and makes none."""
    announced = tally.confidence == "high" and trial.reaches_end(tally)
    if not (_never_called(trial, tally) or announced or tally.longest > 1):
        return None
    return make_finding(
        "format.no_tool_call",
        tally.evidence,
        confidence="high" if _never_called(trial, tally) else "medium",
        sufficient=explains(trial, tally),
        count=tally.count,
    )


@on_turn("format.no_tool_call", conclude=_prose)
def no_tool_call(turn: Turn) -> Sign | None:
    """Words only; surer where they announce an action."""
    if not _without_call(turn):
        return None
    intent = _INTENT.search(turn.prose.text)
    start = intent.start() if intent else 0
    return Sign((turn.prose.quote(start),), "high" if intent else "medium")


def _markdown(trial: Trial, tally: Tally) -> ModeFinding | None:
    """A code block is instead of a call where no call did the work that it shows."""
    instead = _never_called(trial, tally) or tally.longest > 1
    if not instead and (trial.changed or not trial.reaches_end(tally)):
        return None
    return make_finding(
        "format.markdown_instead_of_call",
        tally.evidence,
        confidence="high" if instead else "medium",
        sufficient=explains(trial, tally),
        count=tally.count,
    )


@on_turn("format.markdown_instead_of_call", conclude=_markdown)
def markdown_instead_of_call(turn: Turn) -> Sign | None:
    """A fenced code block, and no call."""
    fence = _FENCE.search(turn.prose.text) if _without_call(turn) else None
    return Sign((turn.prose.quote(*fence.span()),)) if fence else None


@on_turn("format.malformed_call")
def malformed_call(turn: Turn) -> Sign | None:
    """A call that could not be read; one that was cut off is another matter."""
    if not _refused(turn) or _names_unknown_tool(turn):
        return None
    return Sign((turn.written.quote(),) if turn.written.text else (turn.verdict.quote(),))


@on_turn("format.unknown_tool")
def unknown_tool(turn: Turn) -> Sign | None:
    """A call of a tool that was not offered."""
    if not _refused(turn) or not _names_unknown_tool(turn):
        return None
    return Sign((turn.written.quote(),) if turn.written.text else (turn.verdict.quote(),))


def _refused(turn: Turn) -> bool:
    """Our parser asks again; a reply that was cut off is explained by what cut it."""
    return turn.response.verdict == "reask" and turn.response.finish not in _CUT


def _names_unknown_tool(turn: Turn) -> bool:
    return bool(_UNKNOWN_TOOL.search(turn.response.reason or ""))
