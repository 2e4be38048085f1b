"""The gateway in front of the real engine: the same answers, and a record of them."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.request

import pytest

from seatrial.store import read_events
from tests.gateway import load
from tests.gateway.conftest import BASH, decoded

pytestmark = pytest.mark.engine

TASKS = ["List the files.", "Show the file a.txt.", "Count to five.", "Say hello."]
_VOLATILE = re.compile(rb'"(?:id|created|timings|system_fingerprint)":(?:"[^"]*"|\d+|\{[^}]*\}),?')


@pytest.fixture(scope="module")
def engine():
    with load.process("seatrial", "serve", "dinghy", "--parsing", "server", "--json") as (url, _):
        yield url


def ask(url, task, path="/v1/chat/completions"):
    body = {
        "model": "dinghy",
        "stream": True,
        "temperature": 0,
        "max_tokens": 64,
        "cache_prompt": False,
        "messages": [{"role": "user", "content": task}],
        "tools": [BASH],
        "stream_options": {"include_usage": True},
    }
    request = urllib.request.Request(
        url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        return answer.read()


def without_volatile(stream):
    return _VOLATILE.sub(b"", stream)


@pytest.mark.parametrize("options", [("--observe",), ()])
def test_answers_are_the_engines_own(engine, options, tmp_path):
    direct = [ask(engine, task) for task in TASKS]
    with load.gateway(engine, "--runs", str(tmp_path), *options) as (url, _):
        through = [ask(url, task) for task in TASKS]
    for one, other in zip(direct, through, strict=True):
        assert without_volatile(one) == without_volatile(other)
        assert decoded(other)[-1] == "[DONE]"
    folders = sorted(tmp_path.glob("*/sessions/*/*"))
    assert len(folders) == len(TASKS)
    for folder in folders:
        kinds = [type(event).__name__ for event in read_events(folder)]
        assert (kinds[0], kinds[-1]) == ("Begin", "End")
        assert "Response" in kinds


def test_what_the_engine_is_reaches_the_configuration(engine, seatrial):
    done = seatrial("gateway", "--upstream", engine, "--config", "pi")
    assert done.returncode == 0, done.stderr
    assert '"contextWindow": 4096' in done.stdout


def test_a_client_that_leaves_frees_the_slot(engine, tmp_path):
    async def leave(url):
        reader, writer = await asyncio.open_connection(*url.removeprefix("http://").split(":"))
        body = json.dumps(
            {"model": "d", "stream": True, "messages": [{"role": "user", "content": "x"}]}
        ).encode()
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
            % len(body)
            + body
        )
        await asyncio.sleep(0.3)
        writer.close()
        await asyncio.sleep(0.5)
        return reader

    with load.gateway(engine, "--no-record") as (url, _):
        asyncio.run(leave(url))
        with urllib.request.urlopen(f"{url}/slots", timeout=10) as answer:
            slots = json.loads(answer.read())
    assert not any(slot["is_processing"] for slot in slots)
