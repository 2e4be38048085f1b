"""What the harness has to know of a client: where it comes from, how it is started and read.

Types only. A client module gives one `Client`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

MODEL = "scripted"
CONTEXT_TOKENS = 131_072
"""What the client believes; the server holds less."""
OUTPUT_TOKENS = 8_192
TASK = (
    "Create the file hello.txt in the current folder. It must contain exactly `hello` "
    "and a newline at the end, nothing else."
)


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a client."""

    installed: Path
    """The folder of its packages."""
    home: Path
    workspace: Path
    url: str
    """Of the server, without `/v1`."""
    timeout_seconds: int | None = None
    """How long the client should wait for the server, where it can be told."""


class Command(msgspec.Struct, frozen=True):
    """What to start in the workspace."""

    words: tuple[str, ...]
    environment: dict[str, str] = {}


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """What a client left behind."""

    returncode: int | None
    """None = it did not end by itself."""
    stdout: str
    stderr: str
    home: Path


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How the client says that it ended."""

    failed: bool
    """Does a caller learn that the task failed: an exit code, or an error record?"""
    word: str
    answer: str = ""
    """Its last words."""


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """One real client."""

    id: str
    installer: Literal["npm", "pip"]
    packages: tuple[str, ...]
    program: str
    """Inside the folder of its packages; there if it is installed."""
    command: Callable[[Setup], Command]
    ending: Callable[[Ran], Ending]
    edits_text: bool = False
    """It declares no tools and takes edits from the text."""
    speaks_responses: bool = False
    """It speaks `/v1/responses` and nothing else."""


def json_lines(text: str) -> list[dict[str, Any]]:
    """The objects among the lines; whatever else stands there is skipped."""
    found = []
    for line in text.split("\n"):
        if line.startswith("{"):
            try:
                value = msgspec.json.decode(line)
            except msgspec.DecodeError:
                continue
            if isinstance(value, dict):
                found.append(value)
    return found
