"""Keeps the head and the tail of an output of any length in constant memory.

Not a parser and not a redactor. In: chunks of bytes. Out: text, and how many bytes were cut.
"""

from __future__ import annotations

_CONTINUATION = range(0x80, 0xC0)
_LONGEST_CHARACTER = 4


class HeadTail:
    """At most `keep_bytes` of what was added: the first half and the last half."""

    def __init__(self, keep_bytes: int) -> None:
        self._head_room = keep_bytes // 2
        self._tail_room = keep_bytes - self._head_room
        self._head = bytearray()
        self._tail = bytearray()
        self.total_bytes = 0

    def add(self, chunk: bytes) -> None:
        self.total_bytes += len(chunk)
        missing = self._head_room - len(self._head)
        if missing > 0:
            self._head += chunk[:missing]
            chunk = chunk[missing:]
        self._tail += chunk
        # Trimming only at twice the size keeps the cost of many small chunks linear.
        if len(self._tail) > 2 * self._tail_room:
            self._trim()

    def text(self) -> tuple[str, int]:
        """The text that is left and the number of bytes that were cut."""
        self._trim()
        if self.total_bytes == len(self._head) + len(self._tail):
            return (self._head + self._tail).decode("utf-8", "replace"), 0
        head = bytes(self._head[: _whole_characters(self._head)])
        tail = bytes(self._tail[_first_character(self._tail) :])
        cut = self.total_bytes - len(head) - len(tail)
        marker = f"\n[... {cut} bytes cut ...]\n"
        return head.decode("utf-8", "replace") + marker + tail.decode("utf-8", "replace"), cut

    def _trim(self) -> None:
        excess = len(self._tail) - self._tail_room
        if excess > 0:
            del self._tail[:excess]


def _whole_characters(data: bytearray) -> int:
    """Length of `data` without a character that the cut split; broken UTF-8 stays as it is."""
    for back in range(1, min(_LONGEST_CHARACTER, len(data)) + 1):
        byte = data[-back]
        if byte in _CONTINUATION:
            continue
        width = 1 if byte < 0xC0 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
        return len(data) - back if width > back else len(data)
    return len(data)


def _first_character(data: bytearray) -> int:
    """Where the first whole character of `data` starts."""
    for index, byte in enumerate(data[: _LONGEST_CHARACTER - 1]):
        if byte not in _CONTINUATION:
            return index
    return min(_LONGEST_CHARACTER - 1, len(data))
