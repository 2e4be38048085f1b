"""A profile: the prompt, tools, texts, wire and caps that an agent uses with a model.

A small model is trained on one exact wording; its profile freezes that wording, and later
changes to the agent's defaults do not touch it. In: a TOML file. Out: a typed value whose
digest stands in the lock.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any, Literal

import msgspec

from seatrial.core.errors import UserError
from seatrial.core.generation import Caps
from seatrial.core.message import ToolSchema
from seatrial.core.schema import PROFILE_VERSION, digest
from seatrial.core.trace import Wire

Operation = Literal["read_file", "write_file", "edit_file", "run_command", "finish"]

_ARGUMENTS: dict[Operation, frozenset[str]] = {
    "read_file": frozenset({"path"}),
    "write_file": frozenset({"path", "content"}),
    "edit_file": frozenset({"path", "old", "new"}),
    "run_command": frozenset({"command"}),
    "finish": frozenset(),
}
"""What a call must bring for its operation to run."""

_FIELDS: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        ("wrote", "edited", "no_file", "not_text", "outside", "old_missing"), frozenset({"path"})
    ),
    "old_repeated": frozenset({"path", "count"}),
    "exit": frozenset({"exit"}),
    "killed": frozenset({"why"}),
    "cut": frozenset({"cut"}),
}
"""Which `{...}` fields a text may hold; a text that is not here is taken as it stands."""


class ProfileTool(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One tool as this profile words it; `operation` says what of ours it runs."""

    name: str
    operation: Operation
    description: str
    parameters: dict[str, Any]

    def schema(self) -> ToolSchema:
        return ToolSchema(self.name, self.description, self.parameters)


class Texts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the model is told in reply; `{...}` fields are filled in."""

    wrote: str
    edited: str
    no_file: str
    not_text: str
    outside: str
    old_missing: str
    old_repeated: str
    exit: str
    killed: str
    cut: str
    nudge: str
    """After a reply without a call."""
    cut_off: str
    """After a reply that reached the token cap."""


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One profile file."""

    schema_version: int
    name: str
    wire: Wire
    system: str
    tools: tuple[ProfileTool, ...]
    texts: Texts
    caps: Caps

    @property
    def schemas(self) -> tuple[ToolSchema, ...]:
        return tuple(tool.schema() for tool in self.tools)

    def digests(self) -> dict[str, str]:
        """What of it shapes a request: the digests that stand in a lock under `code`."""
        return {
            "prompt": digest(self.system),
            "tools": digest(self.schemas),
            "texts": digest(self.texts),
        }


def load_profile(path: Path) -> Profile:
    """Read a profile file.

    Raises:
        UserError: missing, not TOML, an unknown or missing key, a wrong type, a newer version,
            or a tool or text that the agent could not use.
    """
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"profile {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # TOML, UTF-8, numbers without end
        raise UserError(f"profile {path}: {error}") from None
    try:
        profile = msgspec.convert(tree, Profile)
    except msgspec.ValidationError as error:
        raise UserError(f"profile {path}: {error}") from None
    problem = next(_problems(profile), None)
    if problem is not None:
        raise UserError(f"profile {path}: {problem}")
    return profile


def _problems(profile: Profile) -> Iterator[str]:
    """What would break in the middle of a trial."""
    if not 1 <= profile.schema_version <= PROFILE_VERSION:
        yield f"schema version {profile.schema_version}, this Seatrial reads 1 to {PROFILE_VERSION}"
    names = [tool.name for tool in profile.tools]
    yield from (f"two tools are called {name}" for name in names if names.count(name) > 1)
    for tool in profile.tools:
        required = tool.parameters.get("required")
        given = required if isinstance(required, list) else []
        for name in sorted(_ARGUMENTS[tool.operation].difference(map(str, given))):
            yield f"tool {tool.name}: {tool.operation} needs {name} among its required parameters"
    for key, fields in _FIELDS.items():
        yield from (f"texts.{key}: {why}" for why in _misused(getattr(profile.texts, key), fields))


def _misused(text: str, fields: frozenset[str]) -> Iterator[str]:
    try:
        found = [field for _, field, _, _ in Formatter().parse(text) if field is not None]
    except ValueError as error:
        yield f"{error}; write {{{{ and }}}} for braces"
        return
    for field in found:
        if field not in fields:
            yield f"no field {{{field}}} here; there is {', '.join(sorted(fields))}"
