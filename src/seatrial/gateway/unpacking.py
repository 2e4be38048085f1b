"""Bodies that a client packed.

Servers mostly take none, and what cannot be read cannot be guarded; so a body is unpacked here
and goes on as it is. Bounded: a small packed body may hold an endless one.

In: bytes and their `Content-Encoding`. Out: bytes.
"""

from __future__ import annotations

import zlib

from seatrial.core.errors import UserError

_NAMES = {b"gzip": zlib.MAX_WBITS | 16, b"x-gzip": zlib.MAX_WBITS | 16, b"deflate": zlib.MAX_WBITS}
_PLAIN = (b"", b"identity")


def unpack(body: bytes, encoding: bytes, limit_bytes: int) -> bytes:
    """`body` as it was before it was packed.

    Raises:
        UserError: packed in another way, not whole, or larger than `limit_bytes`.
    """
    name = encoding.strip().lower()
    if name in _PLAIN:
        return body
    if name not in _NAMES:
        shown = name[:40].decode("latin-1")
        raise UserError(f"a body packed with {shown!r} is not taken", hint="send it plain or gzip")
    unpacker = zlib.decompressobj(_NAMES[name])
    try:
        plain = unpacker.decompress(body, limit_bytes + 1)
    except zlib.error as error:
        raise UserError(f"the body cannot be unpacked: {error}") from None
    if len(plain) > limit_bytes:
        raise UserError(f"the body holds more than {limit_bytes:,} bytes")
    if not unpacker.eof:
        raise UserError("the body ends before its time")
    return plain
