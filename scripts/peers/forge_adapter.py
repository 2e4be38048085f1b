"""forge: the rescue parser it runs over text that came without a tool call.

It tries all of its formats on every text; dialects that are none of them are not covered. Values
from markup stay text there; here they become what the schema says, by the function that its own
client of llama.cpp uses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peers import stand_ins
from peers.turn import Parse, Reading, Turn, call

DIALECTS = frozenset("bare-json granite hermes mistral-args mistral-list prose xml".split())


@dataclass(frozen=True)
class ToolCall:
    """In place of forge's own, whose module needs a newer Python than we ask for."""

    tool: str
    args: Any
    reasoning: str | None = None


def load() -> Parse:
    """Import the rescue parser; `turn` to the calls that it finds."""
    stand_ins.install(("forge", "httpx"), {"forge.core.workflow": {"ToolCall": ToolCall}})
    from forge.clients.llamafile import _coerce_param
    from forge.prompts.templates import rescue_tool_call

    def typed(value: object, schema: dict[str, Any]) -> object:
        if not isinstance(value, str):
            return value
        try:
            return _coerce_param(value, schema.get("type"))
        except ValueError:
            return value

    def parse(turn: Turn) -> Reading | None:
        if turn.dialect not in DIALECTS:
            return None
        schemas = {
            tool["function"]["name"]: tool["function"]["parameters"].get("properties", {})
            for tool in turn.tools
        }
        calls = []
        text = turn.prefill + turn.raw if turn.opened else turn.raw
        for found in rescue_tool_call(text, turn.names):
            name, arguments = call(found.tool, found.args)
            schema = schemas[name]
            calls.append((name, {k: typed(v, schema.get(k, {})) for k, v in arguments.items()}))
        return Reading(calls, None if calls else turn.raw)

    return parse
