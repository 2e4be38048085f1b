"""The public corpus of model-written tool calls: raw text, and what has to come of it.

Not computed by a parser and not a mirror of one: each builder states its label, its verdict and
the exact calls. README.md says how to read it; `python -m tests.toolcalls.corpus` counts.
"""

from __future__ import annotations

from functools import cache

from tests.toolcalls.corpus import (
    answers,
    code_mode,
    dialects,
    envelope,
    families,
    json_body,
    loose,
    names,
    negatives,
    reasoning,
    shapes,
    traps,
    truncation,
    vendors,
)
from tests.toolcalls.corpus.case import Case

MODULES = (
    dialects,
    code_mode,
    envelope,
    families,
    vendors,
    json_body,
    shapes,
    names,
    reasoning,
    truncation,
    loose,
    traps,
    negatives,
    answers,
)

__all__ = ["MODULES", "Case", "cases"]


@cache
def cases() -> tuple[Case, ...]:
    """Every case, in a fixed order."""
    return tuple(case for module in MODULES for case in module.cases())
