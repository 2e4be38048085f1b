"""Call loops across turns: the same calls again, in cycles, as edits that pile up, as failures.

Two grades: first worth a word to the model, later hopeless. Progress is what changes (see
`progress`): a pager whose lines move on, a poller whose answer changes, tests between edits are
no loops; a call that waits for something may come much more often. In: steps, one after the
other. Out: the loop that the steps so far end in. Memory: the last `WINDOW` steps.

Rules measured on labelled runs by others: cycles with masked results found most real loops, byte
equality missed them; pagers are what a rule on calls alone would stop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from seatrial.core.loop_limits import CallLimits, Grades
from seatrial.guard.loops import progress
from seatrial.guard.loops.steps import Step
from seatrial.guard.protocol import Finding

WINDOW = 64
MAX_CYCLE = 8

_KINDS: dict[str, Callable[[Step], tuple[object, ...]]] = {
    "same": lambda step: step.same,
    "near": lambda step: step.near,
    "drift": lambda step: step.drift,
}
"""How two steps may be alike: by what is equal then."""

Grade = Literal["nudge", "stop"]

_ACTION, _CYCLE, _NEAR = "gen.action_loop", "gen.action_cycle", "gen.action_loop.near"
_PILING, _ERRORS = "gen.action_loop.accumulating", "behaviour.error_streak"


class TurnFinding(msgspec.Struct, frozen=True):
    """A loop across turns, and how bad it is."""

    finding: Finding
    grade: Grade


class TurnLoop:
    """Watches the steps of one conversation; `feed` says what they end in now."""

    def __init__(self, limits: CallLimits) -> None:
        self._limits = limits
        self._steps: deque[Step] = deque(maxlen=WINDOW)
        self._keys: deque[dict[str, tuple[object, ...]]] = deque(maxlen=MAX_CYCLE)
        """Of the last steps that were learned one by one: kind of likeness -> what is equal."""
        self._seen = 0
        self._runs = {kind: [0] * (MAX_CYCLE + 1) for kind in _KINDS}
        """Kind of likeness -> period -> how many steps in a row are like the one before it."""

    def feed(self, step: Step) -> TurnFinding | None:
        self.learn(step)
        return self.judge()

    def learn(self, step: Step) -> None:
        """Take `step` in without asking what it ends."""
        if step.first:
            self._forget()
        keys = {kind: key(step) for kind, key in _KINDS.items()}
        for period, others in enumerate(reversed(self._keys), start=1):
            for kind, runs in self._runs.items():
                runs[period] = runs[period] + 1 if keys[kind] == others[kind] else 0
        self._keys.append(keys)
        self._steps.append(step)
        self._seen += 1

    def learn_all(self, steps: Sequence[Step]) -> None:
        """As `learn` for each of a whole history, as the first and last thing that is learned.

        Every request brings its history again, and of most only the end needs to be compared:
        runs are counted back from the last step.
        """
        last = next((n for n in range(len(steps) - 1, -1, -1) if steps[n].first), 0)
        steps, self._seen = steps[last:], len(steps)
        self._steps.extend(steps)
        self._runs["drift"] = _runs_at_end(steps, _KINDS["drift"])
        if any(self._runs["drift"]):
            # What is not even alike but for its digits is the same in no other way.
            self._runs["near"] = _runs_at_end(steps, _KINDS["near"])
            self._runs["same"] = _runs_at_end(steps, _KINDS["same"])

    def judge(self) -> TurnFinding | None:
        """The loop that the steps so far end in."""
        if not self._steps:
            return None
        step = self._steps[-1]
        return (
            self._cycle("same", self._limits.same)
            or self._cycle("near", self._limits.near, beside="same")
            or self._drift()
            or self._again(step)
            or self._failures(step)
        )

    def end(self) -> TurnFinding | None:
        return None

    def _forget(self) -> None:
        self._steps.clear()
        self._keys.clear()
        for runs in self._runs.values():
            runs[:] = [0] * (MAX_CYCLE + 1)

    def _cycle(self, kind: str, grades: Grades, beside: str = "") -> TurnFinding | None:
        """Calls that repeat with the same results, alone or in cycles."""
        runs = self._runs[kind]
        for period in range(1, MAX_CYCLE + 1):
            rounds = (runs[period] + period) // period
            if rounds < grades.nudge or (period > 1 and runs[1] >= period - 1):
                continue
            if beside and self._runs[beside][period] == runs[period]:
                # Nothing is near only: the other kind has its own limits.
                continue
            factor = self._limits.wait_factor if self._waits(period) else 1
            if kind == "near":
                if any(map(progress.results_advance, self._places(period, rounds))):
                    continue
                if factor > 1:
                    grades, factor = self._limits.varied, 1
            result = "the same result" if kind == "same" else "the same result but for numbers"
            what = "the same call" if period == 1 else f"a cycle of {period} calls"
            mode = _ACTION if period == 1 else _CYCLE
            return self._graded(
                grades, rounds, mode, f"{what} with {result}, {rounds} times", period, factor
            )
        return None

    def _waits(self, period: int) -> bool:
        return any(self._steps[-1 - back].waits for back in range(period))

    def _drift(self) -> TurnFinding | None:
        """The same with other numbers, where they get nowhere."""
        runs = self._runs["drift"]
        for period in range(1, MAX_CYCLE + 1):
            rounds = (runs[period] + period) // period
            if rounds < self._limits.drift.nudge or self._runs["near"][period] == runs[period]:
                continue
            grades = self._drift_grades(period, rounds)
            if grades is None:
                continue
            detail = f"{period} calls again and again with other numbers only, {rounds} times"
            return self._graded(grades, rounds, _NEAR, detail, period)
        return None

    def _drift_grades(self, period: int, rounds: int) -> Grades | None:
        """What holds for the last `rounds` of a cycle of calls with other numbers."""
        limits = self._limits
        places = self._places(period, limits.drift.nudge)
        if any(map(progress.is_one_edit, places)):
            return limits.drift
        if any(map(progress.results_advance, places)):
            return None
        if not any(map(progress.arguments_move, places)):
            return limits.varied if self._waits(period) else limits.drift
        if rounds < min(limits.varied_failures.nudge, limits.varied.nudge):
            return None
        places = self._places(period, rounds)
        if all(step.failed for place in places for step in place):
            return limits.varied_failures
        return limits.varied if all(map(progress.results_tell_nothing, places)) else None

    def _places(self, period: int, rounds: int) -> list[list[Step]]:
        """The steps of the last `rounds`, one list for each place of the cycle, latest first."""
        steps = list(self._steps)[: -period * rounds - 1 : -1]
        return [steps[place::period] for place in range(period)]

    def _again(self, step: Step) -> TurnFinding | None:
        """The same edit, with other steps in between or with other results."""
        alike = [other for other in self._steps if step.same_call(other)]
        limits = self._limits
        if len(alike) < min(limits.failed_edit.nudge, limits.edit.nudge) or step.edit is None:
            return None
        grades = limits.failed_edit if step.failed else limits.edit
        if step.failed:
            count = sum(other.failed for other in alike)
            detail = f"the same edit failed {count} times in the last {len(self._steps)} calls"
            return self._graded(grades, count, _ACTION, detail)
        count = sum(not other.failed for other in alike)
        detail = f"the same edit {count} times in the last {len(self._steps)} calls"
        return self._graded(grades, count, _PILING, detail)

    def _failures(self, step: Step) -> TurnFinding | None:
        """One tool on one target, failing each time, whatever it is given."""
        if not (aim := step.aim) or not step.failed:
            return None
        count = 0
        for other in reversed(self._steps):
            if other.name != step.name or other.aim != aim:
                continue
            if not other.failed:
                break
            count += 1
        detail = f"{count} failures in a row of {aim}"
        return self._graded(self._limits.failures, count, _ERRORS, detail)

    def _graded(
        self, grades: Grades, count: int, mode: str, detail: str, period: int = 1, factor: int = 1
    ) -> TurnFinding | None:
        if count < grades.nudge * factor:
            return None
        piece = list(self._steps)[-period:]
        finding = Finding(
            detector="turn_loop",
            mode_id=mode,
            channel="calls",
            detail=detail,
            quote="; ".join(step.told() for step in piece),
            start=self._seen - period,
            count=count,
        )
        hopeless = grades.stop is not None and count >= grades.stop * factor
        return TurnFinding(finding, "stop" if hopeless else "nudge")


def turn_loop(steps: Sequence[Step], limits: CallLimits) -> TurnFinding | None:
    """What `steps` end in, as the online detector sees it."""
    detector = TurnLoop(limits)
    detector.learn_all(steps)
    return detector.judge()


def _runs_at_end(steps: Sequence[Step], key: Callable[[Step], tuple[object, ...]]) -> list[int]:
    """For each period, how many of the last steps are like the one so far before them."""
    keys: list[tuple[object, ...]] = []
    """From the last step on, as far as they were needed."""
    runs = [0] * (MAX_CYCLE + 1)
    for period in range(1, min(MAX_CYCLE, len(steps) - 1) + 1):
        # Steps in a row that are all alike are so at every distance.
        run = max(0, runs[1] + 1 - period)
        while run + period < len(steps):
            keys += [key(steps[-1 - n]) for n in range(len(keys), run + period + 1)]
            if keys[run] != keys[run + period]:
                break
            run += 1
        runs[period] = run
    return runs
