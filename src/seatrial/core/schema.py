"""Schema versions and canonical JSON: how this package writes and names what it stores.

Every file that is written carries `schema_version`. A writer writes one version, a reader takes
that one and older ones. Canonical JSON is what digests and arm ids are taken of.

In: msgspec structs and plain data. Out: bytes, digests, checked versions.
"""

from __future__ import annotations

import hashlib
from typing import TypeVar

import msgspec

from seatrial.core.errors import FormatError

TRACE_VERSION = 1
RESULT_VERSION = 1
LOCK_VERSION = 1
MANIFEST_VERSION = 1
PROBE_VERSION = 1
PROFILE_VERSION = 1
REPORT_VERSION = 1

_canonical_encoder = msgspec.json.Encoder(order="sorted")


def canonical_json(value: object) -> bytes:
    """The one JSON form of `value`: keys sorted, no blanks, UTF-8."""
    return _canonical_encoder.encode(value)


def sha256_hex(data: bytes) -> str:
    """Hex SHA-256 of `data`, 64 characters."""
    return hashlib.sha256(data).hexdigest()


def digest(value: object) -> str:
    """First 16 hex characters of the SHA-256 of the canonical JSON of `value`."""
    return sha256_hex(canonical_json(value))[:16]


def check_version(found: int, known: int, what: str) -> None:
    """Refuse a file that a newer Seatrial wrote.

    Raises:
        FormatError: `found` is newer than `known`, or not a version at all.
    """
    if found < 1 or found > known:
        raise FormatError(
            f"{what} has schema version {found}, this Seatrial reads 1 to {known}",
            hint="use the Seatrial that wrote it, or a newer one",
        )


T = TypeVar("T")


def decode_json(data: bytes | str, type_: type[T], what: str) -> T:
    """Decode `data` as `type_`; `what` names the file in the error.

    Raises:
        FormatError: not JSON, not UTF-8, nested without end, or not of this shape.
    """
    try:
        return msgspec.json.decode(data, type=type_)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise FormatError(f"{what}: {error}") from error
