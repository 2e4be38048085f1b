"""Bodies that begin as an earlier one did: what was read of that beginning is not read again.

A client sends its whole history with every request, and only the end of it is new. The bytes of
the messages that came before are found by comparing, and only what follows is decoded. Their
place is proven for each body anew: a mark that nobody else knows is put in place of the known
bytes, and must come out as the first of the messages; else the body is read as a whole. So the
answer is always the one that `read_inbound` gives.

Bounded in bytes; holds no decision. In: bodies. Out: `Inbound`s.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Sequence
from itertools import islice

import msgspec

from seatrial.core.message import Message
from seatrial.gateway.requests import Inbound, decode_body, inbound_of, read_inbound

MAX_BYTES = 6 * 1024 * 1024
"""Of bodies and of the texts that were read of them, together."""
MIN_BODY_BYTES = 8 * 1024
"""A shorter body is read in less time than it is compared."""


class _Known(msgspec.Struct):
    """A body that was read."""

    raw: bytes
    start: int
    """Where its first message begins."""
    ends: list[int]
    """Where each of `messages` ends, as far as that is known."""
    messages: tuple[Message, ...]
    held_bytes: list[int]
    """What each of `messages` holds."""

    @property
    def size(self) -> int:
        return len(self.raw) + sum(self.held_bytes)

    def common(self, raw: bytes) -> int:
        """How many of the messages stand in `raw` too, at the same places."""
        own = memoryview(self.raw)
        low, high = 0, len(self.ends)
        middle = high
        while low < high:
            # Most often all of them do, so that is what is tried first.
            if raw.startswith(own[: self.ends[middle - 1]]):
                low = middle
            else:
                high = middle - 1
            middle = (low + high + 1) // 2
        return low


class _Places(msgspec.Struct):
    messages: list[msgspec.Raw]


class Histories:
    """What is known of the latest conversations of a gateway; for one thread."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._known: list[_Known] = []
        """The one that was used last stands last."""
        self._mark = secrets.token_hex(16)
        self._marked = msgspec.json.encode({"role": "user", "content": self._mark})

    def read(self, raw: bytes) -> Inbound:
        """As `read_inbound`, in less time for a history that was read before.

        Raises:
            FormatError: not a JSON object.
        """
        if len(raw) < MIN_BODY_BYTES:
            return read_inbound(raw)
        known, common = self._best(raw)
        if known is not None:
            short = raw[: known.start] + self._marked + raw[known.ends[common - 1] :]
            found = self._continued(raw, short, known.messages[:common])
            if found is not None:
                self._remember(known, common, found, short)
                return found
        found = read_inbound(raw)
        self._remember(None, 0, found, raw)
        return found

    def _best(self, raw: bytes) -> tuple[_Known | None, int]:
        best, most = None, 0
        for known in reversed(self._known):
            if (common := known.common(raw)) > most:
                best, most = known, common
        return best, most

    def _continued(self, raw: bytes, short: bytes, before: tuple[Message, ...]) -> Inbound | None:
        """`raw`, of which `short` shows the mark for the messages `before`; None = not proven."""
        try:
            body = decode_body(short)
            if not body.messages or body.messages[0].content != self._mark:
                return None
            del body.messages[0]
            return inbound_of(raw, body, before, fields=short)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None

    def _remember(self, known: _Known | None, common: int, found: Inbound, short: bytes) -> None:
        """Keep what was read; it stands in place of the body that it continues."""
        if found.request is None:
            return
        messages = found.request.messages
        begins = 0 if known is None else known.ends[common - 1]
        start, ends = _places(found.raw, short, begins, skip=known is not None)
        if known is not None:
            start, ends = known.start, known.ends[:common] + ends
        if not ends:
            return
        messages = messages[: len(ends)]
        held = [] if known is None else known.held_bytes[:common]
        held += map(_held_bytes, messages[len(held) :])
        if known is not None and common == len(known.ends):
            self._known = [one for one in self._known if one is not known]
        self._known.append(_Known(found.raw, start, ends, messages, held))
        while sum(one.size for one in self._known) > self._max_bytes:
            del self._known[0]


def _places(raw: bytes, short: bytes, begins: int, *, skip: bool) -> tuple[int, list[int]]:
    """Where the first message of `short` begins in `raw`, and where each ends; the mark is none."""
    try:
        pieces = msgspec.json.decode(short, type=_Places).messages
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return 0, []
    return _found(raw, list(islice(map(bytes, pieces), int(skip), None)), begins, skip)


def _found(raw: bytes, pieces: Sequence[bytes], at: int, follows: bool) -> tuple[int, list[int]]:
    start = 0
    ends: list[int] = []
    for piece in pieces:
        place = raw.find(piece, at)
        if place < 0 or (follows and raw[at:place].strip(b" \t\r\n") != b","):
            # What was found is no list of messages, or stands elsewhere.
            break
        start = start if ends else place
        at = place + len(piece)
        ends.append(at)
        follows = True
    return start, ends


def _held_bytes(message: Message) -> int:
    size = sys.getsizeof(message.text) + sys.getsizeof(message.think) + 200
    for call in message.calls:
        size += sys.getsizeof(call.arguments) + 200
    return size
