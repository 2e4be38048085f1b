"""Attestation of our own engine: what is proven, and that no swap goes unnoticed."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from seatrial.chat.transport import Transport
from seatrial.core.errors import UnattestedError
from seatrial.core.lock import arm_id
from seatrial.core.schema import sha256_hex
from seatrial.serve import (
    Adapter,
    Attestation,
    Engine,
    LaunchSpec,
    attest,
    attest_url,
    launch,
    reattest,
)
from seatrial.serve.engine import Engine as EngineClass
from seatrial.serve.seal import seal
from tests.serve.test_engine import engine_test
from tests.serve.tiny_gguf import CHAT_TEMPLATE, write_tiny_adapter, write_tiny_model

pytestmark = engine_test


@pytest.fixture
def spec(tmp_path: Path) -> LaunchSpec:
    return LaunchSpec(
        model=write_tiny_model(tmp_path / "tiny.gguf"),
        adapters=(Adapter(write_tiny_adapter(tmp_path / "adapter.gguf"), 0.1),),
        window_tokens=512,
        slots=2,
        log=tmp_path / "engine.log",
    )


@pytest.fixture
async def engine(spec: LaunchSpec) -> AsyncIterator[Engine]:
    async with launch(spec) as engine:
        yield engine


async def generate(engine: Engine, prompt: str = "one two") -> str:
    body = {"prompt": prompt, "n_predict": 40, "temperature": 0, "seed": 1}
    async with Transport(engine.url) as server:
        return str((await server.post_json("/completion", body, dict[str, Any]))["content"])


async def test_everything_is_proven(engine: Engine, spec: LaunchSpec) -> None:
    found = await attest(engine)
    assert (found.grade, found.reasons) == ("process", ())
    assert found.served["weights"] == sha256_hex(spec.model.read_bytes())
    adapter = sha256_hex(spec.adapters[0].path.read_bytes())
    assert found.served["adapters"] == [{"sha256": adapter, "scale": 0.1}]
    assert found.served["template"] == sha256_hex(CHAT_TEMPLATE.encode())
    assert (found.served["window_tokens"], found.served["slots"]) == (512, 2)
    assert found.served["sampler"]["top_k"] == 40
    assert found.volatile["pid"] == engine.pid
    assert found.identity["model"] == "tiny.gguf"
    facts = found.facts()
    assert (facts.wire, facts.window, facts.slots) == ("raw_chat", 512, 2)
    assert found.facts("native").wire == "native"
    assert msgspec.json.decode(msgspec.json.encode(found), type=Attestation) == found


async def test_two_launches_have_one_id(spec: LaunchSpec, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    other = msgspec.structs.replace(
        spec,
        model=write_tiny_model(moved / "renamed.gguf"),
        adapters=(Adapter(write_tiny_adapter(moved / "a.gguf"), 0.1),),
    )
    found = []
    for one in (spec, other):
        async with launch(one) as engine:
            found.append(await attest(engine))
    assert arm_id({}, found[0].served, {}) == arm_id({}, found[1].served, {})
    assert found[0].canary == msgspec.structs.replace(
        found[1].canary,
        prompt_tokens_per_second=found[0].canary.prompt_tokens_per_second,
        generated_tokens_per_second=found[0].canary.generated_tokens_per_second,
    )


async def test_attesting_disturbs_no_result_and_holds_after_work(engine: Engine) -> None:
    before = await generate(engine)
    first = await attest(engine)
    assert await generate(engine) == before
    await asyncio.gather(*(generate(engine, f"word {n} " * 30) for n in range(6)))
    again = await reattest(engine, first)
    assert again.served == first.served
    assert await generate(engine) == before


async def test_the_port_of_another_engine(engine: Engine, spec: LaunchSpec) -> None:
    """Both are alive and serve the same file: only the socket tells them apart."""
    async with launch(spec) as other:
        confused = dataclasses.replace(engine, url=other.url)
        with pytest.raises(UnattestedError, match=f"another process .pid {other.pid}."):
            await attest(confused)


async def test_a_double_that_takes_the_port_of_the_dead(engine: Engine, spec: LaunchSpec) -> None:
    first = await attest(engine)
    port = int(engine.url.rpartition(":")[2])
    os.kill(engine.pid, signal.SIGKILL)
    await engine.wait_exit()
    async with launch(msgspec.structs.replace(spec, port=port)) as double:
        assert double.url == engine.url
        with pytest.raises(UnattestedError, match="not running"):
            await reattest(engine, first)


async def test_a_liar_that_repeats_every_answer(engine: Engine, tmp_path: Path) -> None:
    """A proxy in front of the real engine says all the right things; it is not our child."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as sleeper:
        async with forwarding(engine.url) as url:
            liar = EngineClass(url, engine.spec, (), engine.version, engine.seals, sleeper)
            with pytest.raises(UnattestedError, match=f"another process .pid {os.getpid()}."):
                await attest(liar)
            # Without the proof of the process, its word would have been taken.
            found = await attest_url(url)
            assert found.served["window_tokens"] == 512
            assert (found.grade, found.served["weights"]) == ("canary", None)
            assert found.reasons == (
                f"process {os.getpid()} has no model itself and passes requests on",
            )
        sleeper.kill()


