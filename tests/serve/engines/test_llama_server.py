"""`llama-server` as a real process: a stand-in with its arguments, over the same engine."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from seatrial.chat.transport import Transport
from seatrial.core.errors import EngineError, InfraError, UnattestedError, UserError
from seatrial.serve import Adapter, Engine, LaunchSpec, attest, launch
from seatrial.serve.engines import processes
from seatrial.serve.engines.llama_server import LlamaServer
from tests.serve.test_embedded import PARENT, SOURCES, ended_soon, running
from tests.serve.test_engine import engine_test, gone
from tests.serve.tiny_gguf import write_tiny_adapter, write_tiny_model

pytestmark = engine_test
Behave = Callable[[str], None]


async def started(spec: LaunchSpec) -> Engine:
    async with launch(spec) as engine:
        return engine


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def marks() -> set[str]:
    """The launches of this process that have left a process."""
    return {found.mark.launch for found in processes.marked() if found.mark.owner == os.getpid()}


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    before = marks()
    yield
    assert marks() <= before


async def test_it_serves_is_attested_and_leaves_nothing(spec: LaunchSpec) -> None:
    async with launch(spec) as engine:
        assert engine.server_family == "llama.cpp"
        assert engine.version.startswith("llama-server")
        assert Path(engine.argv[0]).name == "llama-server"
        attestation = await attest(engine)
        assert attestation.grade == "process"
        assert attestation.served["window_tokens"] == 512
        assert attestation.served["parsing"] == "content_only"
    assert gone(engine.pid)
    assert spec.log.read_text()


async def test_slots_and_an_adapter(spec: LaunchSpec, tmp_path: Path) -> None:
    adapter = Adapter(write_tiny_adapter(tmp_path / "adapter.gguf"), 0.5)
    both = msgspec.structs.replace(spec, slots=2, adapters=(adapter,))
    async with launch(both) as engine:
        served = (await attest(engine)).served
    assert (served["window_tokens"], served["slots"]) == (512, 2)
    assert served["adapters"][0]["scale"] == 0.5


async def test_a_key_is_asked_for_and_is_on_no_command_line(spec: LaunchSpec) -> None:
    open_spec = msgspec.structs.replace(spec, host="0.0.0.0", api_key="sesame-0815")
    async with launch(open_spec) as engine:
        assert "sesame" not in " ".join(engine.argv)
        command = Path(f"/proc/{engine.pid}/cmdline").read_bytes()
        assert b"sesame" not in command
        assert (await attest(engine)).grade == "process"
        async with Transport(engine.url) as stranger:
            with pytest.raises(EngineError, match="401"):
                await stranger.get_json("/props", dict[str, Any])


async def test_an_open_door_is_refused(spec: LaunchSpec) -> None:
    for program in ("llama-server", "embedded"):
        with pytest.raises(UserError, match="no key is asked") as caught:
            await started(msgspec.structs.replace(spec, host="0.0.0.0", program=program))
        assert "--api-key" in (caught.value.hint or "")


async def test_a_taken_port_is_refused_before_the_start_and_names_its_owner(
    spec: LaunchSpec,
) -> None:
    with taken_port() as port:
        for host in ("127.0.0.1", "0.0.0.0"):
            taken = msgspec.structs.replace(spec, port=port, host=host, api_key="k")
            with pytest.raises(UserError, match=f"held by pid {os.getpid()}"):
                await started(taken)
    assert not spec.log.exists()


async def test_a_port_that_is_taken_while_it_starts(spec: LaunchSpec, behave: Behave) -> None:
    behave("late")
    with taken_port() as port:
        pass
    spec = msgspec.structs.replace(spec, port=port)
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

        async def steal() -> None:
            await asyncio.sleep(0.3)
            thief.bind(("127.0.0.1", port))
            thief.listen()

        stealing = asyncio.create_task(steal())
        with pytest.raises((UnattestedError, UserError), match="taken"):
            await started(spec)
        await stealing


async def test_its_last_words_when_it_ends_early(spec: LaunchSpec, behave: Behave) -> None:
    behave("exit")
    with pytest.raises(EngineError, match="loading / the disk said no / that is all") as caught:
        await started(spec)
    assert str(spec.log) in (caught.value.hint or "")
    behave("killed")
    with pytest.raises(InfraError, match="killed by signal 9"):
        await started(spec)


async def test_an_argument_that_it_does_not_know(spec: LaunchSpec) -> None:
    with pytest.raises(UserError, match="invalid argument: --draft-max"):
        await started(msgspec.structs.replace(spec, extra=("--draft-max", "16")))


async def test_another_model_than_asked(
    spec: LaunchSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = write_tiny_model(tmp_path / "other.gguf")
    monkeypatch.setenv("STAND_IN_MODEL", str(other))
    with pytest.raises(UnattestedError, match=r"tiny\.gguf was asked, .*other\.gguf is served"):
        await started(spec)


async def test_a_window_that_was_overridden(spec: LaunchSpec) -> None:
    with pytest.raises(UnattestedError, match="window of 512 tokens was asked, 1024 is served"):
        await started(msgspec.structs.replace(spec, extra=("-c", "1024")))


async def test_one_that_never_listens(spec: LaunchSpec, behave: Behave) -> None:
    behave("silent")
    with pytest.raises(EngineError, match=r"not ready after 0\.3 s"):
        await started(msgspec.structs.replace(spec, start_timeout_seconds=0.3))


async def test_one_that_ignores_the_request_to_stop(
    spec: LaunchSpec, behave: Behave, monkeypatch: pytest.MonkeyPatch
) -> None:
    behave("deaf")
    monkeypatch.setattr("seatrial.serve.engines.start._STOP_SECONDS", 0.3)
    async with launch(spec) as engine:
        pass
    assert gone(engine.pid)


async def test_one_that_goes_into_the_background(spec: LaunchSpec, behave: Behave) -> None:
    behave("fork")
    with pytest.raises(EngineError, match="into the background"):
        await started(spec)


async def test_a_wrapper_around_it(spec: LaunchSpec, behave: Behave) -> None:
    behave("wrapper")
    async with launch(spec) as engine:
        assert engine.pid != engine.process.pid
        assert (await attest(engine)).grade == "process"
    assert not running(engine.pid)


async def test_it_is_told_once_a_second_that_it_loads(spec: LaunchSpec, behave: Behave) -> None:
    behave("late")
    told: list[float] = []
    began = time.monotonic()
    async with launch(spec, on_waiting=lambda waiting: told.append(waiting.seconds)):
        assert time.monotonic() - began > 1.0
    assert len(told) == 1


async def test_a_program_that_is_not_there(spec: LaunchSpec, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a program that can be run"):
        await started(msgspec.structs.replace(spec, executable=tmp_path / "none"))
    broken = tmp_path / "llama-server"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    with pytest.raises(EngineError, match="No such file"):
        await started(msgspec.structs.replace(spec, executable=broken))


def test_everything_is_said_explicitly(spec: LaunchSpec, tmp_path: Path) -> None:
    two = msgspec.structs.replace(spec, slots=2, threads=3, parsing="server", extra=("-ngl", "99"))
    words = " ".join(LlamaServer().arguments(two, 4711))
    for part in ("--ctx-size 1024 --parallel 2", "--port 4711", "--threads 3", "-ngl 99"):
        assert part in words
    assert "--skip-chat-parsing" not in words
    comma = Adapter(write_tiny_adapter(tmp_path / "a,b.gguf"))
    with pytest.raises(UserError, match="comma"):
        LlamaServer().check(msgspec.structs.replace(two, adapters=(comma,)))


@pytest.mark.skipif(sys.platform != "linux", reason="needs the parent-death signal")
def test_it_dies_with_us(spec: LaunchSpec) -> None:
    code = PARENT.replace("window_tokens=512", "window_tokens=512, program='llama-server'")
    with subprocess.Popen(
        [sys.executable, "-c", code, str(spec.model), str(spec.log.parent.parent / "log")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": SOURCES},
    ) as parent:
        assert parent.stdout is not None
        server = int(parent.stdout.readline())
        assert running(server)
        parent.send_signal(signal.SIGKILL)
        parent.wait(timeout=20)
        assert ended_soon(server)
