"""Whole files: written at once or not at all, read with their schema version checked.

Not for files that grow (see `appendlog`). In: bytes or a type. Out: a file that a kill or a full
disk at any instant leaves either as it was or complete.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import msgspec

from seatrial.core.errors import Boundary, FormatError, attribute
from seatrial.core.schema import check_version

T = TypeVar("T")

DECODING_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises on hostile bytes: broken JSON, broken UTF-8, nesting without end."""


class _Versioned(msgspec.Struct):
    schema_version: int


def write_atomic(path: Path, data: bytes) -> None:
    """Put `data` at `path`: temporary file beside it, fsync, rename, fsync of the folder.

    Raises:
        InfraError: the disk is full or broken; what stood at `path` still stands.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise attribute(error, Boundary.INFRA, f"write {path}") from error


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` last through a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def read_versioned(path: Path, type_: type[T], known_version: int) -> T:
    """The JSON file at `path` as `type_`.

    Raises:
        FormatError: missing, not JSON, not of this shape, or written by a newer Seatrial.
        InfraError: the file is there and cannot be read.
    """
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise FormatError(f"{path}: no such file") from None
    except OSError as error:
        raise attribute(error, Boundary.INFRA, f"read {path}") from error
    try:
        # The version first: a newer file may have another shape, and its version says so best.
        check_version(
            msgspec.json.decode(data, type=_Versioned).schema_version, known_version, str(path)
        )
        return msgspec.json.decode(data, type=type_)
    except DECODING_ERRORS as error:
        raise FormatError(f"{path}: {error}") from error
