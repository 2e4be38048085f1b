"""`manifest.json` and `result.json` as types on disk: what a run is, and how an attempt went.

Not the run folder itself (see `run`). In: a path. Out: a checked value.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from seatrial.core.config import RunSpec
from seatrial.core.errors import FormatError
from seatrial.core.result import Result
from seatrial.core.schema import MANIFEST_VERSION, RESULT_VERSION
from seatrial.store.files import read_versioned
from seatrial.store.layout import RESULT, Slot


class SuiteRecord(msgspec.Struct, frozen=True):
    """The suite as it was when the run was made."""

    path: str = ""
    digest: str = ""
    tasks: dict[str, str] = {}
    """Task name to task digest."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """`manifest.json`: written once, when the run is made."""

    schema_version: int = MANIFEST_VERSION
    run: str
    created: str
    """UTC, ISO 8601."""
    seatrial: str
    """Version that made the run."""
    spec: RunSpec
    spec_digest: str
    suite: SuiteRecord


def read_result(folder: Path) -> Result | None:
    """The result in an attempt's folder; None = unfinished.

    Raises:
        FormatError: broken, or of a newer Seatrial.
    """
    file = folder / RESULT
    return read_versioned(file, Result, RESULT_VERSION) if file.exists() else None


def slot_result(run: Path, slot: Slot) -> Result | None:
    """The result of `slot` in the run folder `run`; None = unfinished.

    Raises:
        FormatError: broken, of a newer Seatrial, or the result of another trial.
    """
    folder = slot.below(run)
    result = read_result(folder)
    if result is not None and Slot.of(result) != slot:
        raise FormatError(f"{folder / RESULT} is the result of another trial: {Slot.of(result)}")
    return result
