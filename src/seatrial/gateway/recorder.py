"""The recorder: takes exchanges off the event loop and writes them in a thread of its own.

The traffic never waits for it and never fails because of it: what cannot be taken or written is
counted as lost, and the first loss is told. In: `Exchange`s. Out: sessions on disk, counts.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from pathlib import Path

from seatrial.chat.capture import Redactor
from seatrial.core.errors import SeatrialError
from seatrial.gateway.record import Exchange
from seatrial.gateway.sessions import Sessions

MAX_WAITING = 512
MAX_WAITING_BYTES = 32 * 1024 * 1024
_TICK_SECONDS = 30.0
_CLOSE_SECONDS = 30.0


class Recorder:
    """Records until it is closed."""

    def __init__(
        self,
        root: Path,
        secrets: tuple[str, ...],
        *,
        on_recorded: Callable[[], None],
        on_lost: Callable[[str], None],
    ) -> None:
        """`on_recorded` and `on_lost`, which gets the reason, are called for each exchange, from
        any thread."""
        self._sessions = Sessions(root, Redactor(secrets))
        self._on_recorded = on_recorded
        self._on_lost = on_lost
        self._waiting: queue.Queue[Exchange | None] = queue.Queue(MAX_WAITING)
        self._waiting_bytes = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
        self._thread.start()

    @property
    def path(self) -> Path | None:
        """The run's folder, once something was recorded."""
        return self._sessions.path

    def put(self, exchange: Exchange) -> None:
        """Have `exchange` recorded; returns at once."""
        size = _size(exchange)
        with self._lock:
            room = self._waiting_bytes + size <= MAX_WAITING_BYTES or not self._waiting_bytes
            if room:
                self._waiting_bytes += size
        try:
            if not room:
                raise queue.Full
            self._waiting.put_nowait(exchange)
        except queue.Full:
            if room:
                self._took(size)
            self._on_lost("the disk is slower than the traffic")

    def close(self) -> None:
        """Write what is waiting, and close the sessions."""
        self._waiting.put(None)
        self._thread.join(_CLOSE_SECONDS)

    def _work(self) -> None:
        while True:
            try:
                exchange = self._waiting.get(timeout=_TICK_SECONDS)
            except queue.Empty:
                self._tidy(self._sessions.close_idle)
                continue
            if exchange is None:
                self._tidy(self._sessions.close)
                return
            try:
                self._sessions.record(exchange)
                self._on_recorded()
            except Exception as error:
                self._lost(error)
            finally:
                self._took(_size(exchange))

    def _tidy(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            self._lost(error)

    def _lost(self, error: Exception) -> None:
        # Whatever it is: the traffic goes on, and the loss is told.
        self._on_lost(error.message if isinstance(error, SeatrialError) else repr(error))

    def _took(self, size: int) -> None:
        with self._lock:
            self._waiting_bytes -= size


def _size(exchange: Exchange) -> int:
    dropped = sum(len(decided.decision.before) for decided in exchange.decided)
    said = len(exchange.message.text) + len(exchange.message.think)
    return len(exchange.body) + said + dropped + 1000
