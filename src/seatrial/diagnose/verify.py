"""Which commands of an agent check its own work, and what such a check said.

Not the oracle, and not the task's verifier, which the trace does not name: a recogniser for the
commands by which agents test what they did. Only the program that is run counts, never a file
name or a word inside a command that prints or edits something.
"""

from __future__ import annotations

import re

import msgspec

from seatrial.core.trace import Tool
from seatrial.diagnose.facts import VerifyState

_COMMAND_KEYS = ("command", "cmd", "script")
_TOOL_NAMES = re.compile(r"^(?:run_)?(?:tests?|checks?|verify)$")
_START = r"(?:^|[;&|\n(])\s*(?:\w+=\S*\s+)*(?:timeout\s+\S+\s+)?"
_RUNNERS = (
    r"(?:python3?|uv run|poetry run)\s+-m\s+(?:pytest|unittest)\b"
    r"|(?:uv run\s+|poetry run\s+)?(?:pytest|py\.test|tox|ctest|nose2)\b"
    r"|(?:go|cargo|dotnet)\s+test\b|(?:mvn|gradle|\./mvnw|\./gradlew)\s[^;&|\n]*\btest"
    r"|(?:npm|yarn|pnpm)\s+(?:run\s+)?test\b|make\s+(?:test|check)\b"
    r"|(?:python3?|bash|sh|node)\s+(?!-)\S*(?:test|check|verify)\S*"
    r"|\./\S*(?:test|check|verify)\S*"
)
_VERIFIER = re.compile(_START + "(?:" + _RUNNERS + ")")

_BLOCKED_EXITS = (126, 127)
_FAILED_WORDS = re.compile(r"^(?:FAILED\b|FAIL:|--- FAIL|E  )|\b[1-9]\d* failed\b", re.MULTILINE)


def is_verifier(tool: str, arguments: str) -> bool:
    """Whether the call runs tests or a checking script."""
    if _TOOL_NAMES.match(tool):
        return True
    try:
        decoded = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, UnicodeError):
        return False
    if not isinstance(decoded, dict):
        return False
    commands = (decoded.get(key) for key in _COMMAND_KEYS)
    return any(isinstance(text, str) and _VERIFIER.search(text) for text in commands)


def verdict_of(tool: Tool) -> VerifyState:
    """What a verifier's run said; its words count where a pipe hides the exit status."""
    if tool.exit is None or tool.exit in _BLOCKED_EXITS:
        return "blocked"
    failed = tool.exit != 0 or _FAILED_WORDS.search(tool.output)
    return "failed" if failed else "passed"
