"""The INI file of a llama-server router: one `ServerConfig` for each section.

A key is a flag without its dashes, long or short, or its environment variable (common/preset.cpp
of llama.cpp); `[*]` holds for every section, a section is stronger, and the router's own command
line is strongest (tools/server/README.md). In: text. Out: `ServerConfig`s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from seatrial.core.errors import UserError
from seatrial.serve.lint.readers.flags import HIDDEN, SECRETS, Row, value_of
from seatrial.serve.lint.readers.llama_flags import LLAMA_SERVER, REMOVED
from seatrial.serve.lint.subject import Place, ServerConfig, Setting

_SECTION = re.compile(r"[ \t]*\[([^\]\n]+)\][ \t]*(?:[;#].*)?")
_PAIR = re.compile(r"[ \t]*([A-Za-z][\w.-]*)[ \t]*=[ \t]*(.*)")
_ANY_KEY = frozenset({"version", "load-on-startup", "stop-timeout", "dedicated-gpu"})
"""Keys of the router itself, no flags."""
_OF_ROUTER = frozenset(
    {"models-preset", "models-dir", "models-max", "models-autoload", "host", "port", "api-key",
     "api-key-file", "ssl-key-file", "ssl-cert-file"}
)  # fmt: skip
ALL = "*"


class _Section:
    """One section while it is read."""

    def __init__(self, line: int) -> None:
        self.line = line
        self.options: dict[str, Setting] = {}
        self.unknown: list[Setting] = []


def is_presets(text: str) -> bool:
    """Whether a section of this INI text sets flags of llama-server."""
    section = None
    for content in text.split("\n"):
        match = _SECTION.fullmatch(content.rstrip("\r"))
        if match is not None:
            section = match[1]
        pair = _PAIR.fullmatch(content.rstrip("\r"))
        if section is not None and pair is not None and _row(pair[1]) is not None:
            return True
    return False


def own_options(command: Mapping[str, Setting]) -> dict[str, Setting]:
    """What of the router's command line its models get: all but where and what it lists."""
    return {name: one for name, one in command.items() if name not in _OF_ROUTER}


def read_presets(text: str, source: str) -> list[ServerConfig]:
    """Every model of the file.

    Raises:
        UserError: a line that is neither a section nor a setting, or a section that stands twice.
    """
    sections = _sections(text, source)
    shared = sections.pop(ALL, _Section(1))
    if not sections:
        raise UserError(
            f"{source}: no model", hint="each model is a section: [name], then its settings"
        )
    return [
        ServerConfig(
            family="llama.cpp-router",
            name=name,
            place=Place(source, section.line),
            options={**shared.options, **section.options},
            unknown=(*shared.unknown, *section.unknown),
        )
        for name, section in sections.items()
    ]


def _sections(text: str, source: str) -> dict[str, _Section]:
    found: dict[str, _Section] = {}
    current = _Section(1)
    for line, raw in enumerate(text.split("\n"), 1):
        content = raw.rstrip("\r")
        bare = content.strip()
        if not bare or bare[0] in ";#":
            continue
        match = _SECTION.fullmatch(content)
        if match is not None:
            name = match[1].strip()
            if name in found:
                raise UserError(
                    f"{source}, line {line}: [{name[:80]}] stands twice, first in line "
                    f"{found[name].line}",
                    hint="join the two sections",
                )
            current = found[name] = _Section(line)
            continue
        pair = _PAIR.fullmatch(content)
        if pair is None:
            raise UserError(
                f"{source}, line {line}: {bare[:60]!r} is no setting",
                hint="write `key = value`, with flags of llama-server as keys",
            )
        _take(current, pair[1], pair[2].strip(), Place(source, line), bare)
    return found


def _take(section: _Section, key: str, value: str, place: Place, written: str) -> None:
    if key in _ANY_KEY:
        return
    row = _row(key)
    if row is None:
        flag = f"--{key}" if f"--{key}" in REMOVED or len(key) > 1 else f"-{key}"
        section.unknown.append(Setting(flag, place, written))
    elif row.name in SECRETS:
        section.options[row.name] = Setting(HIDDEN, place, f"{key} = {HIDDEN}")
    else:
        section.options[row.name] = Setting(value_of(row, value), place, written)


def _row(key: str) -> Row | None:
    for spelling in (f"--{key}", f"-{key}"):
        row = LLAMA_SERVER.row(spelling)
        if row is not None:
            return row
    return LLAMA_SERVER.env.get(key)
