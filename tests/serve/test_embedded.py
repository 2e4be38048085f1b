"""The child process: that it never outlives its parent, and what it says when it cannot start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

import seatrial
from seatrial.serve.embedded import ChildSpec, Ready, main
from tests.serve.test_engine import engine_test
from tests.serve.tiny_gguf import write_tiny_model

SOURCES = str(Path(seatrial.__file__).parent.parent)
PARENT = """
import asyncio, sys
from pathlib import Path
from seatrial.serve import LaunchSpec, launch

async def main(model, log):
    async with launch(LaunchSpec(model=model, window_tokens=512, log=log)) as engine:
        print(engine.pid, flush=True)
        await asyncio.sleep(3600)

asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
"""


def child(model: Path, **changes: object) -> list[str]:
    spec = ChildSpec(
        model=str(model),
        adapters=(),
        n_ctx=512,
        n_parallel=1,
        threads=1,
        host="127.0.0.1",
        port=0,
        parent=os.getpid(),
    )
    text = msgspec.json.encode(msgspec.structs.replace(spec, **changes)).decode()
    return [sys.executable, "-m", "seatrial.serve.embedded", text]


def start(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": SOURCES},
    )


def running(pid: int) -> bool:
    """Whether `pid` runs; a zombie that its new parent has not reaped does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def ended_soon(pid: int) -> bool:
    deadline = time.monotonic() + 20
    while running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not running(pid)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "tiny.gguf")


@pytest.mark.parametrize("how", ["stdin", "sigterm"])
@pytest.mark.engine
@engine_test[1]
def test_it_ends_cleanly(model: Path, how: str) -> None:
    with start(child(model)) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        ready = msgspec.json.decode(process.stdout.readline(), type=Ready)
        assert ready.pid == process.pid
        assert ready.url.startswith("http://127.0.0.1:")
        if how == "stdin":
            process.stdin.close()
        else:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
        assert process.stdout.read() == b""


@pytest.mark.engine
@engine_test[1]
def test_it_ends_when_it_is_stopped_as_soon_as_it_is_there(model: Path) -> None:
    """Without waiting for the engine's own loop one of ten such stops hangs for ever."""
    for _ in range(12):
        with start(child(model)) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0


@pytest.mark.engine
@engine_test[1]
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_it_dies_with_its_parent(model: Path, tmp_path: Path, how: signal.Signals) -> None:
    with start([sys.executable, "-c", PARENT, str(model), str(tmp_path / "log")]) as parent:
        assert parent.stdout is not None
        engine = int(parent.stdout.readline())
        assert running(engine)
        parent.send_signal(how)
        parent.wait(timeout=20)
        assert ended_soon(engine)


@pytest.mark.engine
@engine_test[1]
def test_it_does_not_start_for_a_parent_that_is_gone(model: Path) -> None:
    with start(child(model, parent=1)) as process:
        assert process.stderr is not None
        assert process.wait(timeout=20) == 69
        assert b"is gone" in process.stderr.read()


def test_without_the_engine_it_says_what_to_install(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    monkeypatch.setattr("seatrial.serve.embedded.die_with", lambda parent: None)
    monkeypatch.setattr("seatrial.serve.embedded._own_stdout", lambda: 1)
    assert main(child(model)[3:]) == 64
    assert "pip install 'seatrial[embedded]'" in capsys.readouterr().err


def test_the_child_does_not_load_an_http_client() -> None:
    code = "import sys, seatrial.serve.embedded; print('aiohttp' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": SOURCES},
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"False\n"
