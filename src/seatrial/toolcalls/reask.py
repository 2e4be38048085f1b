"""The re-ask: what a model is told when its call could not be read with certainty.

Text only; when and how often to re-ask is decided by who runs the loop.
"""

from __future__ import annotations

import json
from typing import Any

from seatrial.core.message import ToolSchema
from seatrial.toolcalls.nonce import with_nonce
from seatrial.toolcalls.options import DEFAULTS, Options
from seatrial.toolcalls.reading import Parsed
from seatrial.toolcalls.registry import DIALECTS

_PLACEHOLDERS: dict[str, Any] = {
    "string": "...",
    "integer": 1,
    "number": 1.5,
    "boolean": True,
    "array": [],
    "object": {},
}


def reask_message(
    parsed: Parsed, tools: tuple[ToolSchema, ...], options: Options = DEFAULTS
) -> str:
    """The defect in one line, the schema of the tool in one line, the canonical form once.

    Where the tool is not known, the tools that are offered stand in place of a schema. The form
    is that of the dialect which the model tried, with the nonce of `options` if there is one.
    """
    lines = [f"The tool call was not executed: {parsed.reason or 'it could not be read'}."]
    if parsed.calls:
        names = ", ".join(call.name for call in parsed.calls)
        lines.append(f"Executed before it: {names}.")
    tool = next((tool for tool in tools if tool.name == parsed.tool), None)
    if tool is not None:
        lines.append(f"Schema of {tool.name}: {json.dumps(tool.parameters, ensure_ascii=False)}")
    elif tools:
        lines.append(f"Tools: {', '.join(tool.name for tool in tools)}")
    shown = tool or (tools[0] if tools else None)
    if shown is not None:
        # A loose form is no form to teach.
        dialect = DIALECTS.get(parsed.dialect or "", DIALECTS["hermes"])
        form = dialect.render(shown.name, _example(shown.parameters))
        lines += ["Write it in this form:", _bound(form, options.nonce)]
    return "\n".join(lines)


def _bound(form: str, nonce: str) -> str:
    """`form` with the nonce in its first tag; a form that cannot carry one is shown as it is."""
    opener = form[: form.find(">") + 1]
    return with_nonce(form, opener, nonce) or form


def _example(schema: dict[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    required = schema.get("required")
    keys = [key for key in properties if key in required] if isinstance(required, list) else []
    return {key: _placeholder(properties[key]) for key in keys or properties}


def _placeholder(schema: object) -> object:
    if not isinstance(schema, dict):
        return "..."
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((name for name in kind if name != "null"), None)
    return _PLACEHOLDERS.get(kind, "...") if isinstance(kind, str) else "..."
