"""Reads Harbor task folders, ours and others', leniently where the format is.

What it does not understand it keeps in `metadata` or leaves alone; what would make a run
meaningless is one clear `TaskError`. Nothing is executed. In: a folder. Out: frozen `Task`s.
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seatrial.core.errors import Boundary, TaskError, boundary
from seatrial.suites.dockerfile import Dockerfile, parse

DEFAULT_VERIFIER_TIMEOUT_S = 600.0
NETWORK_MODES = ("public", "no-network")


@dataclass(frozen=True)
class Placement:
    """A file, or the contents of a folder, that the workspace starts with.

    A folder's contents go into `target`; a file becomes `target`.
    """

    source: Path
    target: str


@dataclass(frozen=True)
class Task:
    """One task folder."""

    path: Path
    id: str
    name: str
    instruction: str
    family: str
    metadata: Mapping[str, object]
    agent_timeout_s: float | None
    verifier_timeout_s: float
    network_mode: str
    workdir: str
    workspace: tuple[Placement, ...]
    dockerfile: Dockerfile | None
    digest: str
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def tests(self) -> Path:
        return self.path / "tests"

    @property
    def solution(self) -> Path | None:
        """The folder of the reference solution, where there is one."""
        folder = self.path / "solution"
        return folder if (folder / "solve.sh").is_file() else None


def load_suite(folder: Path) -> list[Task]:
    """Every task in a folder of task folders, by name; or the one task that the folder is.

    Raises:
        TaskError: there is no task, or one of them is broken.
    """
    if _looks_like_task(folder):
        return [load_task(folder)]
    if not folder.is_dir():
        raise TaskError(f"{folder}: no such folder", hint="seatrial suite make writes one")
    found = sorted(path for path in folder.iterdir() if _looks_like_task(path))
    if not found:
        raise TaskError(f"{folder}: no task in here", hint="a task is a folder with a task.toml")
    return [load_task(path) for path in found]


def _looks_like_task(path: Path) -> bool:
    return (path / "task.toml").is_file() or (path / "instruction.md").is_file()


def load_task(folder: Path) -> Task:
    """Read one task folder.

    Raises:
        TaskError: the folder is no complete task, reaches outside of itself, or is closed to us.
    """
    if not folder.is_dir():
        raise TaskError(f"{folder}: no such folder", hint="a task is a folder with a task.toml")
    with boundary(Boundary.TASK, str(folder)):
        return _load(folder)


def _load(folder: Path) -> Task:
    _check_files(folder)
    table = _read_toml(folder)
    instruction = _read_instruction(folder)
    if not (folder / "tests" / "test.sh").is_file():
        raise TaskError(f"{folder}: no tests/test.sh", hint="it has to write the reward")
    environment = folder / "environment"
    if not environment.is_dir():
        raise TaskError(f"{folder}: no environment folder", hint="it holds the Dockerfile")
    settings = _section(folder, table, "environment")
    metadata = _section(folder, table, "metadata")
    dockerfile = _read_dockerfile(folder)
    workdir = str(settings.get("workdir") or (dockerfile.workdir if dockerfile else "/app"))
    verifier = _seconds(folder, table, "verifier")
    return Task(
        path=folder,
        id=folder.resolve().name,
        name=str(_section(folder, table, "task").get("name") or folder.resolve().name),
        instruction=instruction,
        family=str(metadata.get("family") or metadata.get("category") or ""),
        metadata=metadata,
        agent_timeout_s=_seconds(folder, table, "agent"),
        verifier_timeout_s=DEFAULT_VERIFIER_TIMEOUT_S if verifier is None else verifier,
        network_mode=_network_mode(folder, settings),
        workdir=workdir,
        workspace=_workspace(folder, dockerfile, workdir),
        dockerfile=dockerfile,
        digest=digest(folder),
        env=dict(dockerfile.env) if dockerfile else {},
    )


def digest(folder: Path) -> str:
    """SHA-256 over the sorted relative paths and the bytes of every file."""
    total = hashlib.sha256()
    for path in _files(folder):
        name = path.relative_to(folder).as_posix().encode()
        data = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
        # Lengths keep two different trees from running together into the same bytes.
        total.update(f"{len(name)}:{len(data)}:".encode())
        total.update(name)
        total.update(data)
    return total.hexdigest()


def _files(folder: Path) -> list[Path]:
    """Files and links, sorted; what the interpreter leaves behind does not count."""
    found = []
    for base, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        links = [name for name in folders if (Path(base) / name).is_symlink()]
        found += [Path(base) / name for name in (*names, *links)]
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def _check_files(folder: Path) -> None:
    root = folder.resolve()
    for path in _files(folder):
        if not (path.is_symlink() or path.is_file()):
            # Reading a pipe would never return.
            raise TaskError(f"{folder}: {path.relative_to(folder)} is neither a file nor a link")
        if path.is_symlink() and not path.resolve().is_relative_to(root):
            raise TaskError(
                f"{folder}: {path.relative_to(folder)} is a link that leaves the task",
                hint="replace the link by a copy",
            )


def _read_toml(folder: Path) -> dict[str, object]:
    path = folder / "task.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TaskError(f"{folder}: no task.toml", hint="it may be nearly empty") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TaskError(f"{path}: {error}", hint="task.toml has to be TOML in UTF-8") from error


def _read_instruction(folder: Path) -> str:
    path = folder / "instruction.md"
    if not path.is_file():
        steps = (folder / "steps").is_dir()
        hint = "tasks of several steps are not supported" if steps else "it is what the agent reads"
        raise TaskError(f"{folder}: no instruction.md", hint=hint)
    try:
        text = _without_canary(path.read_text(encoding="utf-8")).strip()
    except UnicodeDecodeError as error:
        raise TaskError(f"{path}: {error}", hint="it has to be UTF-8") from error
    if not text:
        raise TaskError(f"{path}: the instruction is empty")
    return text


def _without_canary(text: str) -> str:
    """Drop the leading comment lines with which benchmarks mark their files for crawlers."""
    lines = text.splitlines()
    while lines and (not lines[0].strip() or _CANARY.match(lines[0])):
        lines.pop(0)
    return "\n".join(lines)


_CANARY = re.compile(r"\s*(#|<!--).*canary", re.IGNORECASE)


def _section(folder: Path, table: Mapping[str, object], name: str) -> dict[str, object]:
    section = table.get(name, {})
    if not isinstance(section, dict):
        raise TaskError(f"{folder / 'task.toml'}: {name} has to be a table")
    return section


def _seconds(folder: Path, table: Mapping[str, object], name: str) -> float | None:
    value = _section(folder, table, name).get("timeout_sec")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise TaskError(
            f"{folder / 'task.toml'}: {name}.timeout_sec is {value!r}",
            hint="it has to be a number of seconds above 0",
        )
    return float(value)


def _network_mode(folder: Path, settings: Mapping[str, object]) -> str:
    """No network unless the task asks for it: Harbor's own default is the opposite."""
    if "network_mode" not in settings:
        return "public" if settings.get("allow_internet") is True else "no-network"
    mode = settings["network_mode"]
    if mode == "allowlist":
        raise TaskError(
            f"{folder / 'task.toml'}: network_mode allowlist is not supported yet",
            hint="with no-network the task runs offline, with public without any limit",
        )
    if mode not in NETWORK_MODES:
        raise TaskError(
            f"{folder / 'task.toml'}: network_mode is {mode!r}",
            hint=f"one of {', '.join(NETWORK_MODES)}",
        )
    return str(mode)


