"""No path that a model gives leads out of the workspace."""

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.sandbox import ConfinementError, confined


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A workspace that an attacker has prepared, next to something secret."""
    base = tmp_path_factory.mktemp("confine")
    (base / "secret").write_text("host")
    (base / "ws-evil").mkdir()
    workspace = base / "ws"
    (workspace / "d").mkdir(parents=True)
    (workspace / "f.py").write_text("inside")
    (workspace / "in").symlink_to("d")
    (workspace / "up").symlink_to("..")
    (workspace / "out").symlink_to(base / "secret")
    (workspace / "root").symlink_to("/")
    (workspace / "dangling").symlink_to(base / "not-yet")
    (workspace / "loop").symlink_to("loop")
    os.mkfifo(workspace / "pipe")
    return workspace


@pytest.mark.parametrize(
    ("given_path", "found"),
    [
        ("f.py", "f.py"),
        ("./f.py", "f.py"),
        ("/app/f.py", "f.py"),
        ("/app", "."),
        (".", "."),
        ("in/new", "d/new"),
        ("new/deep/x", "new/deep/x"),
        ("..py", "..py"),
    ],
)
def test_inside(tree, given_path, found):
    assert confined(tree, given_path) == (tree / found).resolve()


def test_the_host_path_of_the_workspace_is_inside(tree):
    assert confined(tree, str(tree / "f.py")) == tree / "f.py"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "\0",
        "a\0b",
        "\ud800",
        "..",
        "../secret",
        "d/../f.py",
        "/app/../secret",
        "/etc/passwd",
        "/apple",
        "/app2/x",
        "out",
        "root/etc/passwd",
        "up/secret",
        "dangling",
        "loop",
        "loop/x",
        "pipe",
        "/",
        "//app/f.py",
        "../ws-evil/x",
        "/app/out",
        "/proc/self/environ",
    ],
)
def test_outside(tree, path):
    with pytest.raises(ConfinementError):
        confined(tree, path)


def test_a_socket_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        with pytest.raises(ConfinementError, match="neither a file nor a folder"):
            confined(tmp_path, "s")


def test_another_workdir(tree):
    assert confined(tree, "/testbed/f.py", workdir="/testbed") == tree / "f.py"
    with pytest.raises(ConfinementError):
        confined(tree, "/app/f.py", workdir="/testbed")


PARTS = st.sampled_from(
    ["..", ".", "", "in", "up", "out", "root", "d", "f.py", "loop", "pipe", "app", "ws", "secret"]
)


@given(st.lists(PARTS | st.text(max_size=5), max_size=6), st.sampled_from(["", "/", "/app/", "//"]))
def test_nothing_leads_out(tree, parts, start):
    try:
        found = confined(tree, start + "/".join(parts))
    except ConfinementError:
        return
    assert found.is_relative_to(tree.resolve())
    assert found == Path(os.path.realpath(found))
    assert not found.is_fifo()
