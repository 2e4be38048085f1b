"""The gateway as a provider in pi's `models.json`, among whatever else the user has there.

Only the provider named `seatrial` is touched, and only while it is as we write it. The file as it
was before is kept beside it. In: pi's folder, where the gateway is. Out: the file, changed.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from seatrial.core.errors import UserError
from seatrial.gateway.client_config import Setup, pi_provider
from seatrial.gateway.pi.extension import Change, touching
from seatrial.store import write_atomic

PROVIDER = "seatrial"
_PASTE = "paste the provider by hand; `seatrial gateway --upstream URL --config pi` prints it"


def add_provider(home: Path, setup: Setup, *, force: bool, dry_run: bool) -> Change:
    """Put the provider in; all others stay as they are.

    Raises:
        UserError: the file is no plain JSON, or has another provider of that name and `force` is
            off, or is not to be written.
    """
    path = _path(home)
    models, wanted = _read(path), pi_provider(setup)
    old = _providers(path, models).get(PROVIDER)
    if old == wanted:
        return Change(path=path, action="nothing", note="the provider stands there already")
    _allowed(path, old, force, "overwrites it")
    there = path.exists()
    note = f"as it was: {_backup(path).name}" if there else ""
    if not dry_run:
        with touching(f"write {path}"):
            if there and old is None:
                shutil.copy2(path, _backup(path))
            models.setdefault("providers", {})[PROVIDER] = wanted
            _write(path, models)
    return Change(path=path, action="replaced" if there else "written", note=note)


def remove_provider(home: Path, *, force: bool, dry_run: bool) -> Change:
    """Take the provider out; the bytes from before come back if nothing else changed since.

    Raises:
        UserError: as `add_provider`.
    """
    path = _path(home)
    if not path.exists():
        return Change(path=path, action="nothing", note="it is not there")
    models = _read(path)
    old = _providers(path, models).pop(PROVIDER, None)
    if old is None:
        return Change(path=path, action="nothing", note="it names no such provider")
    _allowed(path, old, force, "takes it out")
    backup = _backup(path)
    kept = backup.exists()
    before = _read(backup) if kept else {}
    bare = not before.get("providers")
    untouched = models == before or (bare and models == {**before, "providers": {}})
    if not dry_run:
        with touching(f"write {path}"):
            if not untouched:
                _write(path, models)
            elif kept:
                backup.replace(path)
            else:
                path.unlink()
    if not untouched:
        note = f"other entries changed since; as it was: {backup.name}" if kept else ""
        return Change(path=path, action="replaced", note=note)
    return Change(path=path, action="restored" if kept else "removed")


def _path(home: Path) -> Path:
    """Where the bytes are: a link to them stays a link."""
    return (home / "models.json").resolve()


def _backup(path: Path) -> Path:
    return path.with_name("models.json.before-seatrial")


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    with touching(f"read {path}"):
        data = path.read_bytes()
    try:
        found = json.loads(data)
    except ValueError:  # pi allows comments; they would be lost
        found = None
    if not isinstance(found, dict):
        raise UserError(f"{path} is no plain JSON object, so it is left alone", hint=_PASTE)
    return found


def _providers(path: Path, models: dict[str, Any]) -> dict[str, Any]:
    found = models.get("providers", {})
    if not isinstance(found, dict):
        raise UserError(f"{path}: `providers` is no object, so it is left alone", hint=_PASTE)
    return found


def _allowed(path: Path, old: object, force: bool, does: str) -> None:
    if old is not None and not _as_we_write(old) and not force:
        message = f"{path}: the provider `{PROVIDER}` is not as Seatrial writes it"
        raise UserError(message, hint=f"--force {does}")


def _as_we_write(provider: object) -> bool:
    """Whether it is what some setup gives."""
    if not isinstance(provider, dict):
        return False
    try:
        (model,) = provider["models"]
        key = provider["apiKey"]
        setup = Setup(
            url=provider["baseUrl"].removesuffix("/v1"),
            model=model["id"],
            window_tokens=model["contextWindow"],
            token_env=None if key == "none" else key.split(" ")[-1],
        )
        return bool(pi_provider(setup) == provider)
    except (KeyError, TypeError, ValueError, AttributeError):
        return False


def _write(path: Path, models: dict[str, Any]) -> None:
    """It may hold keys, so who may read it stays as it was."""
    text = json.dumps(models, indent=2, ensure_ascii=False) + "\n"
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    before = os.umask(0o077)
    try:
        write_atomic(path, text.encode())
    finally:
        os.umask(before)
    path.chmod(mode)
