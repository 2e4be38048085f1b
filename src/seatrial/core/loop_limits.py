"""Thresholds of the loop rules: frozen values that stand in the lock.

What the numbers rest on stands with the detectors in `guard.loops`. Written with their defaults:
a lock that left them out would keep its id when they change.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

AtLeastTwo = Annotated[int, msgspec.Meta(ge=2)]
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]


class NearLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When prose that says nothing new is a loop."""

    window_words: Annotated[int, msgspec.Meta(ge=50)] = 300
    """So many of the last words are looked at."""
    after_words: Annotated[int, msgspec.Meta(ge=50)] = 600
    """Not before so many words of prose."""
    memory_words: Annotated[int, msgspec.Meta(ge=50)] = 4096
    """What was said before so many words is forgotten."""
    seen: Annotated[int, msgspec.Meta(ge=1)] = 3
    """Three words in a row are stale once they came so many times before."""
    stale_share: Share = 0.7
    """A loop once at least this share of the looked at words is stale."""
    new_words: Annotated[int, msgspec.Meta(ge=1)] = 5
    """With so many words or numbers of the looked at that were never said, it is a list first."""
    list_words: Annotated[int, msgspec.Meta(ge=50)] = 4_000
    """A list is a loop once it went on for so many words, stale all the time."""


class Grades(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often something must come: for a word to the model, and for the end."""

    nudge: AtLeastTwo
    stop: AtLeastTwo | None
    """None = never: observed and told, not stopped."""


class CallLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When calls across turns are a loop; rounds in a row unless said otherwise."""

    same: Grades = Grades(nudge=3, stop=6)
    """The same call or cycle with the same results."""
    near: Grades = Grades(nudge=4, stop=8)
    """... with results that differ in their digits only."""
    drift: Grades = Grades(nudge=7, stop=12)
    """Calls that differ in their digits only, with results that do too, and go back and forth."""
    varied: Grades = Grades(nudge=48, stop=60)
    """... with other digits each time, and results that say nothing else; or a wait whose answer
    changes in its digits only. A sound sweep looks the same, so this comes late."""
    varied_failures: Grades = Grades(nudge=12, stop=24)
    """... with other digits each time, and all of them fail."""
    edit: Grades = Grades(nudge=5, stop=8)
    """The same edit within the last calls, successful each time."""
    failed_edit: Grades = Grades(nudge=3, stop=6)
    """The same edit within the last calls, failing each time."""
    failures: Grades = Grades(nudge=5, stop=None)
    """Failures of one tool on one target, whatever it is given."""
    wait_factor: Annotated[int, msgspec.Meta(ge=1)] = 3
    """A call that waits for something may come so many times as often."""


class ArgumentLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the arguments of one call repeat far beyond what data does; only ever observed."""

    chars: Annotated[int, msgspec.Meta(ge=64)] = 4096
    repeats: AtLeastTwo = 16


class LoopLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that the loop rules go by, beside the exact text loop and the agent's own call loop."""

    text_near: NearLimits = NearLimits()
    think_near: NearLimits = NearLimits(
        window_words=400, after_words=1200, stale_share=0.8, new_words=7
    )
    """Reasoning repeats itself more: it weighs, quotes the task and tries again."""
    calls: CallLimits = CallLimits()
    arguments: ArgumentLimits = ArgumentLimits()
