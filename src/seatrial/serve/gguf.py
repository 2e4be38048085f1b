"""GGUF headers: metadata and tensor table of a model file, and whether the file is complete.

Not a loader: no tensor is read, arrays are kept as a length and a short head. Little endian,
versions 2 and 3. A model file is somebody else's input, so every length is held against the
bytes that are left before anything is read. In: a path. Out: a `GgufHeader`, or a `UserError`
that says in one line what is wrong with the file.
"""

from __future__ import annotations

import hashlib
import stat
import struct
from pathlib import Path
from typing import BinaryIO

import msgspec

from seatrial.core.errors import UserError

Scalar = str | int | float | bool

ARRAY_HEAD = 32
"""Elements of an array that are kept."""
MAX_STRING_BYTES = 16 * 1024 * 1024
MAX_DIMENSIONS = 4

_STRING, _ARRAY = 8, 9
_FORMATS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}

# Tensor type -> (elements, bytes) of one block. A type that is not here has an unknown size:
# only its offset is checked.
_BLOCKS = {
    0: (1, 4),  # F32
    1: (1, 2),  # F16
    2: (32, 18),  # Q4_0
    3: (32, 20),  # Q4_1
    6: (32, 22),  # Q5_0
    7: (32, 24),  # Q5_1
    8: (32, 34),  # Q8_0
    10: (256, 84),  # Q2_K
    11: (256, 110),  # Q3_K
    12: (256, 144),  # Q4_K
    13: (256, 176),  # Q5_K
    14: (256, 210),  # Q6_K
    15: (256, 292),  # Q8_K
    16: (256, 66),  # IQ2_XXS
    17: (256, 74),  # IQ2_XS
    18: (256, 98),  # IQ3_XXS
    19: (256, 50),  # IQ1_S
    20: (32, 18),  # IQ4_NL
    21: (256, 110),  # IQ3_S
    22: (256, 82),  # IQ2_S
    23: (256, 136),  # IQ4_XS
    24: (1, 1),  # I8
    25: (1, 2),  # I16
    26: (1, 4),  # I32
    27: (1, 8),  # I64
    28: (1, 8),  # F64
    29: (256, 56),  # IQ1_M
    30: (1, 2),  # BF16
    34: (256, 54),  # TQ1_0
    35: (256, 66),  # TQ2_0
    39: (32, 17),  # MXFP4
}


class GgufArray(msgspec.Struct, frozen=True):
    """An array of the metadata: how long it is and how it begins."""

    count: int
    head: tuple[Scalar, ...]


class TensorInfo(msgspec.Struct, frozen=True):
    """One row of the tensor table; `offset` counts from the start of the data."""

    name: str
    shape: tuple[int, ...]
    type: int
    offset: int
    size_bytes: int | None
    """None = a type that this reader does not know."""


class GgufHeader(msgspec.Struct, frozen=True):
    """Everything in front of the tensor data."""

    path: Path
    version: int
    metadata: dict[str, Scalar | GgufArray]
    tensors: tuple[TensorInfo, ...]
    data_offset: int
    file_bytes: int

    @property
    def architecture(self) -> str | None:
        return self.text("general.architecture")

    @property
    def is_adapter(self) -> bool:
        return self.text("general.type") == "adapter"

    @property
    def chat_template(self) -> str | None:
        return self.text("tokenizer.chat_template")

    @property
    def trained_window_tokens(self) -> int | None:
        """The longest window that the model was trained for."""
        return self.number(f"{self.architecture}.context_length")

    @property
    def split_count(self) -> int:
        """Of how many files this one is a part."""
        return self.number("split.count") or 1

    def text(self, key: str) -> str | None:
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None

    def number(self, key: str) -> int | None:
        value = self.metadata.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None


def read_header(path: Path) -> GgufHeader:
    """Read and check the header of `path`.

    Raises:
        UserError: missing, unreadable, not a GGUF file, damaged, or cut short.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"{path}: not a file", hint="give the path of a .gguf file")
        with path.open("rb") as file:
            return _read(path, _Cursor(file, status.st_size))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file", hint="give the path of a .gguf file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: cannot be read: {reason}", hint="check the path") from None
    except _CutShortError:
        raise UserError(
            f"{path}: truncated: the file ends before what its header promises",
            hint="the download or copy did not finish; fetch the file again",
        ) from None
    except _DamagedError as error:
        raise UserError(
            f"{path}: {error}", hint="give a GGUF file of version 2 or 3, little endian"
        ) from None


def file_digest(path: Path) -> str:
    """Hex SHA-256 of the file, read in pieces.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read: {error.strerror}", hint="check the path"
        ) from None


class _CutShortError(Exception):
    pass


class _DamagedError(Exception):
    pass


