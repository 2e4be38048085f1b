"""Launching the embedded engine: the ways in, the ways it fails, and that none is left."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import signal
import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest

from seatrial.chat.transport import Transport
from seatrial.core.errors import EngineError, UserError
from seatrial.serve import Adapter, Engine, LaunchSpec, attest, launch
from tests.serve.tiny_gguf import STRING, gguf_bytes, write_tiny_adapter, write_tiny_model

HAS_ENGINE = importlib.util.find_spec("xllamacpp") is not None
engine_test = [
    pytest.mark.engine,
    pytest.mark.skipif(not HAS_ENGINE, reason="xllamacpp is not installed"),
]
pytestmark = engine_test


@pytest.fixture
def spec(tmp_path: Path) -> LaunchSpec:
    model = write_tiny_model(tmp_path / "tiny.gguf", context=32_768)
    return LaunchSpec(model=model, window_tokens=512, log=tmp_path / "logs" / "engine.log")


def gone(pid: int) -> bool:
    """Not running and not a zombie of ours."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def started(spec: LaunchSpec) -> Engine:
    async with launch(spec) as engine:
        return engine


async def test_it_serves_and_leaves_nothing(spec: LaunchSpec) -> None:
    async with launch(spec) as engine, Transport(engine.url) as server:
        assert engine.alive()
        assert not gone(engine.pid)
        assert await server.get_json("/health", dict[str, Any]) == {"status": "ok"}
    assert gone(engine.pid)
    assert not engine.alive()
    assert await engine.wait_exit() == 0
    assert "listening on" in spec.log.read_text()


async def test_the_window_is_that_of_one_slot(spec: LaunchSpec) -> None:
    two = msgspec.structs.replace(spec, slots=2)
    async with launch(two) as engine, Transport(engine.url) as server:
        props = await server.get_json("/props", dict[str, Any])
        slots = await server.get_json("/slots", list[dict[str, Any]])
        assert props["default_generation_settings"]["n_ctx"] == 512
        assert props["total_slots"] == 2
        assert [slot["n_ctx"] for slot in slots] == [512, 512]


async def test_tool_calls_are_left_in_the_text(spec: LaunchSpec) -> None:
    """The engine must not parse: whatever the model says arrives as content."""
    tool = {"type": "function", "function": {"name": "run", "parameters": {"type": "object"}}}
    body = {
        "messages": [{"role": "user", "content": "go"}],
        "tools": [tool],
        "max_tokens": 24,
        "temperature": 0,
        "logit_bias": [["<tool_call>", 50.0]],
    }
    async with launch(spec) as engine, Transport(engine.url) as server:
        answer = await server.post_json("/v1/chat/completions", body, dict[str, Any])
    message = answer["choices"][0]["message"]
    assert "<tool_call>" in message["content"]
    assert not message.get("tool_calls")


async def test_or_they_are_parsed_by_the_engine(spec: LaunchSpec) -> None:
    params = {"messages": [{"role": "user", "content": "go"}], "max_tokens": 1}
    for parsing in ("content_only", "server"):
        async with launch(msgspec.structs.replace(spec, parsing=parsing)) as engine:
            async with Transport(engine.url) as server:
                await server.post_json("/v1/chat/completions", params, dict[str, Any])
                slots = await server.get_json("/slots", list[dict[str, Any]])
            assert engine.parsing == parsing
        seen = slots[0]["params"]["reasoning_format"]
        assert (seen == "none") is (parsing == "content_only")


async def test_a_key_is_asked_for_and_is_on_no_command_line(spec: LaunchSpec) -> None:
    with_key = msgspec.structs.replace(spec, api_key="sesame-0815")
    async with launch(with_key) as engine:
        assert b"sesame" not in Path(f"/proc/{engine.pid}/cmdline").read_bytes()
        async with Transport(engine.url) as stranger:
            with pytest.raises(EngineError, match="401"):
                await stranger.get_json("/props", dict[str, Any])
        assert (await attest(engine)).grade == "process"


async def test_what_it_cannot_be_given(spec: LaunchSpec, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="takes no further arguments: -ngl 99"):
        await started(msgspec.structs.replace(spec, extra=("-ngl", "99")))
    with pytest.raises(UserError, match="no file"):
        await started(msgspec.structs.replace(spec, executable=tmp_path))
    with pytest.raises(UserError, match="no key is asked"):
        await started(msgspec.structs.replace(spec, host="0.0.0.0"))


