"""The words that dinghy was trained on: system prompt, tools, results, what a test run prints.

Frozen: a weight file is only as good as the harness that speaks these exact words to it.
"""

from __future__ import annotations

SYSTEM = "You are a coding agent in a workspace. Use the tools. Run the tests before you finish."
CHAT_SYSTEM = "You are a coding assistant."

TOOLS: dict[str, tuple[str, ...]] = {
    "read_file": ("path",),
    "write_file": ("path", "content"),
    "edit_file": ("path", "old", "new"),
    "run_command": ("command",),
    "finish": ("summary",),
}
"""Tools and their parameters, in the order in which they are offered."""

TEST_COMMAND = "pytest"


def missing(path: str) -> str:
    return f"error: no such file: {path}"


def wrote(path: str) -> str:
    return f"wrote {path}"


def edited(path: str) -> str:
    return f"edited {path}"


def not_found(path: str) -> str:
    return f"error: old text not found in {path}"


def ambiguous(path: str, count: int) -> str:
    return f"error: old text occurs {count} times in {path}"


def ran(output: str, code: int) -> str:
    """A command's output, then its exit code on a line of its own."""
    gap = "" if not output or output.endswith("\n") else "\n"
    return f"{output}{gap}exit code {code}"
