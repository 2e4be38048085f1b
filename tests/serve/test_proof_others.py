"""Attesting engines of ours that are no llama.cpp: process, sealed files, canary."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from seatrial.core.errors import UnattestedError
from seatrial.fakes.personalities import personality
from seatrial.serve import Engine, LaunchSpec, attest, reattest, sockets
from seatrial.serve.seal import FileSeal, seal

pytestmark = pytest.mark.skipif(not sockets.available(), reason="no /proc/net on this system")
WINDOW = 8192


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"tensors")
    return path


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with personality("vllm", window=WINDOW) as server:
        yield server.url


def engine(url: str, child: Any, *seals: FileSeal, window: int = WINDOW) -> Engine:
    """The port is held by this process, as if the child had started it."""
    spec = LaunchSpec(
        model=Path("/m"), log=Path("/log"), window_tokens=window, program="vllm", parsing="server"
    )
    return Engine(
        url, spec, (), "vllm 0.30", seals, child, served_by=os.getpid(), server_family="vllm"
    )


async def test_process_and_files_are_proven(url: str, child: Any, file: Path) -> None:
    ours = engine(url, child, seal(file))
    found = await attest(ours)
    assert (found.grade, found.reasons, found.wire) == ("process", (), "native")
    assert len(found.served["weights"]) == 64
    assert (found.served["engine"], found.served["parsing"]) == ("vllm 0.30", "server")
    assert found.identity["weights"] == found.served["weights"]
    again = await reattest(ours, found)
    assert again.served == found.served


async def test_a_repository_is_not_a_file(url: str, child: Any) -> None:
    found = await attest(engine(url, child))
    assert found.grade == "canary"
    assert found.reasons == ("no digest: /m is not a file of this machine",)


async def test_another_window(url: str, child: Any, file: Path) -> None:
    with pytest.raises(UnattestedError, match="a window of 512 tokens was asked, 8192 is served"):
        await attest(engine(url, child, seal(file), window=512))


async def test_a_file_that_is_written_to(url: str, child: Any, file: Path) -> None:
    ours = engine(url, child, seal(file))
    first = await attest(ours)
    file.write_bytes(b"other tensors")
    with pytest.raises(UnattestedError, match="was written to"):
        await reattest(ours, first)


async def test_another_model_answers(url: str, child: Any, file: Path) -> None:
    first = await attest(engine(url, child, seal(file)))
    async with personality("vllm", window=WINDOW, model="other/model") as server:
        with pytest.raises(UnattestedError) as caught:
            await reattest(engine(server.url, child, seal(file)), first)
    assert "model changed while it was served" in caught.value.message
    assert "the weights answer differently" in caught.value.message
