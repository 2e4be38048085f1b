"""The registry of repairs: every change that reading makes to what a model wrote has an id here.

A repair is small, named, counted (the ids stand in `Parsed.repairs`) and can be switched off; a
call that needs a repair that is off is asked for again. `example` is a whole turn against
`EXAMPLE_TOOLS` that needs exactly this repair; tests and the reference page run it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from seatrial.core.message import ToolSchema


class Repair(msgspec.Struct, frozen=True):
    """One kind of change."""

    id: str
    summary: str
    """What is changed and when, one or two sentences."""
    example: str
    """A raw turn that needs it."""
    group: str
    """envelope, json, shape, name, argument, turn or loose."""
    prefill: str = ""
    options: dict[str, Any] = {}
    """Fields of `Options` without which the repair is never made."""


REPAIRS: dict[str, Repair] = {}


def declare(
    id: str,
    group: str,
    summary: str,
    example: str,
    *,
    prefill: str = "",
    options: dict[str, Any] | None = None,
) -> str:
    """Register a repair; gives its id, for a module constant."""
    if id in REPAIRS:
        raise ValueError(f"the repair {id} is declared twice")
    REPAIRS[id] = Repair(id, summary, example, group, prefill, options or {})
    return id


def _tool(name: str, properties: dict[str, object], *required: str) -> ToolSchema:
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return ToolSchema(name=name, description="", parameters=schema)


EXAMPLE_CALL = '{"name": "view", "arguments": {"file": "a.py"}}'
"""The JSON of a call, for examples."""
EXAMPLE_TURN = f"<tool_call>\n{EXAMPLE_CALL}\n</tool_call>"
"""The same in its envelope."""

_STRING = {"type": "string"}

EXAMPLE_TOOLS = (
    _tool("view", {"file": _STRING}, "file"),
    _tool("save", {"file": _STRING, "text": _STRING}, "file", "text"),
    _tool("edit", {"file": _STRING, "old": _STRING, "new": _STRING}, "file", "old", "new"),
    _tool("sh", {"cmd": _STRING, "secs": {"type": "integer"}}, "cmd"),
    _tool(
        "find",
        {
            "pattern": _STRING,
            "ignore": {"type": "array", "items": _STRING},
            "show": {"enum": ["files", "lines"]},
            "hidden": {"type": "boolean"},
        },
        "pattern",
    ),
    _tool("status", {}),
)
"""The tools of the examples."""
