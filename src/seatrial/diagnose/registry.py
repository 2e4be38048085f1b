"""The register of detectors: one small function for one failure mode.

A detector looks at single turns (`on_turn`), at the whole trial (`at_end`), or at what the
other detectors left unexplained (`residue`). Adding one is adding one decorated function to a
module of `detectors`. Definitions and thresholds are those of the table of modes; a detector
that lacks the evidence for its mode says nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from seatrial.diagnose.facts import Sign, Tally, Trial, Turn
from seatrial.diagnose.findings import ModeFinding, make_finding
from seatrial.diagnose.modes import mode_of

Sight = Callable[[Turn], Sign | None]
Conclude = Callable[[Trial, Tally], ModeFinding | None]
Look = Callable[[Trial], ModeFinding | None]

WASTED_SHARE = 0.25
"""A recurring hit explains a failure once it takes more than this share of the turns."""


class Detector(msgspec.Struct, frozen=True):
    """How one mode is found."""

    id: str
    """The mode; an `at_end` detector may report a finer one of the same stem."""
    sight: Sight | None
    conclude: Conclude


DETECTORS: dict[str, Detector] = {}
RESIDUES: dict[str, Look] = {}
FINER: set[str] = set()


def on_turn(mode_id: str, conclude: Conclude | None = None) -> Callable[[Sight], Sight]:
    """Register a function of one turn; `conclude` makes the finding of its hits."""

    def register(sight: Sight) -> Sight:
        _add(Detector(mode_id, sight, conclude or _by_streak(mode_id)))
        return sight

    return register


def at_end(mode_id: str, *finer: str) -> Callable[[Look], Look]:
    """Register a function of the whole trial; `finer` are sub-modes it may report instead."""

    def register(look: Look) -> Look:
        _add(Detector(mode_id, None, lambda trial, _: look(trial)))
        FINER.update(mode_of(f"{mode_id}.{name}").id for name in finer)
        return look

    return register


def residue(mode_id: str) -> Callable[[Look], Look]:
    """Register a function that is asked only when nothing else explains the trial."""

    def register(look: Look) -> Look:
        RESIDUES[mode_of(mode_id).id] = look
        return look

    return register


def explains(trial: Trial, tally: Tally) -> bool:
    """The hits reach the end of the trial, or recur and waste a good part of it.

    One hit that the agent recovered from explains nothing, however short the trial was.
    """
    wasteful = tally.count > 1 and tally.count > WASTED_SHARE * trial.turns
    return trial.reaches_end(tally) or wasteful


def _by_streak(mode_id: str) -> Conclude:
    def conclude(trial: Trial, tally: Tally) -> ModeFinding | None:
        if tally.count == 0:
            return None
        return make_finding(
            mode_id,
            tally.evidence,
            confidence=tally.confidence,
            sufficient=explains(trial, tally),
            count=tally.count,
        )

    return conclude


def _add(detector: Detector) -> None:
    mode_of(detector.id)
    if detector.id in DETECTORS:
        raise ValueError(f"two detectors for {detector.id}")
    DETECTORS[detector.id] = detector
