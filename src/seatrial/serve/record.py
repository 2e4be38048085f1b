"""The attestation as a file: what was served, by what proof, closed with a digest over itself.

The digest shows that a record was changed or cut after it was written; it is no signature, and
whoever can write the file can close it again. In: an `Attestation`, or a file. Out: a `Record`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

import seatrial
from seatrial.core.errors import UnattestedError, UserError
from seatrial.core.schema import canonical_json, check_version, sha256_hex
from seatrial.serve.attestation import Attestation
from seatrial.serve.canary import Canary
from seatrial.serve.expectation import Expectation
from seatrial.serve.grades import Grade
from seatrial.serve.testimony import Testimony
from seatrial.serve.weights import Weights

RECORD_VERSION = 1
_KIND = "seatrial-attestation"
_LARGEST_BYTES = 16 * 1024 * 1024
_HINT = "write it anew with `seatrial attest URL --out FILE`"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One attestation as it is kept."""

    schema_version: int = RECORD_VERSION
    kind: str = _KIND
    made_at: str
    """UTC, ISO 8601."""
    seatrial: str
    """The version that wrote it."""
    url: str
    asked: str | None
    """The model id that requests named."""
    grade: Grade
    seen: tuple[str, ...]
    """What the grade rests on."""
    missing: tuple[str, ...]
    """Why it is no better."""
    served: dict[str, Any]
    weights: Weights | None
    testimony: Testimony | None
    canary: Canary
    fingerprint: str | None
    """Of the canary, for people."""
    expectation: Expectation | None
    digest: str = ""
    """`sha256:` over the canonical JSON of everything else."""


def make_record(attestation: Attestation) -> Record:
    """The record of `attestation`, closed."""
    open_record = Record(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        seatrial=seatrial.__version__,
        url=str(attestation.volatile["url"]),
        asked=attestation.asked,
        grade=attestation.grade,
        seen=attestation.seen,
        missing=attestation.reasons,
        served=attestation.served,
        weights=attestation.weights,
        testimony=attestation.testimony,
        canary=attestation.canary,
        fingerprint=attestation.canary.fingerprint,
        expectation=attestation.expectation,
    )
    return msgspec.structs.replace(open_record, digest=_digest(msgspec.to_builtins(open_record)))


def record_bytes(record: Record) -> bytes:
    """The file of `record`."""
    return msgspec.json.format(msgspec.json.encode(record, order="sorted"), indent=2) + b"\n"


def write_record(record: Record, path: Path) -> None:
    """Write the file.

    Raises:
        UserError: it cannot be written there.
    """
    try:
        path.write_bytes(record_bytes(record))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", hint="give another file") from None


def read_record(path: Path) -> Record:
    """Read a record and hold it against its digest.

    Raises:
        UserError: there is no such file.
        UnattestedError: it is no record, or was changed after it was written.
        FormatError: a newer Seatrial wrote it.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise UnattestedError(f"{path}: too large for an attestation record", hint=_HINT)
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", hint="give the file of a record") from None
    return decode_record(data, str(path))


def decode_record(data: bytes, name: str) -> Record:
    """The record in `data`; as `read_record`."""
    try:
        fields = msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise UnattestedError(f"{name}: no attestation record, or cut short", hint=_HINT) from None
    if fields.get("kind") != _KIND:
        raise UnattestedError(f"{name}: no attestation record", hint=_HINT)
    version = fields.get("schema_version")
    check_version(version if isinstance(version, int) else 0, RECORD_VERSION, name)
    if fields.get("digest") != _digest(fields):
        message = f"{name}: was changed after it was written: its digest does not fit"
        raise UnattestedError(message, hint=_HINT)
    try:
        return msgspec.convert(fields, Record)
    except msgspec.ValidationError as error:
        raise UnattestedError(f"{name}: no attestation record: {error}", hint=_HINT) from None


def _digest(fields: dict[str, Any]) -> str:
    rest = {key: value for key, value in fields.items() if key != "digest"}
    return f"sha256:{sha256_hex(canonical_json(rest))}"
