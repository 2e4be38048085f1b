"""Who is behind a port, seen through /proc: processes of our own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.serve import sockets
from seatrial.serve.behind import behind, describe, model_files, started_ns
from seatrial.serve.testimony import examine
from tests.serve.tiny_gguf import write_tiny_model

pytestmark = pytest.mark.skipif(not sockets.available(), reason="no /proc/net on this system")

# Listens, opens the files it is given, and starts a child that opens the others.
SERVER = """
import mmap, socket, subprocess, sys
kept = []
for name in sys.argv[1].split(","):
    if name:
        file = open(name, "rb")
        kept.append(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        file.close()
children = []
for name in sys.argv[2].split(","):
    if name:
        code = "import sys; f = open(sys.argv[1], 'rb'); print('up', flush=True); input()"
        child = subprocess.Popen([sys.executable, "-c", code, name],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        child.stdout.readline()
        children.append(child)
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def serving(own: str = "", child: str = "", *more: str) -> Iterator[tuple[int, int]]:
    """Pid and port of a process that listens."""
    argv = [sys.executable, "-c", SERVER, own, child, *more]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())
        assert process.stdin is not None
        process.stdin.close()
        process.wait(10)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "tiny.gguf")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_process_command_line_and_model(model: Path) -> None:
    with serving(str(model), "", "--api-key", "secret") as (pid, port):
        found = behind("127.0.0.1", port)
        assert found is not None
        assert (found.pid, found.worker, found.several) == (pid, pid, False)
        assert found.mapped == (str(model),)
        assert found.argv[-2:] == ("--api-key", "***")
        anywhere = behind("0.0.0.0", port)
        assert anywhere is not None
        assert anywhere.pid == pid
        assert abs((found.started_ns or 0) - time.time_ns()) < 30e9


def test_a_child_that_has_the_model(model: Path) -> None:
    with serving("", str(model)) as (pid, port):
        found = behind("127.0.0.1", port)
        assert found is not None
        assert found.pid == pid
        assert found.worker != pid
        assert found.mapped == (str(model),)


def test_two_children_with_a_model_each(model: Path, tmp_path: Path) -> None:
    other = write_tiny_model(tmp_path / "other.gguf", seed=2)
    with serving("", f"{model},{other}") as (_, port):
        found = behind("127.0.0.1", port)
        assert found is not None
        assert found.several


def test_nobody_there() -> None:
    with serving() as (_, port):
        pass
    assert behind("127.0.0.1", port) is None
    assert describe(2**22 + 1) is None
    assert started_ns(2**22 + 1) is None
    assert model_files(2**22 + 1) == ()


def test_by_content_and_not_by_name(tmp_path: Path, model: Path) -> None:
    blob = model.rename(tmp_path / "sha256-0123")
    fake = tmp_path / "fake.gguf"
    fake.write_bytes(b"no model" * 1000)
    with serving(f"{blob},{fake}") as (pid, _):
        assert model_files(pid) == (str(blob),)


def test_the_testimony(model: Path, tmp_path: Path) -> None:
    named = write_tiny_model(tmp_path / "named.gguf", seed=3)
    with serving(str(model), "", f"--draft={named}") as (pid, port):
        found = examine("127.0.0.1", port)
        assert found is not None
        assert (found.pid, found.port) == (pid, port)
        assert found.boot_id
        rows = {Path(one.weights.path).name: one for one in found.models}
        assert (rows["tiny.gguf"].in_memory, rows["tiny.gguf"].untouched) == (True, True)
        assert (rows["named.gguf"].in_memory, rows["named.gguf"].untouched) == (False, True)
        time.sleep(0.05)
        os.utime(model)
        touched = examine("127.0.0.1", port)
        assert touched is not None
        assert [one.untouched for one in touched.models] == [False, True]


def test_paths_inside_of_json_count(model: Path) -> None:
    with serving("", "", json.dumps({"a": [{"model": str(model)}]}), "{broken") as (_, port):
        found = examine("127.0.0.1", port)
        assert found is not None
        assert [one.names for one in found.models] == [(str(model),)]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, model: Path) -> None:
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(model.read_bytes()[:2000])
    with serving("", "", str(damaged)) as (_, port):
        found = examine("127.0.0.1", port)
        assert found is not None
        assert found.models == ()
        assert "damaged.gguf" in found.unread[0]


def test_a_link_that_was_changed_since(tmp_path: Path) -> None:
    for version, seed in (("v1", 3), ("v2", 4)):
        (tmp_path / version).mkdir()
        write_tiny_model(tmp_path / version / "m.gguf", seed=seed)
    current, other = tmp_path / "current", tmp_path / "other"
    current.symlink_to("v1")
    time.sleep(0.05)
    with serving("", "", "-m", str(current / "m.gguf")) as (_, port):
        found = examine("127.0.0.1", port)
        assert found is not None
        assert [one.untouched for one in found.models] == [True]
        time.sleep(0.05)
        other.symlink_to("v2")
        other.replace(current)
        found = examine("127.0.0.1", port)
        assert found is not None
        assert [one.untouched for one in found.models] == [False]
