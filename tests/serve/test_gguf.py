"""GGUF headers: what is read, and that a broken file is never more than a `UserError`."""

from __future__ import annotations

import hashlib
import os
import struct
from array import array
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.core.errors import UserError
from seatrial.serve.gguf import ARRAY_HEAD, GgufArray, file_digest, read_header
from tests.serve import tiny_gguf
from tests.serve.tiny_gguf import gguf_bytes, write_tiny_adapter, write_tiny_model

METADATA = {
    "general.architecture": (tiny_gguf.STRING, "qwen3"),
    "u8": (tiny_gguf.U8, 200),
    "i8": (tiny_gguf.I8, -3),
    "u16": (tiny_gguf.U16, 60_000),
    "i16": (tiny_gguf.I16, -30_000),
    "qwen3.context_length": (tiny_gguf.U32, 4096),
    "i32": (tiny_gguf.I32, -5),
    "f32": (tiny_gguf.F32, 0.5),
    "bool": (tiny_gguf.BOOL, True),
    "u64": (tiny_gguf.U64, 2**60),
    "i64": (tiny_gguf.I64, -(2**60)),
    "f64": (tiny_gguf.F64, 0.1),
    "numbers": (tiny_gguf.ARRAY, (tiny_gguf.I32, list(range(100)))),
    "words": (tiny_gguf.ARRAY, (tiny_gguf.STRING, ["one", "zwölf", ""] * 20)),
    "empty": (tiny_gguf.ARRAY, (tiny_gguf.U8, [])),
}
TENSORS = [
    tiny_gguf.Tensor("first", (8, 4), array("f", [1.0] * 32)),
    tiny_gguf.Tensor("second", (3,), array("f", [2.0] * 3)),
]
WHOLE = gguf_bytes(METADATA, TENSORS)

# The folder is made once for all examples; every example writes the file anew.
examples = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "file.gguf"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("version", [2, 3])
def test_every_value_type_is_read(tmp_path: Path, version: int) -> None:
    header = read_header(written(tmp_path, gguf_bytes(METADATA, TENSORS, version)))
    scalars = {key: item for key, (kind, item) in METADATA.items() if kind != tiny_gguf.ARRAY}
    assert {key: header.metadata[key] for key in scalars} == scalars
    assert header.metadata["numbers"] == GgufArray(100, tuple(range(ARRAY_HEAD)))
    assert header.metadata["words"] == GgufArray(60, tuple((["one", "zwölf", ""] * 20)[:32]))
    assert header.metadata["empty"] == GgufArray(0, ())
    assert [(t.name, t.shape, t.size_bytes) for t in header.tensors] == [
        ("first", (8, 4), 128),
        ("second", (3,), 12),
    ]
    assert header.version == version
    assert header.trained_window_tokens == 4096


def test_model_and_adapter_tell_what_they_are(tmp_path: Path) -> None:
    model = read_header(write_tiny_model(tmp_path / "m.gguf", context=1024))
    adapter = read_header(write_tiny_adapter(tmp_path / "a.gguf"))
    assert (model.architecture, model.is_adapter, adapter.is_adapter) == ("qwen3", False, True)
    assert (model.trained_window_tokens, model.split_count) == (1024, 1)
    assert model.chat_template == tiny_gguf.CHAT_TEMPLATE
    assert adapter.chat_template is None


def test_the_tiny_model_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    one, same, other = (
        file_digest(write_tiny_model(tmp_path / name, seed=seed))
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert one == same != other


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a GGUF"),
        (b"GG", "not a GGUF"),
        (b"hello world, no model here", "not a GGUF"),
        (WHOLE[:200], "truncated"),
        (WHOLE[:-40], "truncated"),
        (struct.pack("<4sIQQ", b"GGUF", 1, 0, 0), "version 1"),
        (struct.pack(">4sIQQ", b"GGUF", 3, 0, 0), "version 50331648"),
        (gguf_bytes({"general.alignment": (tiny_gguf.U32, 3)}), "alignment"),
        (struct.pack("<4sIQQ", b"GGUF", 3, 0, 2**63), "truncated"),
        (struct.pack("<4sIQQ", b"GGUF", 3, 2**63, 0), "truncated"),
    ],
)
def test_a_bad_file_is_told_in_one_line(tmp_path: Path, data: bytes, says: str) -> None:
    path = written(tmp_path, data)
    with pytest.raises(UserError, match=says) as caught:
        read_header(path)
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_a_huge_array_is_refused_before_it_is_read(tmp_path: Path) -> None:
    key = tiny_gguf.string("k") + struct.pack("<IIQ", tiny_gguf.ARRAY, tiny_gguf.F64, 2**61)
    path = written(tmp_path, struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + key)
    with pytest.raises(UserError, match="truncated"):
        read_header(path)


def test_missing_folder_and_pipe(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_header(tmp_path / "nothing.gguf")
    with pytest.raises(UserError, match="not a file"):
        read_header(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="not a file"):
        read_header(tmp_path / "pipe")
    with pytest.raises(UserError, match="cannot be read"):
        file_digest(tmp_path / "nothing.gguf")


def test_the_digest_is_sha256(tmp_path: Path) -> None:
    assert file_digest(written(tmp_path, WHOLE)) == hashlib.sha256(WHOLE).hexdigest()


@examples
@given(data=st.binary(max_size=200))
def test_random_bytes(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(UserError):
        read_header(written(tmp_path, data))


@examples
@given(data=st.binary(max_size=200))
def test_random_bytes_after_a_good_start(tmp_path: Path, data: bytes) -> None:
    survive(written(tmp_path, struct.pack("<4sIQQ", b"GGUF", 3, 1, 1) + data))


@examples
@given(cut=st.integers(min_value=0, max_value=len(WHOLE) - 21))
def test_every_truncation_is_noticed(tmp_path: Path, cut: int) -> None:
    # The last 20 bytes are padding behind the last tensor: without them nothing is missing.
    with pytest.raises(UserError):
        read_header(written(tmp_path, WHOLE[:cut]))


@examples
@given(at=st.integers(min_value=0, max_value=len(WHOLE) - 1), byte=st.integers(0, 255))
def test_any_changed_byte(tmp_path: Path, at: int, byte: int) -> None:
    survive(written(tmp_path, WHOLE[:at] + bytes([byte]) + WHOLE[at + 1 :]))


def survive(path: Path) -> None:
    try:
        read_header(path)
    except UserError as error:
        assert "\n" not in error.message
