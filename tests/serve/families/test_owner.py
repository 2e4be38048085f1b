"""The process behind a URL: named only where it is known to be the server."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from seatrial.serve import sockets
from seatrial.serve.facts import Fact
from seatrial.serve.families.owner import forwards, owner_of, program
from tests.serve.families.stand import Stand

proc = pytest.mark.skipif(not sockets.available(), reason="needs /proc")

LISTEN = """
import os, socket, sys, time
held = socket.socket()
held.bind(("127.0.0.1", 0))
held.listen()
if "fork" not in sys.argv or os.fork():
    print(held.getsockname()[1], flush=True)
time.sleep(60)
"""


@proc
async def test_the_process_that_listens() -> None:
    async with Stand({}) as stand:
        owner = await owner_of(stand.url)
    assert owner.pid == Fact(os.getpid(), "process")
    assert owner.words == sockets.arguments(os.getpid())
    assert owner.notes == ()


@proc
async def test_workers_that_inherit_the_socket_are_one_server() -> None:
    words = (sys.executable, "-c", LISTEN, "fork", "--api-key", "s3cret")
    child = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    try:
        assert child.stdout is not None
        port = int(await child.stdout.readline())
        owner = await owner_of(f"http://localhost:{port}")
    finally:
        for pid in {child.pid, *sockets.owners(sockets.listeners("127.0.0.1", port))}:
            os.kill(pid, signal.SIGKILL)
        await child.wait()
    assert owner.pid == Fact(child.pid, "process")
    assert "s3cret" not in str(owner)
    assert "--api-key" in owner.words


@proc
async def test_nobody_listens_here() -> None:
    """A port that a container is reached at may have no listener on this machine at all."""
    owner = await owner_of("http://127.0.0.1:1")
    assert owner.pid is None
    assert "container" in owner.notes[0]


@proc
async def test_a_process_that_may_not_be_looked_into(monkeypatch) -> None:
    monkeypatch.setattr(sockets, "owners", lambda inodes: ())
    async with Stand({}) as stand:
        owner = await owner_of(stand.url)
    assert owner.pid is None
    assert "another user" in owner.notes[0]


async def test_another_machine_is_not_this_one() -> None:
    owner = await owner_of("http://192.0.2.1:8080")
    assert owner.pid is None
    assert "another machine" in owner.notes[0]


@pytest.mark.parametrize("url", ["http://localhost:99999", "http://[::1", "x", ""])
async def test_what_is_no_address(url: str) -> None:
    assert (await owner_of(url)).pid is None


async def test_a_path_of_a_proxy() -> None:
    owner = await owner_of("http://127.0.0.1:8080/upstream/x")
    assert owner.pid is None
    assert "proxy" in owner.notes[0]


@proc
async def test_what_only_forwards_a_port_is_not_the_server(monkeypatch) -> None:
    monkeypatch.setattr(sockets, "arguments", lambda pid: ("/usr/bin/docker-proxy", "-proto"))
    async with Stand({}) as stand:
        owner = await owner_of(stand.url)
    assert owner.pid is None
    assert owner.words == ()
    assert "docker-proxy" in owner.notes[0]


def test_the_name_of_a_program() -> None:
    assert program(("/usr/bin/ssh", "-L")) == "ssh"
    assert program(()) == ""
    assert forwards(("nginx: master process",))
    assert not forwards(("llama-server",))


@pytest.mark.parametrize(
    "words",
    [
        ("python3", "-m", "seatrial", "gateway", "--upstream", "http://x"),
        ("/v/bin/python", "/v/bin/seatrial", "gateway"),
    ],
)
def test_a_gateway_of_ours_only_forwards(words: tuple[str, ...]) -> None:
    assert forwards(words)
    assert program(words) == "seatrial gateway"
    assert not forwards(("python3", "-m", "seatrial", "serve", "gateway"))