async def test_a_dead_engine(engine: Engine) -> None:
    first = await attest(engine)
    os.kill(engine.pid, signal.SIGKILL)
    with pytest.raises(UnattestedError) as caught:
        await asyncio.wait_for(until_noticed(engine, first), 10)
    assert "\n" not in caught.value.message


async def until_noticed(engine: Engine, first: Any) -> None:
    while True:
        await reattest(engine, first)


async def test_a_model_replaced_before_the_first_proof(engine: Engine, spec: LaunchSpec) -> None:
    write_tiny_model(spec.model.with_name("other"), seed=7).replace(spec.model)
    with pytest.raises(UnattestedError, match=r"tiny\.gguf was replaced"):
        await attest(engine)


async def test_a_model_moved_away_and_back_before_the_first_proof(
    engine: Engine, spec: LaunchSpec
) -> None:
    spec.model.rename(spec.model.with_name("away")).rename(spec.model)
    with pytest.raises(UnattestedError, match="was touched"):
        await attest(engine)


async def test_a_model_replaced_under_way(engine: Engine, spec: LaunchSpec) -> None:
    first = await attest(engine)
    write_tiny_model(spec.model.with_name("other"), seed=7).replace(spec.model)
    with pytest.raises(UnattestedError, match="was replaced"):
        await reattest(engine, first)


async def test_a_model_written_to_under_way(engine: Engine, spec: LaunchSpec) -> None:
    first = await attest(engine)
    with spec.model.open("r+b") as file:
        file.seek(-64, 2)
        file.write(bytes(64))
    with pytest.raises(UnattestedError, match="was written to"):
        await reattest(engine, first)


async def test_a_model_deleted_under_way(engine: Engine, spec: LaunchSpec) -> None:
    first = await attest(engine)
    spec.model.unlink()
    with pytest.raises(UnattestedError, match=r"tiny\.gguf is gone"):
        await reattest(engine, first)


async def test_an_adapter_replaced_under_way(engine: Engine, spec: LaunchSpec) -> None:
    first = await attest(engine)
    path = spec.adapters[0].path
    write_tiny_adapter(path.with_name("other"), seed=7).replace(path)
    with pytest.raises(UnattestedError, match=r"adapter\.gguf was replaced"):
        await reattest(engine, first)


async def test_an_adapter_scaled_under_way(engine: Engine) -> None:
    first = await attest(engine)
    async with Transport(engine.url) as server:
        await server.post_json("/lora-adapters", [{"id": 0, "scale": 1.0}], dict[str, Any])
    with pytest.raises(UnattestedError, match=r"x 0\.1 were asked, adapter\.gguf x 1 are served"):
        await reattest(engine, first)


async def test_what_was_asked_and_what_is_served(engine: Engine, tmp_path: Path) -> None:
    asked = msgspec.structs.replace(engine.spec, window_tokens=768, slots=1, adapters=())
    other = seal(write_tiny_model(tmp_path / "other.gguf"))
    with pytest.raises(UnattestedError) as caught:
        await attest(dataclasses.replace(engine, spec=asked, seals=(other,)))
    for part in ("other.gguf was asked", "768 tokens was asked, 512", "1 slots", "none were asked"):
        assert part in caught.value.message


async def test_other_weights_sing_another_song(spec: LaunchSpec, tmp_path: Path) -> None:
    """The canary alone tells: everything else of the first proof is made to agree."""
    async with launch(spec) as engine:
        first = await attest(engine)
    write_tiny_model(spec.model, seed=7)
    async with launch(spec) as engine:
        served = {**first.served, "weights": sha256_hex(spec.model.read_bytes())}
        with pytest.raises(UnattestedError, match="the weights answer differently: token 1"):
            await reattest(engine, msgspec.structs.replace(first, served=served))


async def test_a_template_that_is_not_the_files(engine: Engine, tmp_path: Path) -> None:
    """The path agrees, the file behind it has another template."""
    path = engine.seals[0].path
    write_tiny_model(path.with_name("other"), chat_template="{{ messages }}").replace(path)
    with pytest.raises(UnattestedError, match="chat template"):
        await attest(dataclasses.replace(engine, seals=(seal(path), *engine.seals[1:])))


@contextlib.asynccontextmanager
async def forwarding(url: str) -> AsyncIterator[str]:
    """A server of this process that passes every byte on."""
    host, _, port = url.removeprefix("http://").partition(":")

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(pipe(reader, far_writer), pipe(far_reader, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
