"""Silence and the end of a call, watched without a timer for each piece.

A timer per read costs more than all the parsing of a streamed piece. One timer a call suffices:
when it rings it looks at when the current wait began, and either breaks the wait or sleeps on.
Time in which the consumer is busy is no silence of the server.

In: a stream reader of aiohttp and two bounds. Out: `TimeoutError` from its next read.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

import aiohttp


class Watchdog:
    """Watches one response; use it as a context manager."""

    def __init__(
        self,
        content: aiohttp.StreamReader,
        deadline: float,
        idle_seconds: float,
        *,
        started: bool = False,
    ) -> None:
        """`started`: the first bytes have come, from here on silence counts."""
        self._loop = asyncio.get_running_loop()
        self._content = content
        self._deadline = deadline
        self._idle_seconds = idle_seconds
        self._waiting_since: float | None = None
        self._first = not started
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Watchdog:
        self._sleep()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()

    async def read(self) -> bytes:
        """The next bytes; empty at the end.

        Raises:
            TimeoutError: silence, or the deadline.
        """
        self._waiting_since = self._loop.time()
        data = await self._content.readany()
        self._waiting_since = None
        if self._first:
            self._first = False
            self._sleep()
        return data

    def _sleep(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._until(), self._ring)

    def _until(self) -> float:
        # Until the first byte a server may read a long prompt in silence.
        if self._first:
            return self._deadline
        since = self._loop.time() if self._waiting_since is None else self._waiting_since
        return min(self._deadline, since + self._idle_seconds)

    def _ring(self) -> None:
        if self._loop.time() >= self._until():
            self._content.set_exception(TimeoutError())
        else:
            self._sleep()
