"""How the scripted model does the task with what a client offers.

The model knows no client: it looks for a tool that writes files or runs commands among those
that are declared, and fills in whatever else the schema requires. A client that declares none
and edits from text gets a whole-file listing.

In: the body of a request, the workspace. Out: calls and text.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

FILE = "hello.txt"
CONTENT = "hello\n"
SUBMIT = "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
"""The word that mini-swe-agent's prompt asks for."""

_PATHS = ("path", "file_path", "filePath", "absolute_path", "filename")
_CONTENTS = ("content", "contents", "file_text", "text")
_COMMANDS = ("command", "cmd")


class Call(msgspec.Struct, frozen=True):
    """A call as the model means it."""

    name: str
    arguments: dict[str, Any]

    @property
    def json(self) -> str:
        return json.dumps(self.arguments, ensure_ascii=False)

    @property
    def parameters(self) -> str:
        """The arguments in the XML form of Qwen3-Coder."""
        return "".join(
            f"<parameter={key}>\n{value if isinstance(value, str) else json.dumps(value)}\n"
            "</parameter>\n"
            for key, value in self.arguments.items()
        )


def declared(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Name and schema of each tool of a chat request."""
    tools = body.get("tools") or ()
    functions = [tool["function"] for tool in tools if tool.get("type") == "function"]
    return {each["name"]: each.get("parameters") or {} for each in functions}


def writes(body: dict[str, Any], workspace: Path) -> Call | None:
    """The call that does the task: a tool that writes files, else a command."""
    for name, schema in declared(body).items():
        known = schema.get("properties") or {}
        path = next((key for key in _PATHS if key in known), None)
        content = next((key for key in _CONTENTS if key in known), None)
        if path and content:
            meant = {path: str(workspace / FILE), content: CONTENT}
            return Call(name, {**meant, **_rest(schema, meant)})
    return runs(body, f"printf 'hello\\n' > {workspace / FILE}")


def runs(body: dict[str, Any], command: str) -> Call | None:
    """The call that runs a command."""
    for name, schema in declared(body).items():
        known = schema.get("properties") or {}
        for key in _COMMANDS:
            if key in known:
                words = ["bash", "-lc", command]
                value = words if known[key].get("type") == "array" else command
                return Call(name, {key: value, **_rest(schema, {key: value})})
    return None


def written(workspace: Path) -> bool:
    """Does the task look done to the model? What stands in the file it does not check."""
    path = workspace / FILE
    return path.is_file() and path.stat().st_size > 0


def listing() -> str:
    """The edit for a client that takes whole files from text."""
    return f"I will create the file.\n\n{FILE}\n```\n{CONTENT}```\n"


def _rest(schema: dict[str, Any], meant: dict[str, Any]) -> dict[str, Any]:
    """Plausible values for what else is required."""
    known = schema.get("properties") or {}
    wanted = [key for key in schema.get("required") or () if key not in meant]
    return {key: _plausible(known.get(key) or {}) for key in wanted}


def _plausible(schema: dict[str, Any]) -> Any:
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    values = {"boolean": False, "integer": 30, "number": 30, "array": [], "object": {}}
    return values.get(str(kind), "Create the file")
