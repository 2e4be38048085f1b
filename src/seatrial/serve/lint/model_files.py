"""The headers of the model files that settings name, where they lie on this machine.

Only what llama.cpp loads, only by a path that means the same file here: an absolute one, or a
relative one of a command line that is typed here. A file that cannot be read never fails a lint.
In: `ServerConfig`s. Out: headers by the name as it is written, and why others were left out.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from seatrial.core.errors import UserError
from seatrial.serve.gguf import GgufHeader, read_header
from seatrial.serve.lint.subject import ServerConfig
from seatrial.serve.lint.windows import is_llama

MAX_FILES = 32
MAX_SECONDS = 5.0
"""A header is read in a tenth of a second; a file of many models must not cost a minute."""


def read_headers(
    servers: Iterable[ServerConfig], *, here: Path | None = None
) -> tuple[dict[str, GgufHeader], list[str]]:
    """Headers by the value of `model`, and a line for each file that was left out.

    `here` = the folder in which command lines are typed; None = relative paths mean nothing.
    """
    found: dict[str, GgufHeader] = {}
    notes: list[str] = []
    begun = time.monotonic()
    for named, path in _files(servers, here).items():
        if len(found) + len(notes) >= MAX_FILES or time.monotonic() - begun > MAX_SECONDS:
            notes.append("more model files are named; their headers were not read")
            break
        try:
            found[named] = read_header(path)
        except UserError as error:
            notes.append(f"{error.message}: rules on the model file were left out")
    return found, notes


def _files(servers: Iterable[ServerConfig], here: Path | None) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for server in servers:
        named = server.get("model")
        if not isinstance(named, str) or not named.lower().endswith(".gguf"):
            continue
        path = _path(named, here if server.place.line is None else None)
        if path is not None and is_llama(server):
            found.setdefault(named, path)
    return found


def _path(named: str, here: Path | None) -> Path | None:
    try:
        path = Path(named).expanduser()
        if not path.is_absolute():
            path = here / path if here is not None else path
        return path if path.is_absolute() and path.is_file() else None
    except (OSError, ValueError, RuntimeError):  # no home, a zero byte, a name too long
        return None