def _read_dockerfile(folder: Path) -> Dockerfile | None:
    path = folder / "environment" / "Dockerfile"
    if not path.is_file():
        return None
    try:
        return parse(path.read_text(encoding="utf-8"))
    except TaskError as error:
        raise TaskError(f"{folder}: {error.message}", hint=error.hint) from error
    except UnicodeDecodeError as error:
        raise TaskError(f"{path}: {error}", hint="it has to be UTF-8") from error


def _workspace(folder: Path, dockerfile: Dockerfile | None, workdir: str) -> tuple[Placement, ...]:
    environment = folder / "environment"
    if dockerfile is None:
        # Without a Dockerfile the image is ready-made and the folder is its workspace.
        return (Placement(environment, workdir),)
    placed: list[Placement] = []
    for copy in dockerfile.copies:
        for name in copy.sources:
            for source in _sources(folder, environment, name):
                into = copy.into and source.is_file()
                target = f"{copy.target.rstrip('/')}/{source.name}" if into else copy.target
                placed.append(Placement(source, target))
    return tuple(placed)


def _sources(folder: Path, environment: Path, name: str) -> list[Path]:
    relative = name.lstrip("/") or "."
    if ".." in Path(relative).parts:
        raise TaskError(f"{folder}: COPY {name} leaves the task", hint="copy from environment/")
    if any(mark in relative for mark in "*?["):
        found = sorted(environment.glob(relative))
    else:
        found = [environment / relative] if (environment / relative).exists() else []
    if not found:
        raise TaskError(f"{folder}: COPY {name}: no such file in environment/")
    return found
