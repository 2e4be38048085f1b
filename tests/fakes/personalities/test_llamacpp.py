"""The llama.cpp personality has the shapes of the real engine, field by field."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from seatrial import models
from seatrial.fakes.personalities import personality
from seatrial.serve import LaunchSpec, launch
from tests.fakes.personalities.client import CHAT, OPEN, Answer, opened

HELLO = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hello"}]
ASKS: list[tuple[str, Any]] = [
    ("/health", None),
    ("/props", None),
    ("/slots", None),
    ("/v1/models", None),
    ("/lora-adapters", None),
    ("/nothing", None),
    (CHAT, {"messages": HELLO, "max_tokens": 2}),
    (CHAT, {"messages": HELLO, "max_tokens": 2, "logprobs": True, "top_logprobs": 2}),
    (CHAT, {"messages": HELLO, "max_tokens": 2, "stream": True}),
    (
        CHAT,
        {
            "messages": HELLO,
            "max_tokens": 2,
            "stream": True,
            "logprobs": True,
            "stream_options": {"include_usage": True},
        },
    ),
    (CHAT, {"max_tokens": 2}),
    (CHAT, {"messages": [{"role": "user", "content": "tide " * 4000}]}),
    (CHAT, {"messages": HELLO, "temperature": "hot"}),
    (CHAT, {"messages": HELLO, "repeat_last_n": -5}),
    ("/v1/completions", {"prompt": "0 7 3", "max_tokens": 2}),
    ("/v1/completions", {"prompt": "0 7 3", "max_tokens": 2, "stream": True}),
    ("/completion", {"prompt": "0 7 3", "n_predict": 2, "n_probs": 2}),
    ("/completion", {"prompt": "0 7 3", "n_predict": 2, "n_probs": 2, "stream": True}),
    ("/apply-template", {"messages": HELLO}),
    ("/tokenize", {"content": "hello world"}),
    ("/tokenize", {"content": "hello world", "with_pieces": True}),
    ("/v1/chat/completions/input_tokens", {"messages": HELLO}),
]


@pytest.mark.engine
@pytest.mark.skipif(not importlib.util.find_spec("xllamacpp"), reason="xllamacpp is not installed")
async def test_shapes_are_those_of_the_engine(tmp_path: Path) -> None:
    model = models.model_path("dinghy")
    spec = LaunchSpec(model=model, window_tokens=1024, log=tmp_path / "engine.log")
    fake = personality("llama.cpp", model=str(model), window=1024, parses_calls=False)
    connector = aiohttp.TCPConnector(force_close=True)
    async with (
        launch(spec) as engine,
        fake as server,
        aiohttp.ClientSession(connector=connector) as http,
    ):
        for path, body in ASKS:
            real = await _ask(http, engine.url + path, body)
            ours = await _ask(http, server.url + path, body)
            assert ours.status == real.status, path
            for one, other in zip(_objects(ours), _objects(real), strict=True):
                assert _shape(one) == _shape(other), f"{path} {body}"


async def _ask(http: aiohttp.ClientSession, url: str, body: Any) -> Answer:
    method = "GET" if body is None else "POST"
    async with http.request(method, url, json=body) as response:
        return Answer(response.status, await response.read())


def _objects(answer: Answer) -> list[Any]:
    """Frames of a stream: the first, one that carries a token, and the last ones."""
    if not answer.frames:
        return [answer.body]
    return [answer.frames[0], answer.frames[1], *answer.frames[-2:]]


def _shape(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _shape(inner, name) for name, inner in sorted(value.items())}
    if isinstance(value, list):
        # How many there are is the model's matter, not the server's.
        return [_shape(value[0])] if value else []
    return "number" if isinstance(value, int | float) else type(value).__name__


async def test_probabilities_tell_weights_and_quantization_apart() -> None:
    async def song(**settings: Any) -> list[Any]:
        ask = {"prompt": "0 7 3 1", "n_predict": 8, "n_probs": 8, "temperature": 0}
        async with opened("llama.cpp", **settings) as client:
            return (await client.post("/completion", ask)).body["completion_probabilities"]

    first = await song()
    assert len(first) == 8
    assert all(len(step["top_logprobs"]) == 8 for step in first)
    assert first == await song()
    assert first != await song(quantization="Q4_0")
    assert first != await song(model="/models/other.gguf")


async def test_a_full_window_ends_the_answer() -> None:
    async with opened("llama.cpp", window=64) as client:
        answer = await client.post("/completion", {"prompt": "tide " * 55, "ignore_eos": True})
    told = answer.body
    assert (told["stop_type"], told["truncated"]) == ("limit", True)
    assert told["tokens_evaluated"] + told["tokens_predicted"] == 64


async def test_speculation_and_speed_are_told() -> None:
    async with opened("llama.cpp", draft_acceptance=0.4, tokens_per_second=30.0) as client:
        timings = (await client.chat(OPEN, max_tokens=10)).body["timings"]
    assert (timings["draft_n"], timings["draft_n_accepted"]) == (20, 8)
    assert timings["predicted_per_second"] == 30.0


async def test_the_switch_of_thinking_must_be_a_boolean() -> None:
    async with opened("llama.cpp") as client:
        answer = await client.chat(OPEN, chat_template_kwargs={"enable_thinking": "false"})
    assert answer.status == 400
