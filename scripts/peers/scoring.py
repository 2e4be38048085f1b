"""One yardstick for every parser: what its calls do to the user, not how it words them.

In: a case and what a parser gave. Out: an outcome.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seatrial.core.message import ToolSchema
from seatrial.toolcalls.schema_check import check

EXACT, WRONG, REFUSABLE, MISSED, ERROR, UNCOVERED = "=", "W", "w", "m", "e", "."
OUTCOMES = {
    EXACT: "exact: the expected calls, every value and type; on a re-ask case also no call at all",
    WRONG: "silent wrong: a call that is not expected, and it fits the schema of a declared tool",
    REFUSABLE: "silent wrong: a call that is not expected; name or schema give it away",
    MISSED: "missed: fewer calls than expected, none of them wrong",
    ERROR: "error: an exception, or arguments that are not a JSON object",
    UNCOVERED: "not covered: the project has no parser for the dialect",
}

GROUPS = {
    "ok": "well-formed (ok, O)",
    "O": "well-formed (ok, O)",
    "R": "repairable (R)",
    "Q": "re-ask (Q)",
    "N": "no call (N)",
}
"""Label to group."""

Calls = Sequence[tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class Given:
    """What a parser gave for one case."""

    calls: Calls
    error: str | None = None


def outcome(label: str, expected: Calls, tools: Sequence[ToolSchema], given: Given | None) -> str:
    """The outcome of one case; None = not covered."""
    if given is None:
        return UNCOVERED
    if given.error is not None:
        return ERROR
    want, got = (
        [_canonical(*each) for each in expected],
        [_canonical(*each) for each in given.calls],
    )
    if got == want or (label == "Q" and not got):
        return EXACT
    if got == want[: len(got)]:
        return MISSED
    unexpected = [each for i, each in enumerate(given.calls) if want[i : i + 1] != [got[i]]]
    return WRONG if any(_fits(*each, tools) for each in unexpected) else REFUSABLE


def _fits(name: str, arguments: Mapping[str, Any], tools: Sequence[ToolSchema]) -> bool:
    """Would an agent that checks names and schemas execute it?"""
    schema = next((tool.parameters for tool in tools if tool.name == name), None)
    return schema is not None and check(dict(arguments), schema) is None


def _canonical(name: str, arguments: Mapping[str, Any]) -> str:
    """Equal exactly if name and JSON values are; 2.0 and 2 are one number, true and 1 are not."""
    return json.dumps([name, _number(arguments)], sort_keys=True)


def _number(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _number(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_number(each) for each in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
