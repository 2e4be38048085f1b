"""Keeping a server up: it comes back at its address, and only as the same."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from seatrial.core.errors import UnattestedError
from seatrial.serve import LaunchSpec, attest
from seatrial.serve.engines.restart import Died, Event, RestartPolicy, Serving, keep_serving
from tests.serve.test_engine import engine_test
from tests.serve.tiny_gguf import write_tiny_model

pytestmark = engine_test
QUICK = RestartPolicy(mode="on-failure", max_restarts=1, backoff_seconds=0.01)


class Heard:
    """What was told; each time that it serves, something happens to it."""

    def __init__(self, act: Callable[[Serving], None]) -> None:
        self.events: list[Event] = []
        self._act = act

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Serving):
            asyncio.get_running_loop().call_soon(self._act, event)


def kill(event: Serving) -> None:
    os.kill(event.engine.pid, signal.SIGKILL)


def stop(event: Serving) -> None:
    os.kill(event.engine.pid, signal.SIGTERM)


@pytest.fixture(params=["embedded", "llama-server"])
def any_spec(request: pytest.FixtureRequest, spec: LaunchSpec) -> LaunchSpec:
    return msgspec.structs.replace(spec, program=request.param)


async def test_it_comes_back_at_the_same_address(any_spec: LaunchSpec) -> None:
    heard = Heard(kill)
    code = await keep_serving(any_spec, QUICK, attest, heard)
    assert code == -signal.SIGKILL
    first, died, again, last = heard.events
    assert isinstance(first, Serving)
    assert isinstance(again, Serving)
    assert (first.restarts, again.restarts) == (0, 1)
    assert first.engine.url == again.engine.url
    assert first.engine.pid != again.engine.pid
    assert isinstance(died, Died)
    assert died.restart_in_seconds == 0.01
    assert isinstance(last, Died)
    assert last.restart_in_seconds is None


async def test_never_means_never(spec: LaunchSpec) -> None:
    heard = Heard(kill)
    assert await keep_serving(spec, RestartPolicy(), attest, heard) == -signal.SIGKILL
    assert len(heard.events) == 2


async def test_a_clean_end_is_no_failure(spec: LaunchSpec) -> None:
    embedded = msgspec.structs.replace(spec, program="embedded")
    heard = Heard(stop)
    assert await keep_serving(embedded, QUICK, attest, heard) == 0
    assert len(heard.events) == 2


async def test_it_does_not_come_back_with_another_model(spec: LaunchSpec, tmp_path: Path) -> None:
    def swap(event: Serving) -> None:
        write_tiny_model(tmp_path / "other.gguf", seed=2).replace(spec.model)
        kill(event)

    with pytest.raises(UnattestedError, match="not the one that was served: weights"):
        await keep_serving(spec, QUICK, attest, Heard(swap))


async def test_a_port_that_somebody_took_meanwhile(spec: LaunchSpec) -> None:
    import socket

    from seatrial.core.errors import UserError

    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

        def act(event: Serving) -> None:
            kill(event)
            asyncio.get_running_loop().call_later(0.2, take, event)

        def take(event: Serving) -> None:
            thief.bind(("127.0.0.1", int(event.engine.url.rpartition(":")[2])))
            thief.listen()

        slow = RestartPolicy(mode="on-failure", backoff_seconds=0.5)
        with pytest.raises(UserError, match=f"held by pid {os.getpid()}"):
            await keep_serving(spec, slow, attest, Heard(act))


def test_each_pause_is_twice_as_long() -> None:
    policy = RestartPolicy(backoff_seconds=1.0, longest_backoff_seconds=5.0)
    assert [policy.pause(number) for number in (1, 2, 3, 4)] == [1.0, 2.0, 4.0, 5.0]
