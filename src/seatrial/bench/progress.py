"""What a run tells while it works; `cli` draws it, tests collect it."""

from __future__ import annotations

from typing import Protocol

from seatrial.core.result import Result
from seatrial.core.trace import TrialRef


class Progress(Protocol):
    """Receives the steps of a run in the order in which they happen."""

    def phase(self, text: str) -> None:
        """A step begins: engines start, calibration, attestation."""

    def plan(self, total: int, done: int) -> None:
        """How many trials the run has, and how many were finished before."""

    def trial_started(self, ref: TrialRef, arm_name: str) -> None: ...

    def trial_finished(self, result: Result) -> None: ...

    def warn(self, text: str) -> None:
        """Something that a person should know and that stops nothing."""


class Silent:
    """Says nothing."""

    def phase(self, text: str) -> None: ...

    def plan(self, total: int, done: int) -> None: ...

    def trial_started(self, ref: TrialRef, arm_name: str) -> None: ...

    def trial_finished(self, result: Result) -> None: ...

    def warn(self, text: str) -> None: ...