class _Cursor:
    """Reads forward and never past the end."""

    def __init__(self, file: BinaryIO, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.at = 0
        self._file = file

    def take(self, count: int) -> bytes:
        self.need(count)
        data = self._file.read(count)
        if len(data) != count:  # the file shrank meanwhile
            raise _CutShortError
        self.at += count
        return data

    def skip(self, count: int) -> None:
        self.need(count)
        self._file.seek(count, 1)
        self.at += count

    def need(self, count: int) -> None:
        if count > self.size_bytes - self.at:
            raise _CutShortError

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def u64(self) -> int:
        return int.from_bytes(self.take(8), "little")

    def string(self) -> str:
        # Vocabularies hold pieces that are no UTF-8 of their own; a key or template always is.
        return self.take(self._string_bytes()).decode("utf-8", "replace")

    def skip_string(self) -> None:
        self.skip(self._string_bytes())

    def _string_bytes(self) -> int:
        length = self.u64()
        self.need(length)
        if length > MAX_STRING_BYTES:
            raise _DamagedError(f"damaged: a text of {length} bytes in the header")
        return length


def _read(path: Path, cursor: _Cursor) -> GgufHeader:
    magic = cursor.take(min(4, cursor.size_bytes))
    if magic != b"GGUF":
        raise _DamagedError("not a GGUF file")
    version = cursor.u32()
    if version not in (2, 3):
        raise _DamagedError(f"GGUF version {version} is not supported")
    tensor_count, pair_count = cursor.u64(), cursor.u64()
    metadata = _pairs(cursor, pair_count)
    tensors = _tensor_table(cursor, tensor_count)
    data_offset = _aligned(cursor.at, _alignment(metadata))
    _check_complete(tensors, data_offset, cursor.size_bytes, _alignment(metadata))
    return GgufHeader(path, version, metadata, tensors, data_offset, cursor.size_bytes)


def _pairs(cursor: _Cursor, count: int) -> dict[str, Scalar | GgufArray]:
    pairs: dict[str, Scalar | GgufArray] = {}
    for _ in range(count):
        key = cursor.string()
        if key in pairs:
            raise _DamagedError(f"damaged: key {key[:80]!r} stands twice")
        kind = cursor.u32()
        pairs[key] = _array(cursor) if kind == _ARRAY else _scalar(cursor, kind)
    return pairs


def _scalar(cursor: _Cursor, kind: int) -> Scalar:
    if kind == _STRING:
        return cursor.string()
    form = _form(kind)
    value: Scalar = struct.unpack(form, cursor.take(struct.calcsize(form)))[0]
    return value


def _array(cursor: _Cursor) -> GgufArray:
    kind, count = cursor.u32(), cursor.u64()
    kept = min(count, ARRAY_HEAD)
    if kind == _STRING:
        head: tuple[Scalar, ...] = tuple(cursor.string() for _ in range(kept))
        for _ in range(count - kept):
            cursor.skip_string()
        return GgufArray(count, head)
    width = struct.calcsize(_form(kind))
    cursor.need(count * width)
    head = tuple(_scalar(cursor, kind) for _ in range(kept))
    cursor.skip((count - kept) * width)
    return GgufArray(count, head)


def _form(kind: int) -> str:
    if kind not in _FORMATS:  # an array in an array too: no writer makes them
        raise _DamagedError(f"damaged: value type {kind} in the header")
    return _FORMATS[kind]


def _tensor_table(cursor: _Cursor, count: int) -> tuple[TensorInfo, ...]:
    tensors = []
    for _ in range(count):
        name = cursor.string()
        dimensions = cursor.u32()
        if dimensions > MAX_DIMENSIONS:
            raise _DamagedError(f"damaged: tensor {name[:80]!r} has {dimensions} dimensions")
        shape = tuple(cursor.u64() for _ in range(dimensions))
        kind, offset = cursor.u32(), cursor.u64()
        tensors.append(TensorInfo(name, shape, kind, offset, _size_bytes(name, shape, kind)))
    return tuple(tensors)


def _size_bytes(name: str, shape: tuple[int, ...], kind: int) -> int | None:
    if kind not in _BLOCKS:
        return None
    elements = 1
    for width in shape:
        elements *= width
    per_block, block_bytes = _BLOCKS[kind]
    if elements % per_block:
        raise _DamagedError(f"damaged: tensor {name[:80]!r} has no whole number of blocks")
    return elements // per_block * block_bytes


def _alignment(metadata: dict[str, Scalar | GgufArray]) -> int:
    value = metadata.get("general.alignment", 32)
    if not isinstance(value, int) or value < 1 or value & (value - 1):
        raise _DamagedError("damaged: the alignment is not a power of two")
    return value


def _aligned(at: int, alignment: int) -> int:
    return at + -at % alignment


def _check_complete(
    tensors: tuple[TensorInfo, ...], data_offset: int, file_bytes: int, alignment: int
) -> None:
    for tensor in tensors:
        if tensor.offset % alignment:
            raise _DamagedError(f"damaged: tensor {tensor.name[:80]!r} is not aligned")
        if data_offset + tensor.offset + (tensor.size_bytes or 0) > file_bytes:
            raise _CutShortError
