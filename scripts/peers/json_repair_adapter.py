"""json_repair in its usual place: the JSON of an envelope, from the first brace to the last.

Name and arguments come from what it gives back. A name that is not declared is no call: whoever
uses it checks that much.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from peers.turn import Parse, Reading, Turn

_TAG = r"(?:tool_call|tool-call|TOOL_CALL|function_call|tools|tool_calls)\b[^>]*>"
_PATTERNS = {
    "bare-json": r"\A(.*)\Z",
    "granite": r"<\|tool_call\|>(.*)\Z",
    "hermes": rf"<{_TAG}(.*?)(?=</{_TAG}[ \t]*(?:$|<)|^<{_TAG}|\Z)",
    "llama-json": r"<\|python_tag\|>(.*)\Z",
    "mistral-list": r"\[TOOL_CALLS\](.*)\Z",
    "prose": r"(?!)",
}
"""Dialect to its envelopes; those whose calls are one JSON object each, or a list of them."""
ENVELOPES = {
    name: re.compile(pattern, re.DOTALL | re.MULTILINE) for name, pattern in _PATTERNS.items()
}


def load() -> Parse:
    """Import json_repair; `turn` to the calls in what it repairs."""
    from json_repair import repair_json

    def repaired(text: str) -> object:
        return repair_json(text, return_objects=True)

    def parse(turn: Turn) -> Reading | None:
        if turn.dialect not in ENVELOPES:
            return None
        spoken = turn.raw.partition("</think>")[2] if turn.thinks else ""
        found = ENVELOPES[turn.dialect].findall(spoken or turn.raw)
        values = [repaired(_json_of(body)) for body in found if _json_of(body)]
        calls = [
            (name, repaired(arguments) if isinstance(arguments, str) else arguments)
            for value in values
            for name, arguments in _named(value, turn.names)
        ]
        return Reading([each for each in calls if isinstance(each[1], dict)], None)

    return parse


def _json_of(body: str) -> str:
    """From the first bracket to the last; to the end where none closes."""
    start = min((at for mark in "[{" if (at := body.find(mark)) >= 0), default=len(body))
    end = max(body.rfind("}"), body.rfind("]"))
    return body[start : end + 1] if end > start else body[start:]


def _named(value: object, names: list[str]) -> Iterator[tuple[str, Any]]:
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict) and each.get("name") in names:
            for key in ("arguments", "parameters"):
                if key in each:
                    yield each["name"], each[key]
                    break
