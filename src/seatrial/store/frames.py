"""Compressed traces: independent zstd frames of 64 lines, so that any of them opens alone.

`compact` turns `events.jsonl` into `events.jsonl.zst` and lets go of the plain file only when the
copy reads back byte for byte. It does not look into the lines. In: a trial's folder. Out: where
each frame begins; and, for readers, one binary stream over either form.
"""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, cast

from seatrial.core.errors import Boundary, FormatError, InfraError, attribute
from seatrial.store.files import sync_folder

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PLAIN = "events.jsonl"
PACKED = "events.jsonl.zst"
FRAME_LINES = 64

_OPTIONS: dict[int, int] = {
    zstd.CompressionParameter.compression_level: 3,
    zstd.CompressionParameter.checksum_flag: 1,
}
_CHUNK_BYTES = 1 << 20


def trace_file(path: Path) -> Path:
    """The trace at `path`: the file itself, or the one in this folder.

    Raises:
        FormatError: no trace is there.
    """
    if not path.is_dir():
        if path.exists():
            return path
        raise FormatError(f"{path}: no such trace")
    # Both are there only where a process died between the rename and the removal; they are equal.
    for name in (PLAIN, PACKED):
        if (path / name).exists():
            return path / name
    raise FormatError(f"{path}: no {PLAIN} here")


def compact(folder: Path) -> tuple[int, ...]:
    """Rewrite the folder's plain trace as frames; where each frame begins, in bytes.

    An empty trace and one that is compact already stay as they are. A torn last line is kept.

    Raises:
        InfraError: the disk is full or broken, or the copy does not read back. The plain file
            stays and is complete.
    """
    plain, packed = folder / PLAIN, folder / PACKED
    temporary = folder / f".{PACKED}.tmp"
    if not plain.exists():
        return frame_offsets(packed) if packed.exists() else ()
    try:
        offsets = _pack(plain, temporary)
        if not offsets:
            temporary.unlink()
            return ()
        _verify(plain, temporary)
        temporary.replace(packed)
        sync_folder(folder)
        plain.unlink()
    except (OSError, EOFError, zstd.ZstdError, InfraError) as error:
        temporary.unlink(missing_ok=True)
        raise attribute(error, Boundary.INFRA, f"compact {plain}") from error
    return offsets


def frame_offsets(path: Path) -> tuple[int, ...]:
    """Where each frame of a compressed trace begins, found by scanning its headers.

    Raises:
        FormatError: not a sequence of whole frames.
    """
    offsets: list[int] = []
    with reading(path), path.open("rb") as stream:
        if os.fstat(stream.fileno()).st_size == 0:
            return ()
        with (
            mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as view,
        ):
            position = 0
            while position < len(view):
                offsets.append(position)
                with view[position:] as rest:
                    position += zstd.get_frame_size(rest)
    return tuple(offsets)


@contextmanager
def open_trace(path: Path, frame: int = 0) -> Iterator[IO[bytes]]:
    """The bytes of a trace file from its `frame`-th frame on; a plain file has only frame 0."""
    with path.open("rb") as stream:
        if path.suffix != ".zst":
            yield stream
            return
        size = os.fstat(stream.fileno()).st_size
        offsets = (*frame_offsets(path), size) if frame else (0,)
        stream.seek(offsets[min(frame, len(offsets) - 1)])
        if stream.tell() == size:
            yield stream
            return
        with zstd.ZstdFile(stream) as unpacked:
            yield cast(IO[bytes], unpacked)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Say what went wrong with `path` in our own errors.

    Raises:
        FormatError: the compressed bytes are broken, or the file is not there.
        InfraError: the machine could not read it.
    """
    try:
        yield
    except (zstd.ZstdError, EOFError) as error:
        raise FormatError(f"{path}: {error}") from error
    except FileNotFoundError:
        raise FormatError(f"{path}: no such file") from None
    except OSError as error:
        raise attribute(error, Boundary.INFRA, f"read {path}") from error


def _pack(plain: Path, temporary: Path) -> tuple[int, ...]:
    offsets: list[int] = []
    with plain.open("rb") as lines, temporary.open("wb") as out:
        while chunk := b"".join(islice(lines, FRAME_LINES)):
            offsets.append(out.tell())
            out.write(zstd.compress(chunk, options=_OPTIONS))
        out.flush()
        os.fsync(out.fileno())
    return tuple(offsets)


def _verify(plain: Path, packed: Path) -> None:
    with plain.open("rb") as left, zstd.ZstdFile(packed) as right:
        while True:
            expected, found = left.read(_CHUNK_BYTES), _read_full(right, _CHUNK_BYTES)
            if expected != found:
                raise InfraError(f"compact {plain}: the copy does not read back")
            if not expected:
                return


def _read_full(stream: zstd.ZstdFile, size: int) -> bytes:
    """`size` bytes unless the stream ends: a decompressor may hand out less at a time."""
    parts: list[bytes] = []
    while size and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
