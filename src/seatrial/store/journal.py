"""The journal of a run: what was done when, one line each, never rewritten.

For people and for listings that ask "did anything change"; nothing is decided from it that the
folders do not say themselves. In: an event's name and plain fields. Out: lines with version and
UTC time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from seatrial.core.errors import Boundary, attribute
from seatrial.core.schema import check_version
from seatrial.store.appendlog import AppendLog
from seatrial.store.files import DECODING_ERRORS

JOURNAL_VERSION = 1


def write_journal(log: AppendLog, event: str, fields: dict[str, object]) -> None:
    """Append one line.

    Raises:
        InfraError: the disk is full or broken; the journal so far stays whole.
    """
    head = {"schema_version": JOURNAL_VERSION, "at": now_utc(), "event": event}
    log.append(msgspec.json.encode(head | fields | head))


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a journal; one that a kill left torn is left out.

    Raises:
        FormatError: a newer Seatrial wrote it.
        InfraError: it cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise attribute(error, Boundary.INFRA, f"read {path}") from error
    for number, line in enumerate(data.split(b"\n"), start=1):
        try:
            entry = msgspec.json.decode(line, type=dict[str, Any])
        except DECODING_ERRORS:
            continue
        version = entry.get("schema_version")
        if isinstance(version, int):
            check_version(version, JOURNAL_VERSION, f"{path} line {number}")
            yield entry


def now_utc() -> str:
    """UTC now, ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
