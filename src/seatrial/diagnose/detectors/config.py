"""Scope config: caps and windows as they were set. A length stop is split by where it cut."""

from __future__ import annotations

import re

import msgspec

from seatrial.core import trace as events
from seatrial.core.evidence import Evidence
from seatrial.core.generation import Finish
from seatrial.core.result import Ended
from seatrial.diagnose.detectors.stack import FAR_FROM_CAP, NEAR_FULL
from seatrial.diagnose.facts import Passage, Sign, Trial, Turn
from seatrial.diagnose.findings import Confidence, ModeFinding, make_finding
from seatrial.diagnose.registry import at_end, on_turn
from seatrial.toolcalls import CUT_OFF

_OVERFLOW_TYPE = "ContextOverflowError"
_OVERFLOW = re.compile(
    r"exceeds the available context size|exceed_context_size_error|maximum context length"
    r"|prompt is too long",
    re.IGNORECASE,
)


@on_turn("config.max_tokens.text")
def max_tokens_text(turn: Turn) -> Sign | None:
    """The cap was reached in plain text that does not loop."""
    confidence = _cut_at_cap(turn)
    if confidence is None or inside_call(turn) or not turn.prose.text.strip():
        return None
    return Sign((turn.finish.quote(), turn.prose.tail()), confidence)


@on_turn("config.max_tokens.tool_args")
def max_tokens_tool_args(turn: Turn) -> Sign | None:
    """The cap was reached inside a tool call: an oversized write, not a runaway."""
    confidence = _cut_at_cap(turn)
    if confidence is None or not inside_call(turn):
        return None
    broken = turn.calls and turn.response.verdict != "reask"
    passage = turn.call_arguments(-1) if broken else turn.written
    tail = (passage.tail(),) if passage.text else ()
    return Sign((turn.finish.quote(), *tail), confidence)


def _cut_at_cap(turn: Turn) -> Confidence | None:
    """How sure it is that the cap, and neither the window nor a loop, ended the reply."""
    response, request = turn.response, turn.request
    if response.finish is not Finish.LENGTH or turn.loop is not None:
        return None
    if request is None or not response.usage.completion:
        return "medium"
    share = response.usage.completion / max(1, request.caps.max_tokens)
    if share >= NEAR_FULL:
        return "high"
    return None if share <= FAR_FROM_CAP else "low"


def inside_call(turn: Turn) -> bool:
    """The reply was cut in an open call: our parser says so.

    Where a server parses, the last call's arguments are then not JSON.
    """
    if turn.response.verdict == "reask":
        return CUT_OFF in (turn.response.reason or CUT_OFF)
    return bool(turn.calls) and not _is_json(turn.calls[-1].arguments)


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        return False
    return True


@at_end("config.context_400")
def context_400(trial: Trial) -> ModeFinding | None:
    """The server refused a prompt for its length. Only its own words count, no transcript."""
    hits = [
        (line, fault, match)
        for line, fault in trial.faults
        if fault.channel == "server"
        and ((match := _OVERFLOW.search(fault.message)) or fault.type == _OVERFLOW_TYPE)
    ]
    if not hits:
        return None
    evidence = tuple(dict.fromkeys(_quote_overflow(*hit) for hit in (hits[0], hits[-1])))
    ended = trial.ended in (Ended.CONTEXT_OVERFLOW, Ended.ENGINE_ERROR)
    return make_finding("config.context_400", evidence, sufficient=ended, count=len(hits))


def _quote_overflow(line: int, fault: events.Fault, match: re.Match[str] | None) -> Evidence:
    if match is None:
        return Passage(line, "/type", fault.type).quote()
    return Passage(line, "/message", fault.message).quote(*match.span())
