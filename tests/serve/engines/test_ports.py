"""Ports before and after a start: free, ours, or somebody's who is named."""

from __future__ import annotations

import os
import socket

import pytest

from seatrial.core.errors import UnattestedError, UserError
from seatrial.serve import sockets
from seatrial.serve.engines.ports import free_port, held_by, refuse_taken
from seatrial.serve.engines.ready import url_host
from seatrial.serve.engines.spec import is_loopback

needs_proc = pytest.mark.skipif(not sockets.available(), reason="no /proc/net on this system")


def test_a_free_port_is_free() -> None:
    port = free_port("127.0.0.1")
    refuse_taken("127.0.0.1", port)
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(UserError, match=f"the port is taken: 127.0.0.1:{port}") as caught:
            refuse_taken("127.0.0.1", port)
        assert "0 for any free one" in (caught.value.hint or "")


def test_without_proc_it_is_refused_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "available", lambda: False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(UserError, match=r"the port is taken.*Address already in use"):
            refuse_taken("127.0.0.1", port)


@needs_proc
def test_who_holds_a_port() -> None:
    mine = (os.getpid(),)
    assert held_by("127.0.0.1", free_port("127.0.0.1"), mine) is None
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert held_by("127.0.0.1", port, mine) == os.getpid()
        with pytest.raises(UnattestedError, match=f"held by pid {os.getpid()}"):
            held_by("127.0.0.1", port, (1,))


@pytest.mark.parametrize(
    ("host", "shown", "loopback"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("localhost", "localhost", True),
        ("::1", "[::1]", True),
        ("0.0.0.0", "127.0.0.1", False),
        ("::", "[::1]", False),
        ("box.example", "box.example", False),
    ],
)
def test_hosts(host: str, shown: str, loopback: bool) -> None:
    assert url_host(host) == shown
    assert is_loopback(host) is loopback
