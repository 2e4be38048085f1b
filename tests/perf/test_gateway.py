"""Budgets of the gateway, in CPU seconds of its process, beside a plain aiohttp proxy."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from seatrial.gateway.settings import BROKEN_STREAM
from seatrial.guard.rules import RULES
from tests.gateway import load

pytestmark = pytest.mark.perf

STREAMS, CHUNKS, PAUSE = 16, 150, 0.01
NO_RULES = [word for rule in (*RULES, BROKEN_STREAM) for word in ("--off", rule)]


@pytest.fixture(scope="module")
def upstream():
    with load.process("tests.gateway.load", "upstream") as (url, _):
        yield url


def cpu_per_chunk(url, pid, rounds=3):
    """Microseconds of CPU for each streamed piece; the best of several rounds."""
    best = float("inf")
    for _ in range(rounds + 1):
        before = load.cpu_seconds(pid)
        wrong = asyncio.run(load.stream_all(url, STREAMS, CHUNKS, PAUSE))
        spent = load.cpu_seconds(pid) - before
        assert wrong == 0
        best = min(best, spent / (STREAMS * CHUNKS))
    return 1e6 * best


def cpu_per_request(url, pid, size, rounds=20):
    """Milliseconds of CPU for each request with a body of `size` bytes."""

    async def ask():
        messages = load.conversation(size)
        body = {"model": "m", "user": "u", "chunks": 0, "pause": 0, "messages": messages}
        async with aiohttp.ClientSession() as session:

            async def once():
                async with session.post(f"{url}/v1/chat/completions", json=body) as answer:
                    assert answer.status == 200, await answer.text()
                    return await answer.read()

            for _ in range(3):
                await once()
            before = load.cpu_seconds(pid)
            for _ in range(rounds):
                await once()
            return (load.cpu_seconds(pid) - before) / rounds

    return 1e3 * min(asyncio.run(ask()) for _ in range(5))


def test_cpu_per_streamed_piece(upstream, tmp_path, record_property):
    with load.process("tests.gateway.load", "plain", upstream) as (url, pid):
        plain = cpu_per_chunk(url, pid)
    with load.gateway(upstream, "--no-record", *NO_RULES) as (url, pid):
        passed = cpu_per_chunk(url, pid)
    with load.gateway(upstream, "--observe", "--runs", str(tmp_path)) as (url, pid):
        observed = cpu_per_chunk(url, pid)
    with load.gateway(upstream, "--runs", str(tmp_path)) as (url, pid):
        guarded = cpu_per_chunk(url, pid)
    for name, value in {
        "plain": plain,
        "passed": passed,
        "observed": observed,
        "guarded": guarded,
    }.items():
        record_property(f"{name}_cpu_us_per_chunk", round(value, 1))
    print(
        f"CPU per piece: plain aiohttp proxy {plain:.1f} us, passed on {passed:.1f} us, "
        f"observed {observed:.1f} us, guarded and recorded {guarded:.1f} us"
    )
    assert passed <= 60
    assert guarded <= 100


def test_cpu_of_a_request_of_400_kb(upstream, tmp_path, record_property):
    """What the gateway itself costs, the record included."""
    with load.process("tests.gateway.load", "plain", upstream) as (url, pid):
        plain = cpu_per_request(url, pid, 400_000)
    with load.gateway(upstream, "--runs", str(tmp_path), *NO_RULES) as (url, pid):
        own = cpu_per_request(url, pid, 400_000)
    record_property("request_400kb_recorded_cpu_ms", round(own, 2))
    print(f"400 KB request: plain aiohttp proxy {plain:.2f} ms, recorded {own:.2f} ms")
    assert own <= 2.0


def test_cpu_of_a_request_of_400_kb_with_the_rules(upstream, tmp_path, record_property):
    with load.gateway(upstream, "--runs", str(tmp_path)) as (url, pid):
        guarded = cpu_per_request(url, pid, 400_000)
        resident = load.resident_mb(pid)
    record_property("request_400kb_guarded_cpu_ms", round(guarded, 2))
    record_property("resident_mb", round(resident, 1))
    print(f"400 KB request: guarded and recorded {guarded:.2f} ms; resident {resident:.1f} MB")
    assert resident <= 60
    assert guarded <= 2.0


def test_200_streams_at_once(upstream, tmp_path):
    with load.gateway(upstream, "--runs", str(tmp_path)) as (url, pid):
        asyncio.run(load.stream_all(url, 50, 20, 0.05))
        before = load.resident_mb(pid)
        wrong = asyncio.run(load.stream_all(url, 200, 200, 0.05))
        resident = load.resident_mb(pid)
    print(f"200 streams: {wrong} wrong; resident {before:.1f} MB, then {resident:.1f} MB")
    assert wrong == 0
    assert resident <= 90
