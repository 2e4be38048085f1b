"""Records: closed by a digest, and any change is noticed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seatrial.core.errors import FormatError, SeatrialError, UnattestedError, UserError
from seatrial.serve.attestation import Attestation
from seatrial.serve.record import (
    Record,
    decode_record,
    make_record,
    read_record,
    record_bytes,
    write_record,
)
from tests.serve.proving import SUNG, a_testimony, seen, weights


@pytest.fixture
def record() -> Record:
    attestation = Attestation(
        grade="process",
        seen=("process 5 alone holds port 1",),
        served={"family": "llama.cpp", "weights": "a" * 64, "sampler": {"top_p": 0.95, "k": 1}},
        volatile={"url": "http://x"},
        identity={},
        canary=SUNG,
        wire="native",
        weights=weights(),
        testimony=a_testimony(seen()),
    )
    return make_record(attestation)


def test_written_and_read(record: Record, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_record(record, path)
    assert read_record(path) == record
    assert record.digest.startswith("sha256:")
    fields = json.loads(path.read_text())
    assert (fields["schema_version"], fields["grade"], fields["url"]) == (1, "process", "http://x")


def test_the_layout_of_the_file_does_not_count(record: Record) -> None:
    again = json.dumps(json.loads(record_bytes(record)), indent=7)
    assert decode_record(again.encode(), "x") == record


@pytest.mark.parametrize(
    "change",
    [
        {"grade": "witness"},
        {"served": {}},
        {"digest": "sha256:0"},
        {"digest": None},
        {"added": 1},
        {"url": "http://y"},
    ],
)
def test_a_changed_record_is_refused(record: Record, change: dict[str, object]) -> None:
    fields = json.loads(record_bytes(record)) | change
    with pytest.raises(UnattestedError, match="was changed after it was written") as caught:
        decode_record(json.dumps(fields).encode(), "a.json")
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"\xff", b'{"kind": "x"}', b"[" * 5000, b'{"grade": "process"}']
)
def test_what_is_no_record(data: bytes) -> None:
    with pytest.raises(UnattestedError, match="no attestation record"):
        decode_record(data, "a.json")


def test_a_newer_record(record: Record) -> None:
    fields = json.loads(record_bytes(record)) | {"schema_version": 99}
    with pytest.raises(FormatError, match="schema version 99"):
        decode_record(json.dumps(fields).encode(), "a.json")


def test_files_that_are_not_there(record: Record, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        read_record(tmp_path / "none.json")
    with pytest.raises(UserError):
        write_record(record, tmp_path / "none" / "a.json")


def test_a_file_without_end(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with path.open("wb") as file:
        file.truncate(17 * 1024 * 1024)
    with pytest.raises(SeatrialError, match="too large"):
        read_record(path)
