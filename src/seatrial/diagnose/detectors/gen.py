"""Scope gen: generation that circles. The rules are those of the guard, run over the trace."""

from __future__ import annotations

from seatrial.core.result import Ended
from seatrial.diagnose.facts import Passage, Sign, Tally, Trial, Turn
from seatrial.diagnose.findings import ModeFinding, make_finding
from seatrial.diagnose.registry import WASTED_SHARE, at_end, explains, on_turn


def _text_loop(trial: Trial, tally: Tally) -> ModeFinding | None:
    if tally.count == 0:
        return _stopped(trial, "gen.text_loop.exact", "text")
    sufficient = explains(trial, tally)
    return make_finding(
        "gen.text_loop.exact", tally.evidence, sufficient=sufficient, count=tally.count
    )


@on_turn("gen.text_loop.exact", conclude=_text_loop)
def text_loop(turn: Turn) -> Sign | None:
    """The reply did not end by itself, and its text ends in exact repeats."""
    if turn.loop is None or turn.loop.channel != "text":
        return None
    return Sign((turn.loop.evidence, turn.finish.quote()))


def _think_runaway(trial: Trial, tally: Tally) -> ModeFinding | None:
    if tally.count == 0:
        return _stopped(trial, "gen.think_runaway", "think")
    sufficient = explains(trial, tally)
    return make_finding(
        "gen.think_runaway", tally.evidence, sufficient=sufficient, count=tally.count
    )


@on_turn("gen.think_runaway", conclude=_think_runaway)
def think_runaway(turn: Turn) -> Sign | None:
    """The same inside the reasoning."""
    if turn.loop is None or turn.loop.channel != "think":
        return None
    return Sign((turn.loop.evidence, turn.finish.quote()))


@at_end("gen.action_loop")
def action_loop(trial: Trial) -> ModeFinding | None:
    """The same call with the same result, again and again."""
    return _call_loop(trial, "gen.action_loop")


@at_end("gen.action_cycle")
def action_cycle(trial: Trial) -> ModeFinding | None:
    """A round of several calls, again and again."""
    return _call_loop(trial, "gen.action_cycle")


def _call_loop(trial: Trial, mode: str) -> ModeFinding | None:
    seen = trial.call_loops.get(mode)
    if seen is None or not seen.evidence:
        return None
    at_the_end = trial.ended is Ended.REPEAT_CALL_LOOP or seen.last_step == trial.steps
    wasteful = seen.count * seen.period > WASTED_SHARE * trial.steps
    return make_finding(mode, seen.evidence, sufficient=at_the_end or wasteful, count=seen.count)


def _stopped(trial: Trial, mode: str, channel: str) -> ModeFinding | None:
    """What a guard rule saw and stopped, where the trace does not hold the text itself."""
    if trial.ended is not Ended.TEXT_LOOP or trial.stop is None:
        return None
    line, event = trial.stop
    if event.channel != channel or not event.finding:
        return None
    return make_finding(mode, (Passage(line, "/finding", event.finding).quote(),))
