"""Rewrite a GGUF file with its matrices in another quantization, for tests of canaries.

Reads F32 and Q8_0, writes Q8_0 and Q4_0, as ggml's reference code does. The metadata stay as
they are, but for `general.file_type`.
"""

from __future__ import annotations

import struct
from array import array
from pathlib import Path

from seatrial.serve.gguf import TensorInfo, read_header

F32, Q4_0, Q8_0 = 0, 2, 8
_FILE_TYPES = {Q4_0: 2, Q8_0: 7}
_BLOCK = 32


def requantize(source: Path, target: Path, kind: int) -> Path:
    """Write `source` to `target` with every matrix as `kind`."""
    header, data = read_header(source), source.read_bytes()
    first = string(header.tensors[0].name)
    start = data.rindex(first, 0, header.data_offset)
    head = bytearray(data[:start])
    key = string("general.file_type")
    struct.pack_into("<I", head, head.index(key) + len(key) + 4, _FILE_TYPES[kind])
    table, body = b"", b""
    for tensor in header.tensors:
        at = header.data_offset + tensor.offset
        stored = data[at : at + (tensor.size_bytes or 0)]
        matrix = len(tensor.shape) > 1 and tensor.shape[0] % _BLOCK == 0
        values = quantized(floats(stored, tensor), kind) if matrix else stored
        table += string(tensor.name) + struct.pack("<I", len(tensor.shape))
        table += struct.pack(f"<{len(tensor.shape)}Q", *tensor.shape)
        table += struct.pack("<IQ", kind if matrix else tensor.type, len(body))
        body += values + bytes(-len(values) % 32)
    whole = bytes(head) + table
    target.write_bytes(whole + bytes(-len(whole) % 32) + body)
    return target


def string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def floats(stored: bytes, tensor: TensorInfo) -> array[float]:
    if tensor.type == F32:
        return array("f", stored)
    assert tensor.type == Q8_0
    values = array("f")
    for scale, *steps in struct.iter_unpack("<e32b", stored):
        values.extend([scale * step for step in steps])
    return values


def quantized(values: array[float], kind: int) -> bytes:
    pieces = []
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK]
        pieces.append(_q8_0(block) if kind == Q8_0 else _q4_0(block))
    return b"".join(pieces)


def _q8_0(block: array[float]) -> bytes:
    scale = max(map(abs, block)) / 127
    inverse = 1 / scale if scale else 0.0
    return struct.pack("<e32b", scale, *(round(value * inverse) for value in block))


def _q4_0(block: array[float]) -> bytes:
    scale = max(block, key=abs) / -8
    inverse = 1 / scale if scale else 0.0
    steps = [min(15, int(value * inverse + 8.5)) for value in block]
    half = _BLOCK // 2
    packed = (low | high << 4 for low, high in zip(steps[:half], steps[half:], strict=True))
    return struct.pack("<e16B", scale, *packed)
