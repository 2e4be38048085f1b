"""Who listens: our own sockets, seen through /proc."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from seatrial.serve import sockets

pytestmark = pytest.mark.skipif(not sockets.available(), reason="no /proc/net on this system")


def listening(host: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = socket.socket(family)
    server.bind((host, 0))
    server.listen()
    return server


def test_our_own_listener_is_ours() -> None:
    with listening("127.0.0.1") as server:
        port = server.getsockname()[1]
        found = sockets.listeners("127.0.0.1", port)
        assert len(found) == 1
        assert found <= sockets.sockets_of(os.getpid())
        assert os.getpid() in sockets.owners(found)


def test_a_wildcard_accepts_for_the_loopback_address_too() -> None:
    with listening("0.0.0.0") as server:
        assert len(sockets.listeners("127.0.0.1", server.getsockname()[1])) == 1


def test_another_address_does_not() -> None:
    with listening("127.0.0.2") as server:
        assert not sockets.listeners("127.0.0.1", server.getsockname()[1])


def test_a_socket_that_does_not_listen_does_not_count() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert not sockets.listeners("127.0.0.1", bound.getsockname()[1])


def test_a_process_that_is_gone_holds_nothing() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert sockets.sockets_of(child.pid) == frozenset()
    assert sockets.command_line(child.pid) == ""


def test_a_holder_is_named() -> None:
    with listening("127.0.0.1") as server:
        port = server.getsockname()[1]
        (holder,) = sockets.holders(sockets.listeners("127.0.0.1", port))
        assert holder.pid == os.getpid()
        assert str(os.getpid()) in str(holder)
        assert port in sockets.ports_of(os.getpid())
    assert sockets.holders(frozenset()) == ()
    assert str(sockets.holders(frozenset({2**62}))[0]) == "a process of another user"


def test_whoever_listens_at_one_address_is_in_the_way_of_all() -> None:
    with listening("127.0.0.2") as server:
        port = server.getsockname()[1]
        assert not sockets.in_the_way("127.0.0.1", port)
        assert sockets.in_the_way("0.0.0.0", port)
        assert sockets.in_the_way("::", port)
