"""How an instruction is asked for: plain, or wrapped in politeness.

Not the wordings of a family (those stand with the family). The standard wrappers are what
dinghy was trained on; the hard ones never are.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

STANDARD_WRAPPERS = (
    "Please help me. {}",
    "{} Thanks!",
    "{} Thank you.",
    "{} Run the tests when you are done.",
    "{} Then run pytest.",
    "Hello! {}",
    "Hi, I have a small task for you. {}",
    "Task: {}",
    "TODO: {}",
    "{} Keep the change small.",
    "{} Do not change anything else.",
    "Can you do this for me? {}",
    "I need your help with this: {}",
    "{} Make sure that the tests pass.",
    "Here is the next task. {}",
    "Please do the following. {}",
    "{} Leave the tests as they are.",
    "Could you look at this? {} Thank you.",
    "Dear agent, {} Many thanks.",
    "Issue: {} Please fix it soon.",
)
HARD_WRAPPERS = (
    "Good morning, there is something on the list for today. {} Take your time.",
    "Would you be so kind? {} That would be lovely.",
    "This came in over night: {} Cheers.",
    "{} Everything else stays untouched, as always.",
    "My colleague writes: {} I trust you with it.",
    "Before lunch, if possible: {}",
    "Ticket 4711 says: {} Over to you.",
    "{} Much appreciated, and have a nice day.",
)


def say(
    rng: random.Random,
    wordings: tuple[str, ...],
    fields: Mapping[str, str],
    wrappers: tuple[str, ...],
    wrapped: float,
) -> str:
    """One instruction."""
    text = rng.choice(wordings).format(**fields)
    return rng.choice(wrappers).format(text) if rng.random() < wrapped else text
