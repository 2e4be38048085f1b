"""Seatrial's extension for pi: its text with some factors off, and what stands in a home of pi.

The file carries the digest of its own text, so that one that a person edited is told from one
that an older Seatrial wrote. In: pi's folder, factors. Out: a file of pi's, or none; what was
found and done.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Literal

import msgspec

from seatrial.core.errors import Boundary, UserError, boundary
from seatrial.store import write_atomic

FACTORS = ("pin", "verify", "length")
"""pin: the task in every compaction · verify: one question before an unchecked end · length: a
word after a cut answer."""

HOME_VARIABLE = "PI_CODING_AGENT_DIR"
_NAME = "extensions/seatrial.ts"
_HEADER = "// Installed by Seatrial; `seatrial client remove pi` takes it away. sha256 "
_SIGNED = re.compile(re.escape(_HEADER) + r"([0-9a-f]{64})\n(.*)", re.DOTALL)
_SWITCHES = re.compile(r"^const FACTORS = \{(.*)\};$", re.MULTILINE)

State = Literal["absent", "current", "other version", "edited", "foreign"]
"""current: as this Seatrial writes it · other version: as another one wrote it · edited: ours, but
changed since · foreign: not ours."""


Action = Literal["written", "replaced", "removed", "restored", "nothing"]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What stands where the extension belongs."""

    path: Path
    state: State
    factors: tuple[str, ...] = ()
    """Those that are on."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to a file, or would be."""

    path: Path
    action: Action
    note: str = ""


@contextmanager
def touching(doing: str) -> Iterator[None]:
    """Name what was being done to a file when it failed, and what the user can do.

    Raises:
        UserError: it may not be touched, or is no file.
        InfraError: the disk is full or broken.
    """
    try:
        with boundary(Boundary.USER, doing):
            yield
    except UserError as error:
        error.hint = error.hint or "see who owns the folder, or name another with --home"
        raise


def home_of(given: Path | None, environment: Mapping[str, str]) -> Path:
    """The folder in which pi looks: the given one, else as pi finds it.

    Raises:
        UserError: there is no such folder.
    """
    home = given or Path(environment.get(HOME_VARIABLE) or "~/.pi/agent").expanduser()
    if not home.is_dir():
        hint = "start pi once, or name its folder with --home"
        raise UserError(f"no folder of pi at {home}", hint=hint)
    return home


def text_of(factors: tuple[str, ...]) -> bytes:
    """The extension with these factors on, signed."""
    switches = ", ".join(f"{name}: {str(name in factors).lower()}" for name in FACTORS)
    plain = files("seatrial.gateway.pi").joinpath("extension.ts").read_text("utf-8")
    body = _SWITCHES.sub(f"const FACTORS = {{ {switches} }};", plain, count=1)
    return f"{_HEADER}{_digest(body)}\n{body}".encode()


def look(home: Path) -> Found:
    """What stands there.

    Raises:
        UserError: it cannot be read.
    """
    path = home / _NAME
    if path.is_symlink():  # We write none, so the file behind it is somebody else's.
        return Found(path=path, state="foreign")
    if not path.exists():
        return Found(path=path, state="absent")
    with touching(f"read {path}"):
        text = path.read_bytes().decode("utf-8", "replace")
    signed = _SIGNED.fullmatch(text)
    if signed is None:
        return Found(path=path, state="foreign")
    digest, body = signed.groups()
    switches = _SWITCHES.search(body)
    factors = tuple(re.findall(r"(\w+): true", switches[1])) if switches else ()
    if digest != _digest(body):
        return Found(path=path, state="edited", factors=factors)
    same = text.encode() == text_of(factors)
    return Found(path=path, state="current" if same else "other version", factors=factors)


def install(home: Path, factors: tuple[str, ...], *, force: bool, dry_run: bool) -> Change:
    """Put the extension there, or nothing if it stands there like that.

    Raises:
        UserError: the file is not ours or was edited, and `force` is off; or the folder is not to
            be written.
        InfraError: the disk is full or broken.
    """
    found, text = look(home), text_of(factors)
    path = found.path
    if found.state == "current" and found.factors == factors:
        return Change(path=path, action="nothing", note="it stands there already")
    _allowed(found, force, "overwrites it")
    if not dry_run:
        with touching(f"write {path}"):
            path.parent.mkdir(exist_ok=True)
            if path.is_symlink():
                path.unlink()
            write_atomic(path, text)
    action: Action = "written" if found.state == "absent" else "replaced"
    return Change(path=path, action=action, note=_lost(found))


def remove(home: Path, *, force: bool, dry_run: bool) -> Change:
    """Take the extension away, and its folder if nothing else is in it.

    Raises:
        UserError: the file is not ours or was edited, and `force` is off; or it cannot be removed.
    """
    found = look(home)
    if found.state == "absent":
        return Change(path=found.path, action="nothing", note="it is not there")
    _allowed(found, force, "removes it")
    if not dry_run:
        with touching(f"remove {found.path}"):
            found.path.unlink()
            if not any(found.path.parent.iterdir()):
                found.path.parent.rmdir()
    return Change(path=found.path, action="removed", note=_lost(found))


def _allowed(found: Found, force: bool, does: str) -> None:
    why = {"edited": "was edited since it was installed", "foreign": "was not written by Seatrial"}
    if found.state in why and not force:
        raise UserError(f"{found.path} {why[found.state]}", hint=f"--force {does}")


def _lost(found: Found) -> str:
    return f"it was {found.state}" if found.state in ("edited", "foreign") else ""


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()
