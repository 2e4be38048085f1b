"""Scope stack: the engine, its template and its window."""

from __future__ import annotations

import re

from seatrial.core.generation import Finish
from seatrial.core.result import Ended
from seatrial.diagnose.facts import Passage, Sign, Trial, Turn
from seatrial.diagnose.findings import ModeFinding, make_finding
from seatrial.diagnose.registry import at_end, on_turn

# The words of other tools, then those of our own `chat.failures`.
_UNREACHABLE = re.compile(
    r"connection (?:refused|reset|error)|cannot connect|server disconnected|ECONNRE\w+"
    r"|nothing listens at|the server went away|no such host|no connection to \S+: "
    r"|answered 50[23]\b",
    re.I,
)
_TIMED_OUT = re.compile(
    r"request timed out|read ?timeout|no answer (?:with)?in \d"
    r"|the time for one call ran out|(?:silence|no answer) from \S+ for \d"
    r"|no connection to \S+ in time",
    re.I,
)

NEAR_FULL = 0.97
"""Of the cap or the window: near enough to say that it was reached."""
FAR_FROM_CAP = 0.5


@on_turn("stack.length_by_context")
def length_by_context(turn: Turn) -> Sign | None:
    """The window was full. A loop that filled it is the model's doing, not the window's."""
    if turn.loop is not None:
        return None
    if turn.response.finish is Finish.CONTEXT:
        return Sign((turn.finish.quote(),))
    if turn.response.finish is Finish.LENGTH and _full_before_cap(turn):
        return Sign((turn.finish.quote(),), "medium")
    return None


def _full_before_cap(turn: Turn) -> bool:
    usage, request = turn.response.usage, turn.request
    if request is None or turn.window is None or not usage.completion:
        return False
    used = usage.prompt + usage.completion
    return (
        usage.completion < FAR_FROM_CAP * request.caps.max_tokens
        and used >= NEAR_FULL * turn.window
    )


@on_turn("stack.think_truncated")
def think_truncated(turn: Turn) -> Sign | None:
    """Reasoning, and then nothing."""
    ended = turn.response.finish in (Finish.LENGTH, Finish.STOP)
    silent = turn.message is not None and not turn.prose.text.strip() and not turn.calls
    if not (ended and silent and turn.think.text.strip()) or turn.loop is not None:
        return None
    return Sign((turn.finish.quote(), turn.think.tail()))


@at_end("stack.backend_unreachable")
def backend_unreachable(trial: Trial) -> ModeFinding | None:
    """The server was not there, or went away."""
    return _server_fault(trial, "stack.backend_unreachable", _UNREACHABLE)


@at_end("stack.request_timeout")
def request_timeout(trial: Trial) -> ModeFinding | None:
    """One request took longer than the client waits."""
    return _server_fault(trial, "stack.request_timeout", _TIMED_OUT)


def _server_fault(trial: Trial, mode: str, words: re.Pattern[str]) -> ModeFinding | None:
    for line, fault in trial.faults:
        match = words.search(fault.message)
        if match and fault.channel == "server":
            evidence = Passage(line, "/message", fault.message).quote(*match.span())
            return make_finding(mode, (evidence,), sufficient=trial.ended is Ended.ENGINE_ERROR)
    return None
