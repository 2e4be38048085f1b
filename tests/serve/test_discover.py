"""Finding servers: who listens where such servers listen, and nothing else is touched."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from seatrial.serve import discover as module
from seatrial.serve import sockets
from seatrial.serve.discover import (
    Candidate,
    candidates_of,
    discover,
    looks_like_server,
    usual_ports,
)
from seatrial.serve.sockets import Listener
from tests.serve.families.shapes import LLAMA_CPP, OLLAMA
from tests.serve.families.stand import Stand


def candidate(url: str) -> Candidate:
    return Candidate(url=url, pid=None)


async def test_servers_come_first_and_each_has_its_family() -> None:
    page = (200, "<html>")
    async with Stand(LLAMA_CPP) as one, Stand({}, missing=page) as two, Stand(OLLAMA) as three:
        found = await discover(candidate(stand.url) for stand in (two, three, one))
    ids = [one.family.id if one.family else None for one in found]
    assert set(ids[:2]) == {"llama.cpp", "ollama"}
    assert ids[2] is None
    assert "web page" in found[2].reason


async def test_a_port_that_says_nothing_is_left_within_a_second() -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        started = asyncio.get_running_loop().time()
        async with Stand(OLLAMA) as stand:
            urls = (f"http://127.0.0.1:{port}", stand.url)
            found = await discover((candidate(url) for url in urls), seconds=0.4)
        assert asyncio.get_running_loop().time() - started < 1.0
    finally:
        server.close()
    assert [one.family is not None for one in found] == [True, False]
    assert found[1].reason


async def test_nothing_to_ask() -> None:
    assert await discover(()) == ()


def test_only_usual_ports_and_likely_processes_are_asked() -> None:
    usual = usual_ports()
    assert {8080, 9931, 11434, 1234, 8000, 30000} <= set(usual)
    listeners = [
        Listener("127.0.0.1", 22, ()),
        Listener("127.0.0.1", 5432, (os.getpid(),)),
        Listener("127.0.0.1", 11434, ()),
        Listener("192.168.1.5", 8080, ()),
        Listener("::1", 8000, ()),
    ]
    urls = [one.url for one in candidates_of(listeners)]
    assert urls == ["http://127.0.0.1:11434", "http://[::1]:8000"]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("/usr/local/bin/llama-server -m x", True),
        ("ollama serve", True),
        ("python -m vllm.entrypoints.openai.api_server", True),
        ("/venv/bin/python /venv/bin/vllm serve m", True),
        ("/venv/bin/python /venv/bin/mlx_lm.server --model m", True),
        ("python -P -m seatrial.serve.embedded {}", True),
        ("python -m http.server", False),
        ("/usr/sbin/sshd -D", False),
        ("vim notes about ollama serve", False),
        ("", False),
    ],
)
def test_which_command_lines_look_like_one(command: str, expected: bool) -> None:
    assert looks_like_server(tuple(command.split())) == expected


@pytest.mark.skipif(not sockets.available(), reason="needs /proc")
async def test_a_server_at_an_odd_port_is_found_by_its_process(tmp_path) -> None:
    script = tmp_path / "llama-server"
    script.write_text(
        "import socket, time\n"
        "held = socket.socket(); held.bind(('127.0.0.1', 0)); held.listen()\n"
        "print(held.getsockname()[1], flush=True); time.sleep(60)\n"
    )
    child = await asyncio.create_subprocess_exec(
        sys.executable, str(script), "--api-key", "s3cret", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert child.stdout is not None
        port = int(await child.stdout.readline())
        found = [one for one in module.local_candidates() if one.pid == child.pid]
    finally:
        child.kill()
        await child.wait()
    assert [one.url for one in found] == [f"http://127.0.0.1:{port}"]
    assert "s3cret" not in str(found)


async def test_where_the_system_tells_nothing_the_usual_ports_are_asked(monkeypatch) -> None:
    monkeypatch.setattr(sockets, "available", lambda: False)
    assert {one.url for one in module.local_candidates()} == {
        f"http://127.0.0.1:{port}" for port in usual_ports()
    }
