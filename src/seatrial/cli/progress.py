"""Draws a run's progress on stderr: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING

from seatrial.core.result import Result
from seatrial.core.trace import TrialRef

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID


class TerminalProgress:
    """A bar with the last outcome; implements `bench.progress.Progress`."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._bar: Bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> TerminalProgress:
        self._bar.start()
        self._task = self._bar.add_task("starting", total=None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def phase(self, text: str) -> None:
        if self._task is not None:
            self._bar.update(self._task, description=text)

    def plan(self, total: int, done: int) -> None:
        if self._task is not None:
            self._bar.update(self._task, total=total, completed=done)

    def trial_started(self, ref: TrialRef, arm_name: str) -> None:
        self.phase(f"{arm_name} {ref.task}")

    def trial_finished(self, result: Result) -> None:
        if self._task is not None:
            self._bar.advance(self._task)

    def warn(self, text: str) -> None:
        self._bar.console.print(f"warning: {text}", markup=False)


class LineProgress:
    """One line a step and a trial: for logs, pipes and CI."""

    def __init__(self) -> None:
        self._total = 0
        self._done = 0

    def __enter__(self) -> LineProgress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def phase(self, text: str) -> None:
        _say(text)

    def plan(self, total: int, done: int) -> None:
        self._total, self._done = total, done
        _say(f"{total} trials, {done} of them done")

    def trial_started(self, ref: TrialRef, arm_name: str) -> None:
        return None

    def trial_finished(self, result: Result) -> None:
        self._done += 1
        _say(
            f"[{self._done}/{self._total}] {result.arm_name} {result.task}: {result.outcome} "
            f"({result.turns} turns, {result.seconds:.1f} s)"
        )

    def warn(self, text: str) -> None:
        _say(f"warning: {text}")


def progress_for_stderr() -> TerminalProgress | LineProgress:
    """A bar if a person looks at it, lines if not."""
    return TerminalProgress() if sys.stderr.isatty() else LineProgress()


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
