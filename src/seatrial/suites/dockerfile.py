"""A small subset of the Dockerfile language: enough to lay out a workspace without a builder.

FROM, WORKDIR, COPY, ADD of local files, ENV and ARG are understood; RUN is noted and never
executed; the rest is noted as ignored. In: the text. Out: a frozen `Dockerfile` of the last stage.
"""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from seatrial.core.errors import TaskError


@dataclass(frozen=True)
class Copy:
    """One COPY: sources relative to the build context, an absolute target.

    `into` says that the target is a folder that files are put into under their own names.
    """

    sources: tuple[str, ...]
    target: str
    into: bool


@dataclass(frozen=True)
class Dockerfile:
    """What the last stage of a Dockerfile says."""

    base: str
    workdir: str
    copies: tuple[Copy, ...]
    env: tuple[tuple[str, str], ...]
    runs: tuple[str, ...]
    ignored: tuple[str, ...]


@dataclass
class _Stage:
    base: str = ""
    workdir: str = "/"
    folders: set[str] = field(default_factory=set)
    copies: list[Copy] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    def expand(self, text: str) -> str:
        """`$NAME`, `${NAME}` and `${NAME:-default}`; what is unknown becomes empty."""
        known = {**self.arguments, **self.env}

        def value(found: re.Match[str]) -> str:
            return known.get(found["name"] or found["plain"], found["default"] or "")

        return _VARIABLE.sub(value, text)


_Handler = Callable[[_Stage, str], None]

_VARIABLE = re.compile(r"\$(?:\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}|(?P<plain>[A-Za-z_]\w*))")
_HEREDOC = re.compile(r"<<-?\s*([\"']?)(\w+)\1")


def parse(text: str) -> Dockerfile:
    """Read a Dockerfile.

    Raises:
        TaskError: there is no FROM, or an instruction lacks its arguments.
    """
    stage = _Stage()
    before: dict[str, str] = {}
    started = False
    for word, rest in _instructions(text):
        if word == "FROM":
            stage = _Stage(arguments=dict(before))
            started = True
        elif not started and word == "ARG":
            _arg(stage, rest)
            before = dict(stage.arguments)
            continue
        elif not started:
            raise TaskError(f"Dockerfile: {word} comes before FROM")
        _HANDLERS.get(word, _other(word))(stage, rest)
    if not started:
        raise TaskError("Dockerfile: there is no FROM")
    return Dockerfile(
        base=stage.base,
        workdir=stage.workdir,
        copies=tuple(stage.copies),
        env=tuple(stage.env.items()),
        runs=tuple(stage.runs),
        ignored=tuple(stage.ignored),
    )


def _instructions(text: str) -> list[tuple[str, str]]:
    """Whole instructions: continued lines joined, comments dropped, heredocs attached."""
    found: list[tuple[str, str]] = []
    lines = iter(text.splitlines())
    for line in lines:
        whole = line.strip()
        if not whole or whole.startswith("#"):
            continue
        while whole.endswith("\\"):
            following = next(lines, "").strip()
            # A comment line inside a continued instruction is no part of it.
            whole = whole if following.startswith("#") else f"{whole[:-1].rstrip()} {following}"
        word, _, rest = whole.partition(" ")
        if word.upper() in ("RUN", "COPY", "ADD"):
            for mark in _HEREDOC.finditer(rest):
                rest += "\n" + "\n".join(_until(lines, mark[2]))
        found.append((word.upper(), rest.strip()))
    return found


def _until(lines: Iterator[str], mark: str) -> list[str]:
    body = []
    for line in lines:
        if line.strip() == mark:
            break
        body.append(line)
    return body


def _from(stage: _Stage, rest: str) -> None:
    words = [word for word in stage.expand(rest).split() if not word.startswith("--")]
    if not words:
        raise TaskError("Dockerfile: FROM names no image")
    stage.base = words[0]


def _workdir(stage: _Stage, rest: str) -> None:
    if not rest:
        raise TaskError("Dockerfile: WORKDIR names no folder")
    stage.workdir = _absolute(stage, stage.expand(rest.strip("\"'")))
    stage.folders.add(stage.workdir)


def _absolute(stage: _Stage, path: str) -> str:
    # Joined to the root first, so that no amount of ".." leaves it.
    return "/" + posixpath.normpath(posixpath.join("/", stage.workdir, path)).lstrip("/")


def _env(stage: _Stage, rest: str) -> None:
    name, _, value = rest.partition(" ")
    if "=" not in name:
        if not name:
            raise TaskError("Dockerfile: ENV names no variable")
        stage.env[name] = stage.expand(value.strip())
        return
    for word in _words(rest):
        key, _, part = word.partition("=")
        if key:
            stage.env[key] = stage.expand(part)


def _arg(stage: _Stage, rest: str) -> None:
    for word in _words(rest):
        name, _, value = word.partition("=")
        if value or name not in stage.arguments:
            stage.arguments[name] = stage.expand(value)


def _copy(stage: _Stage, rest: str) -> None:
    flags, paths = _copied(rest)
    if any(flag.startswith("--from") for flag in flags) or "<<" in rest or "://" in rest:
        stage.ignored.append(f"COPY {rest}")
        return
    if len(paths) < 2:
        raise TaskError(f"Dockerfile: COPY needs a source and a target: {rest!r}")
    *sources, target = [stage.expand(path) for path in paths]
    absolute = _absolute(stage, target)
    # Every WORKDIR exists by then, and a file copied to a folder goes into it.
    into = target.endswith("/") or absolute in stage.folders or len(sources) > 1
    stage.copies.append(Copy(tuple(sources), absolute, into))


def _copied(rest: str) -> tuple[list[str], list[str]]:
    words = _words(rest)
    flags = [word for word in words if word.startswith("--")]
    plain = rest
    for flag in flags:
        plain = plain.replace(flag, "", 1)
    if plain.lstrip().startswith("["):
        try:
            listed = json.loads(plain)
        except ValueError:
            raise TaskError(f"Dockerfile: broken list in COPY: {rest!r}") from None
        return flags, [str(path) for path in listed]
    return flags, [word for word in words if not word.startswith("--")]


def _words(rest: str) -> list[str]:
    try:
        return shlex.split(rest)
    except ValueError:
        return rest.split()


def _run(stage: _Stage, rest: str) -> None:
    stage.runs.append(rest)


def _other(word: str) -> _Handler:
    return lambda stage, rest: stage.ignored.append(f"{word} {rest}".strip())


_HANDLERS: dict[str, _Handler] = {
    "FROM": _from,
    "WORKDIR": _workdir,
    "COPY": _copy,
    "ADD": _copy,
    "ENV": _env,
    "ARG": _arg,
    "RUN": _run,
}
