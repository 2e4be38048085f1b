"""Who gets a slot, and when."""

import asyncio

import pytest

from seatrial.core.errors import BudgetError
from seatrial.gateway import slots as slots_module
from seatrial.gateway.slots import Slots


class Work:
    """Tasks that hold a slot until they are told to go."""

    def __init__(self, slots):
        self.slots = slots
        self.order = []
        self.tasks = {}
        self.go = {}

    async def start(self, name, side=False, seconds=5.0):
        self.go[name] = asyncio.Event()

        async def run():
            async with self.slots.turn(side=side, seconds=seconds):
                self.order.append(name)
                await self.go[name].wait()

        self.tasks[name] = asyncio.create_task(run())
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def end(self, name):
        self.go[name].set()
        await self.tasks[name]
        for _ in range(3):
            await asyncio.sleep(0)


async def test_without_a_number_nobody_waits():
    work = Work(Slots())
    for name in "abc":
        await work.start(name, side=name == "b")
    assert work.order == ["a", "b", "c"]
    for name in "abc":
        await work.end(name)
    assert work.slots.running == 0


async def test_in_order_and_work_before_side_calls():
    work = Work(Slots(1))
    await work.start("a")
    await work.start("title", side=True)
    await work.start("b")
    await work.start("c")
    assert (work.order, work.slots.waiting) == (["a"], 3)
    for name in ("a", "b", "c", "title"):
        await work.end(name)
    assert work.order == ["a", "b", "c", "title"]
    assert (work.slots.running, work.slots.waiting) == (0, 0)


async def test_a_side_call_does_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr(slots_module, "SIDE_WAIT_SECONDS", 0.02)
    work = Work(Slots(1))
    await work.start("a")
    await work.start("title", side=True)
    await asyncio.sleep(0.05)
    await work.start("b")
    await work.end("a")
    assert work.order == ["a", "title"]
    await work.end("title")
    await work.end("b")


async def test_who_waits_too_long_is_told():
    work = Work(Slots(1))
    await work.start("a")
    await work.start("b", seconds=0.02)
    with pytest.raises(BudgetError, match="no slot"):
        await work.tasks["b"]
    assert work.slots.waiting == 0
    await work.end("a")
    assert work.slots.running == 0


async def test_who_leaves_gives_the_turn_to_the_next():
    work = Work(Slots(1))
    for name in "abc":
        await work.start(name)
    work.tasks["b"].cancel()
    await asyncio.gather(work.tasks["b"], return_exceptions=True)
    await work.end("a")
    assert work.order == ["a", "c"]
    work.tasks["c"].cancel()
    await asyncio.gather(work.tasks["c"], return_exceptions=True)
    assert work.slots.running == 0


async def test_a_turn_that_is_given_to_somebody_who_leaves_is_not_lost():
    work = Work(Slots(1))
    for name in "abc":
        await work.start(name)
    work.go["a"].set()
    await asyncio.sleep(0)
    work.tasks["b"].cancel()
    await asyncio.gather(work.tasks["a"], work.tasks["b"], return_exceptions=True)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert work.order[-1] == "c"
    await work.end("c")
    assert work.slots.running == 0


async def test_more_slots_let_more_in():
    work = Work(Slots(1))
    await work.start("a")
    await work.start("b")
    work.slots.resize(2)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert work.order == ["a", "b"]
    for name in "ab":
        await work.end(name)
