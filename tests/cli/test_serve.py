"""`seatrial serve`: what it starts, what it says, how it ends, and the files it makes."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import seatrial
from seatrial.cli import main
from seatrial.serve.engines.processes import MARK
from tests.serve.engines.conftest import programs
from tests.serve.engines.test_processes import LISTEN, dead_owner
from tests.serve.test_embedded import ended_soon, running
from tests.serve.test_engine import engine_test
from tests.serve.tiny_gguf import write_tiny_model

__all__ = ["programs"]
SOURCE = str(Path(seatrial.__file__).parents[1])
Said = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SEATRIAL_API_KEY", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(write_tiny_model(tmp_path / "tiny.gguf", context=1024))


def _hear_signals() -> None:
    """A shell lets its background jobs ignore these, `nohup` the second: children inherit that."""
    for one in (signal.SIGINT, signal.SIGHUP):
        signal.signal(one, signal.SIG_DFL)


@contextmanager
def serving(*words: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A `seatrial serve --json`, and the line that it said."""
    process = subprocess.Popen(
        [sys.executable, "-m", "seatrial", "serve", "--json", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": SOURCE},
        preexec_fn=_hear_signals,
    )
    assert process.stdout is not None
    try:
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


@pytest.mark.engine
@engine_test[1]
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_serves_until_it_is_told_to_stop(model: str, how: signal.Signals) -> None:
    with serving(model) as (process, row):
        assert row["grade"] == "process"
        assert row["served"]["window_tokens"] == 1024
        assert row["program"] == "embedded"
        assert running(row["pid"])
        process.send_signal(how)
        _, said = process.communicate(timeout=20)
        assert (process.returncode, said) == (0, "stopped\n")
        assert ended_soon(row["pid"])


@pytest.mark.engine
@engine_test[1]
def test_it_starts_a_dead_one_again(model: str, programs: Path) -> None:
    words = ["--program", "llama-server", "--restart", "on-failure", "--max-restarts", "1"]
    with serving(model, *words) as (process, first):
        assert process.stdout is not None
        os.kill(first["pid"], signal.SIGKILL)
        second = json.loads(process.stdout.readline())
        assert second["url"] == first["url"]
        assert second["restarts"] == 1
        assert second["served"] == first["served"]
        os.kill(second["pid"], signal.SIGKILL)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 1
        assert "the engine died (signal 9" in said
        assert "ended by itself (exit -9)" in said


def test_a_dry_run_prints_the_exact_command(model: str, programs: Path, capsys: Said) -> None:
    words = ["--program", "llama-server", "--port", "4711", "--api-key", "sesame", "--dry-run"]
    assert main(["serve", model, *words, "--", "-ngl", "99"]) == 0
    said = capsys.readouterr().out
    assert "sesame" not in said
    key, *argv = shlex.split(said)
    assert key == "LLAMA_API_KEY=..."
    assert argv[:3] == [str(programs / "llama-server"), "--model", model]
    assert argv[-2:] == ["-ngl", "99"]
    assert "--skip-chat-parsing" not in argv


@pytest.mark.parametrize(
    ("words", "says", "hints"),
    [
        ([], "which model?", "seatrial models"),
        (["dinghy", "dinghy-raw"], "one model, not 2", "behind --"),
        (["no-such-model"], "no such model", "dinghy"),
        (["dinghy", "--program", "nix"], "no such program: nix", "mlx_lm.server"),
        (["dinghy", "--host", "0.0.0.0"], "no key is asked", "--api-key"),
        (["dinghy", "--port", "65536"], "no such port", "0 for any free one"),
        (["dinghy", "--window", "0"], "--window begins at 1", ""),
        (["dinghy", "--", "-ngl", "99"], "takes no further arguments: -ngl 99", "llama-server"),
        (["a/b", "--program", "vllm"], "vllm is not installed", "pip install vllm"),
    ],
)
def test_what_cannot_be_started(
    words: list[str], says: str, hints: str, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert main(["serve", *words]) == 64
    error, _, hint = capsys.readouterr().err.partition("\n")
    assert says in error
    assert hints in hint


def test_a_taken_port_names_its_owner(model: str, capsys: Said) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        assert main(["serve", model, "--port", port]) == 64
    assert f"held by pid {os.getpid()}" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_servers_that_were_left_behind(capsys: Said) -> None:
    environment = {**os.environ, MARK: str(dead_owner())}
    with subprocess.Popen(
        [sys.executable, "-c", LISTEN], stdout=subprocess.PIPE, env=environment
    ) as orphan:
        assert orphan.stdout is not None
        port = int(orphan.stdout.readline())
        assert main(["serve", "--leaked"]) == 1
        listed = capsys.readouterr()
        assert f"pid {orphan.pid}, port {port}" in listed.out
        assert "--stop-leaked" in listed.err
        assert main(["serve", "--stop-leaked", "--json"]) == 0
        rows = json.loads(capsys.readouterr().out)
        assert {"pid": orphan.pid, "stopped": True} in [
            {name: row[name] for name in ("pid", "stopped")} for row in rows
        ]
        assert not running(orphan.pid)
    main(["serve", "--leaked"])
    assert f"pid {orphan.pid}," not in capsys.readouterr().out


def test_a_file_for_llama_swap(model: str, tmp_path: Path, capsys: Said) -> None:
    out = tmp_path / "swap.yaml"
    assert main(["serve", model, "dinghy", "--llama-swap-config", str(out)]) == 0
    assert "--ctx-size 1024" in out.read_text()
    assert main(["serve", "--check-llama-swap", str(out)]) == 0
    assert main(["serve", model, "--llama-swap-config", str(out)]) == 64
    assert "is there already" in capsys.readouterr().err
    out.write_text(out.read_text().replace('- "dinghy"', '- "dingy"'))
    assert main(["serve", "--check-llama-swap", str(out)]) == 1
    assert "warning: group kept names dingy" in capsys.readouterr().out
    assert main(["serve", "--check-llama-swap", str(out), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)[0]["fatal"] is False
