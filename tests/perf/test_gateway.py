"""Budgets of the gateway as users run it: CPU seconds of its process, beside a plain aiohttp proxy.

All contenders run at once and take turns, so that what else the machine does hits them alike. The
least of several batches is held against the budget, because noise only ever adds; the median and
the most are printed beside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from seatrial.gateway.settings import OWN_RULES
from seatrial.guard.rules import RULES
from tests.gateway import load

pytestmark = pytest.mark.perf

STREAMS, CHUNKS, PAUSE = 16, 150, 0.01
NO_RULES = [word for rule in (*RULES, *OWN_RULES) for word in ("--off", rule)]
PLAIN = "plain aiohttp proxy"
BATCHES, REQUESTS = 9, 10
HISTORY_BYTES = 378_000
"""Makes bodies of 390 to 420 KB."""

Ask = Callable[[str], Awaitable[None]]


@pytest.fixture(scope="module")
def upstream():
    with load.process("tests.gateway.load", "upstream") as (url, _):
        yield url


@pytest.fixture
def contenders(upstream, tmp_path):
    """Start a plain proxy and gateways with these options: name -> (URL, process id)."""
    with contextlib.ExitStack() as running:

        def start(**options):
            plain = running.enter_context(load.process("tests.gateway.load", "plain", upstream))
            found = {PLAIN: plain}
            for name, words in options.items():
                runs = ["--runs", str(tmp_path / name)]
                found[name] = running.enter_context(load.gateway(upstream, *runs, *words))
            return found

        yield start


def costs(contenders, batches, batch, units):
    """Name -> CPU seconds a unit of each batch; the first batch warms up."""
    found = {name: [] for name in contenders}
    for number in range(batches + 1):
        for name, (url, pid) in contenders.items():
            before = load.cpu_seconds(pid)
            batch(number, url)
            if number:
                found[name].append((load.cpu_seconds(pid) - before) / units)
    return found


def told(what, scale, unit, found, units):
    """Print the spread; name -> the least."""
    n = f"n = {len(next(iter(found.values())))} x {units}"
    print(f"\n{what}, CPU in {unit}, {n}: least, median, most")
    for name, values in found.items():
        row = (min(values), statistics.median(values), max(values))
        print(f"  {name:24}" + "".join(f"{scale * value:9.2f}" for value in row))
    return {name: scale * min(values) for name, values in found.items()}


def bodies(messages, count):
    """Requests of a conversation that goes on: each has a turn more than the one before."""
    found = []
    for _ in range(count):
        messages = load.grown(messages)
        body = {"model": "m", "user": "u", "chunks": 0, "pause": 0, "messages": messages}
        found.append(json.dumps(body).encode())
    return messages, found


def post_all(url, requests):
    async def ask():
        headers = {"Content-Type": "application/json"}
        async with aiohttp.ClientSession(headers=headers) as session:
            for body in requests:
                async with session.post(f"{url}/v1/chat/completions", data=body) as answer:
                    assert answer.status == 200, await answer.text()
                    await answer.read()
            # What is recorded is written after the answer.
            await asyncio.sleep(0.1)

    asyncio.run(ask())


def test_cpu_per_streamed_piece(contenders, record_property):
    started = contenders(
        passed=["--no-record", *NO_RULES], observed=["--observe"], guarded_and_recorded=[]
    )

    def batch(number, url):
        assert asyncio.run(load.stream_all(url, STREAMS, CHUNKS, PAUSE)) == 0

    units = STREAMS * CHUNKS
    least = told("a streamed piece", 1e6, "us", costs(started, 4, batch, units), units)
    for name, value in least.items():
        record_property(f"{name.split()[0]}_cpu_us_per_chunk", round(value, 1))
    assert least["passed"] <= 60
    assert least["guarded_and_recorded"] <= 100


def test_cpu_of_a_request_of_400_kb(contenders, record_property):
    """A conversation goes on; each request brings all of it again, as clients do."""
    started = contenders(
        passed=["--no-record", *NO_RULES], recorded=NO_RULES, guarded_and_recorded=[]
    )
    messages, batches = load.conversation(HISTORY_BYTES), []
    for _ in range(BATCHES + 1):
        messages, requests = bodies(messages, REQUESTS)
        batches.append(requests)
    found = costs(started, BATCHES, lambda n, url: post_all(url, batches[n]), REQUESTS)
    size = f"{len(batches[1][0]) // 1000} to {len(batches[-1][-1]) // 1000} KB"
    least = told(f"a request of {size}", 1e3, "ms", found, REQUESTS)
    resident = load.resident_mb(started["guarded_and_recorded"][1])
    print(f"  resident {resident:.1f} MB; plain {load.resident_mb(started[PLAIN][1]):.1f} MB")
    for name, value in least.items():
        record_property(f"{name.split()[0]}_request_400kb_cpu_ms", round(value, 2))
    record_property("resident_mb", round(resident, 1))
    assert least["guarded_and_recorded"] <= 2.0
    assert resident <= 60


def test_cpu_of_the_first_request_of_a_conversation(contenders, record_property):
    """Nothing of it is known, and all of it is recorded: once a conversation, so only told."""
    started = contenders(guarded_and_recorded=[])
    history = load.conversation(HISTORY_BYTES)

    def batch(number, url):
        firsts = []
        for place in range(REQUESTS):
            task = {"role": "user", "content": f"{load.word(number * 100 + place)} {url}"}
            firsts += bodies([history[0], task, *history[2:]], 1)[1]
        post_all(url, firsts)

    found = costs(started, 3, batch, REQUESTS)
    least = told("the first request of a conversation", 1e3, "ms", found, REQUESTS)
    record_property("first_request_400kb_cpu_ms", round(least["guarded_and_recorded"], 2))


def test_200_streams_at_once(contenders, record_property):
    started = contenders(guarded_and_recorded=[])
    idle = {name: load.resident_mb(pid) for name, (_, pid) in started.items()}
    wrong = {
        n: asyncio.run(load.stream_all(url, 200, 200, 0.05)) for n, (url, _) in started.items()
    }
    resident = {name: load.resident_mb(pid) for name, (_, pid) in started.items()}
    for name, size in resident.items():
        record_property(f"{name.split()[0]}_200_streams_resident_mb", round(size, 1))
        print(f"\n{name}: {idle[name]:.1f} MB, with 200 streams {size:.1f} MB", end="")
    print()
    assert not any(wrong.values())
    # Each holds the beginning of its answer as the bytes it came as, in case it is asked again.
    assert resident["guarded_and_recorded"] <= 80
