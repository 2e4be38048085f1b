"""A queue in front of the slots of one server: work first, side calls when there is room.

A server with one slot answers one request at a time and remembers one prompt. A title or a
suggestion that slips in between two turns of the same conversation makes it read the whole
conversation anew, so side calls wait until no main request runs or waits, for a bounded time.

In: requests that want a slot. Out: their turn, in order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from seatrial.core.errors import BudgetError

SIDE_WAIT_SECONDS = 20.0
"""A side call that waited so long takes its turn like any other."""


class Slots:
    """The slots of one server; `count` None = it takes whatever comes."""

    def __init__(self, count: int | None = None) -> None:
        self._count = count
        self._running = 0
        self._main: deque[asyncio.Future[None]] = deque()
        self._side: deque[asyncio.Future[None]] = deque()

    @property
    def running(self) -> int:
        return self._running

    @property
    def waiting(self) -> int:
        return len(self._main) + len(self._side)

    def resize(self, count: int | None) -> None:
        """The server turned out to have `count` slots."""
        self._count = count
        self._wake()

    @asynccontextmanager
    async def turn(self, *, side: bool, seconds: float) -> AsyncIterator[None]:
        """Hold a slot.

        Raises:
            BudgetError: none became free within `seconds`.
        """
        await self._enter(side, seconds)
        try:
            yield
        finally:
            self._running -= 1
            self._wake()

    async def _enter(self, side: bool, seconds: float) -> None:
        if self._free and not self.waiting:
            self._running += 1
            return
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        queue = self._side if side else self._main
        queue.append(future)
        promotion = loop.call_later(SIDE_WAIT_SECONDS, self._promote, future) if side else None
        self._wake()
        try:
            async with asyncio.timeout(seconds):
                await future
        except BaseException as error:
            self._leave(future)
            if isinstance(error, TimeoutError):
                hint = "the server is busy with other requests"
                raise BudgetError(f"no slot became free within {seconds:g} s", hint=hint) from None
            raise
        finally:
            if promotion is not None:
                promotion.cancel()

    def _leave(self, future: asyncio.Future[None]) -> None:
        """Whoever waited goes away; the slot goes to the next one if it was given already."""
        for queue in (self._main, self._side):
            if future in queue:
                queue.remove(future)
                return
        if future.done() and not future.cancelled():
            self._running -= 1
            self._wake()

    def _promote(self, future: asyncio.Future[None]) -> None:
        if future in self._side:
            self._side.remove(future)
            self._main.append(future)
            self._wake()

    @property
    def _free(self) -> bool:
        return self._count is None or self._running < self._count

    def _wake(self) -> None:
        while self._free and self._main:
            self._give(self._main)
        while self._free and self._side:
            self._give(self._side)

    def _give(self, queue: deque[asyncio.Future[None]]) -> None:
        future = queue.popleft()
        if not future.done():
            self._running += 1
            future.set_result(None)