async def test_the_properties_cannot_be_changed_from_outside(spec: LaunchSpec) -> None:
    async with launch(spec) as engine, Transport(engine.url) as server:
        with pytest.raises(EngineError, match="501"):
            await server.post_json("/props", {"chat_template": "x"}, dict[str, Any])


async def test_a_full_window_ends_and_does_not_shift(spec: LaunchSpec) -> None:
    body = {"prompt": "a", "n_predict": 2000, "ignore_eos": True, "temperature": 0}
    async with launch(spec) as engine, Transport(engine.url) as server:
        answer = await server.post_json("/completion", body, dict[str, Any])
    assert answer["tokens_evaluated"] + answer["tokens_predicted"] <= 512


async def test_a_missing_model(spec: LaunchSpec, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        await started(msgspec.structs.replace(spec, model=tmp_path / "nothing.gguf"))


async def test_a_truncated_model(spec: LaunchSpec) -> None:
    spec.model.write_bytes(spec.model.read_bytes()[:90_000])
    with pytest.raises(UserError, match="truncated"):
        await started(spec)


async def test_a_model_that_only_the_engine_can_refuse(spec: LaunchSpec) -> None:
    spec.model.write_bytes(gguf_bytes({"general.architecture": (STRING, "no-such-thing")}))
    with pytest.raises(UserError, match="unknown model architecture") as caught:
        await started(spec)
    assert "\n" not in caught.value.message


async def test_a_taken_port(spec: LaunchSpec) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match="the port is taken") as caught:
            await started(msgspec.structs.replace(spec, port=port))
    assert str(port) in caught.value.message
    assert caught.value.hint


async def test_a_model_in_place_of_an_adapter_and_the_reverse(
    spec: LaunchSpec, tmp_path: Path
) -> None:
    adapter = write_tiny_adapter(tmp_path / "adapter.gguf")
    with pytest.raises(UserError, match="not an adapter"):
        await started(msgspec.structs.replace(spec, adapters=(Adapter(spec.model),)))
    with pytest.raises(UserError, match="an adapter, not a model"):
        await started(msgspec.structs.replace(spec, model=adapter))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"window_tokens": 1000}, "cannot be served as asked"),
        ({"window_tokens": 0}, "cannot be served as asked"),
        ({"window_tokens": 65_536}, "more than the model was trained for"),
        ({"slots": 0}, "begin at 1"),
    ],
)
async def test_sizes_that_cannot_be_served(
    spec: LaunchSpec, change: dict[str, int], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        await started(msgspec.structs.replace(spec, **change))


async def test_a_start_that_takes_too_long(spec: LaunchSpec) -> None:
    with pytest.raises(EngineError, match=r"not ready after 0\.01 s"):
        await started(msgspec.structs.replace(spec, start_timeout_seconds=0.01))


async def test_without_the_extra(spec: LaunchSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="not installed") as caught:
        await started(spec)
    assert caught.value.hint == "pip install 'seatrial[embedded]'"


async def test_killed_under_way(spec: LaunchSpec) -> None:
    body = {"prompt": "a", "n_predict": 30_000, "ignore_eos": True}
    wide = msgspec.structs.replace(spec, window_tokens=32_768)
    async with launch(wide) as engine, Transport(engine.url) as server:
        generation = asyncio.create_task(server.post_json("/completion", body, dict[str, Any]))
        await asyncio.sleep(0.1)
        assert not generation.done()
        os.kill(engine.pid, signal.SIGKILL)
        with pytest.raises(EngineError) as caught:
            await generation
        assert "\n" not in caught.value.message
        assert await asyncio.wait_for(engine.wait_exit(), 10) == -signal.SIGKILL


@pytest.mark.parametrize("times", [1, 2])
async def test_a_cancelled_task_leaves_nothing(spec: LaunchSpec, times: int) -> None:
    running: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def serve() -> None:
        async with launch(spec) as engine:
            running.set_result(engine.pid)
            await asyncio.sleep(3600)

    task = asyncio.create_task(serve())
    pid = await running
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert gone(pid)


async def test_cancelled_while_it_starts(spec: LaunchSpec) -> None:
    task = asyncio.create_task(started(spec))
    while not spec.log.exists():
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_second_start_appends_to_the_log(spec: LaunchSpec) -> None:
    for _ in range(2):
        async with launch(spec):
            pass
    assert spec.log.read_text().count("listening on") == 2
