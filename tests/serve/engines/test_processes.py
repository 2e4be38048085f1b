"""Marks in real processes: whose they are, who is an orphan, and that only ours are stopped."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from seatrial.serve.engines import processes
from seatrial.serve.engines.leaked import leaked, stop_leaked
from seatrial.serve.engines.processes import MARK, Mark, Process, new_mark

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

LISTEN = """
import signal, socket, sys, time
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
time.sleep(3600)
"""


@contextmanager
def marked(mark: Mark | None, *words: str) -> Iterator[tuple[int, int]]:
    """A process that listens, with or without a mark: its id and its port."""
    environment = {key: value for key, value in os.environ.items() if key != MARK}
    if mark is not None:
        environment[MARK] = str(mark)
    process = subprocess.Popen(
        [sys.executable, "-c", LISTEN, *words], stdout=subprocess.PIPE, env=environment
    )
    assert process.stdout is not None
    try:
        yield process.pid, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def dead_owner() -> Mark:
    """The mark of a process that is gone."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    since = processes.started(child.pid)
    child.communicate(b"\n")
    return Mark(child.pid, since or 0, "launch-of-the-dead")


def test_a_server_of_a_living_owner_is_not_leaked() -> None:
    mark = new_mark()
    with marked(mark) as (pid, _):
        assert [found.pid for found in processes.of_launch(mark.launch)] == [pid]
        assert pid not in [one.pid for one in leaked()]


def test_leaked_servers_are_found_and_only_they_are_stopped() -> None:
    mark = dead_owner()
    with (
        marked(mark) as (orphan, port),
        marked(None) as (foreign, _),
        marked(new_mark()) as (own, _),
    ):
        found = [one for one in leaked() if one.process.mark == mark]
        assert [(one.pid, one.ports) for one in found] == [(orphan, (port,))]
        assert "socket" in found[0].command
        assert stop_leaked(found) == ()
        assert processes.started(orphan) is None
        assert processes.started(foreign)
        assert processes.started(own)


def test_one_that_ignores_the_request_is_killed() -> None:
    with marked(dead_owner(), "deaf") as (pid, _):
        found = next(process for process in processes.marked() if process.pid == pid)
        began = time.monotonic()
        assert processes.end([found], 0.2) == ()
        assert time.monotonic() - began < 2
        assert processes.started(pid) is None


def test_an_owner_of_the_same_number_is_another_process() -> None:
    mine = new_mark()
    assert not mine.orphaned
    assert Mark(mine.owner, mine.owner_started - 1, mine.launch).orphaned


def test_a_later_process_of_the_same_number_is_never_touched() -> None:
    with marked(None) as (pid, _):
        since = processes.started(pid)
        assert since is not None
        earlier = Process(pid, since - 1, dead_owner())
        processes.end([earlier], 0.0)
        assert processes.started(pid) == since


def test_a_mark_that_cannot_be_read_is_none() -> None:
    with marked(None) as (pid, _):
        assert pid not in [found.pid for found in processes.marked()]
    environment = {**os.environ, MARK: "not a mark"}
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env=environment
    ) as child:
        assert child.pid not in [found.pid for found in processes.marked()]
        child.communicate(b"\n")
