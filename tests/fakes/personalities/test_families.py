"""What is special to single families: names, listings, own protocols, doors."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import aiohttp
import pytest

from seatrial.fakes.personalities import personality
from tests.fakes.personalities.client import CALL, CHAT, OPEN, TOOL, Client, opened

HI = [{"role": "user", "content": OPEN}]
GREEDY = {"temperature": 0, "max_tokens": 12}


async def named(client: Client, model: str) -> Any:
    return await client.post(CHAT, {"model": model, "messages": HI, **GREEDY})


async def lines(client: Client, path: str, body: Any) -> list[Any]:
    answer = await client.post(path, body)
    return [json.loads(line) for line in answer.raw.splitlines()]


async def test_two_cached_models_and_the_tuned_one_last() -> None:
    cached = ("Qwen/Qwen3-8B", "mlx-community/Qwen2.5-7B-4bit", "mlx-community/Llama-3-8B")
    orders = set()
    for _ in range(12):
        async with opened("mlx", "lists_cache_first", model="/m/tuned", cached=cached) as client:
            ids = [row["id"] for row in (await client.get("/v1/models")).body["data"]]
            tuned, first = await named(client, "/m/tuned"), await named(client, ids[0])
            again = await named(client, "default_model")
        orders.add(tuple(ids))
        assert ids[-1] == "/m/tuned"
        assert sorted(ids[:-1]) == sorted(cached)
        assert first.text != tuned.text == again.text
        assert first.body["model"] == ids[0]
    assert len(orders) > 1


async def test_mlx_cannot_load_what_does_not_exist() -> None:
    async with opened("mlx") as client:
        answer = await named(client, "gpt-5")
    assert (answer.status, set(answer.body)) == (404, {"error"})


@pytest.mark.parametrize("family", ["vllm", "ollama", "llama-swap", "llama.cpp-router"])
async def test_an_unknown_name_is_refused(family: str) -> None:
    async with opened(family) as client:
        assert (await named(client, "gpt-5")).status in (400, 404)


@pytest.mark.parametrize("family", ["llama.cpp", "lm-studio", "sglang", "apr", "openai"])
async def test_an_unknown_name_is_answered(family: str) -> None:
    async with opened(family) as client:
        answer, mine = await named(client, "gpt-5"), await named(client, client.model)
        assert answer.text == mine.text
        echoes = family in ("sglang", "apr")
        assert answer.body["model"] == ("gpt-5" if echoes else client.model)


@pytest.mark.parametrize("family", ["llama.cpp-router", "llama-swap", "ollama", "lm-studio"])
async def test_an_installed_model_is_loaded(family: str) -> None:
    async with opened(family, installed=("buoy-1b",)) as client:
        mine, other = await named(client, client.model), await named(client, "buoy-1b")
    assert (mine.status, other.status) == (200, 200)
    assert mine.text != other.text


async def test_the_router_answers_for_each_model() -> None:
    async with opened("llama.cpp-router", installed=("buoy-1b",), window=2048) as client:
        own = (await client.get("/props")).body
        rows = (await client.get("/v1/models")).body["data"]
        props = (await client.get(f"/props?model={client.model}")).body
        asleep = await client.get("/props?model=buoy-1b&autoload=false")
    assert (own["role"], own["model_path"]) == ("router", "none")
    assert [row["status"]["value"] for row in rows] == ["loaded", "unloaded"]
    assert "--ctx-size" in rows[0]["status"]["args"]
    assert props["default_generation_settings"]["n_ctx"] == 2048
    assert props["model_path"] == rows[0]["path"]
    assert asleep.status == 400


async def test_llama_swap_shows_what_runs() -> None:
    async with opened("llama-swap", "wrong_window", installed=("buoy-1b",)) as client:
        (before,) = (await client.get("/running")).body["running"]
        await named(client, "buoy-1b")
        (after,) = (await client.get("/running")).body["running"]
        listed = (await client.get("/v1/models")).body["data"]
        props = (await client.get("/upstream/buoy-1b/props")).body
        lost = await client.get("/upstream/nobody/props")
    assert before["model"] == client.model
    assert "harbour-4b-q8_0.gguf" in before["cmd"]
    assert (after["model"], after["state"]) == ("buoy-1b", "ready")
    declared = {row["meta"]["n_ctx"] for row in listed}
    assert declared == {2 * props["default_generation_settings"]["n_ctx"]}
    assert lost.status == 404


async def test_ollamas_own_protocol() -> None:
    async with opened("ollama") as client:
        ask = {"model": client.model, "messages": HI, "options": {"temperature": 0}}
        streamed = await lines(client, "/api/chat", ask)
        (whole,) = await lines(client, "/api/chat", {**ask, "stream": False})
        (text,) = await lines(
            client,
            "/api/generate",
            {"model": client.model, "prompt": OPEN, "stream": False, "options": {"num_predict": 3}},
        )
        shown = (await client.post("/api/show", {"model": client.model})).body
        loaded = (await client.get("/api/ps")).body["models"][0]
        tag = (await client.get("/api/tags")).body["models"][0]
    assert "".join(line["message"]["content"] for line in streamed) == whole["message"]["content"]
    assert [line["done"] for line in streamed].count(True) == 1
    assert streamed[-1]["done_reason"] == "stop"
    assert (text["eval_count"], text["done_reason"]) == (3, "length")
    assert loaded["digest"] == tag["digest"]
    assert shown["model_info"]["qwen3.context_length"] > loaded["context_length"]
    assert {"tools", "thinking"} <= set(shown["capabilities"])


async def test_ollama_calls_and_thinks_natively() -> None:
    async with opened("ollama") as client:
        ask = {"model": client.model, "messages": [{"role": "user", "content": CALL}]}
        said = await lines(client, "/api/chat", {**ask, "tools": [TOOL], "think": True})
        messages = [line["message"] for line in said]
    (call,) = [one for message in messages for one in message.get("tool_calls", ())]
    assert call["function"]["arguments"] == {"text": "the tide turns at noon"}
    assert "I look at it" in "".join(message.get("thinking", "") for message in messages)
    assert "think>" not in "".join(message["content"] for message in messages)


async def test_a_window_sticks_where_ollama_takes_it() -> None:
    async with opened("ollama") as client:
        long = [{"role": "user", "content": "tide " * 500}]
        body = {"model": client.model, "messages": long, "stream": False}
        over = await client.post(CHAT, {**body, "options": {"num_ctx": 256}, "max_tokens": 1})
        options = {"num_ctx": 256, "num_predict": 1}
        (native,) = await lines(client, "/api/chat", {**body, "options": options})
        refused = await client.post("/api/chat", {**body, "options": options, "shift": False})
    assert over.prompt_tokens > 500
    assert native["prompt_eval_count"] == 256
    assert refused.status == 400
    assert "truncating input prompt" in client.server.log[0]


async def test_lm_studio_tells_numbers_of_its_own() -> None:
    async with opened("lm-studio", window=4096) as client:
        told = (await client.post("/api/v0/chat/completions", {"messages": HI, **GREEDY})).body
        row = (await client.get("/api/v1/models")).body["models"][0]
        old = (await client.get("/api/v0/models")).body["data"][0]
    assert told["model_info"]["context_length"] == 4096
    assert told["stats"]["stop_reason"] == "maxPredictedTokensReached"
    assert row["loaded_instances"][0]["config"]["context_length"] == 4096
    assert (old["state"], old["loaded_context_length"]) == ("loaded", 4096)
    assert row["max_context_length"] == 262_144


async def test_vllm_without_a_parser_refuses_tools() -> None:
    async with opened("vllm", parses_calls=False) as client:
        answer = await client.chat(CALL, tools=[TOOL])
    assert answer.status == 400
    assert "--tool-call-parser" in answer.body["error"]["message"]


async def test_some_doors_stay_open_without_a_key() -> None:
    async with opened("llama.cpp", "needs_key") as client:
        statuses = [(await client.get(path)).status for path in ("/health", "/v1/models", "/props")]
    assert statuses == [200, 200, 401]


async def test_one_piece_may_never_come_and_the_server_still_closes() -> None:
    start = time.monotonic()
    async with opened("vllm", "hangs_forever") as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.chat(OPEN)
    assert time.monotonic() - start < 2


async def test_stop_strings_bound_a_model_that_never_ends() -> None:
    async with opened("llama.cpp", "missing_eos", speaks_as="Human:") as client:
        ask = {"temperature": 0, "max_tokens": 60}
        endless = await client.chat("Reply with exactly the word pong.", **ask)
        bound = await client.chat("Reply with exactly the word pong.", stop=["\nHuman:"], **ask)
    assert endless.text.count("Human:") > 1
    assert (bound.text, bound.finish) == ("pong", "stop")


async def test_pace_is_real_when_asked_for() -> None:
    speeds = {"tokens_per_second": 100.0, "prompt_tokens_per_second": 500.0}
    async with opened("openai", paced=True, **speeds) as client:
        start = time.monotonic()
        answer = await client.chat("tide " * 100, max_tokens=10, temperature=0)
        spent = time.monotonic() - start
    usage = answer.body["usage"]
    assert spent >= usage["prompt_tokens"] / 500 + usage["completion_tokens"] / 100 - 0.01


async def test_it_keeps_book() -> None:
    async with personality("openai") as server, aiohttp.ClientSession() as http:
        async with http.post(server.url + CHAT, json={"messages": HI}) as response:
            await response.read()
        async with http.post(server.url + CHAT, data=b"{no") as response:
            assert response.status == 400
    assert server.bodies(CHAT) == [{"messages": HI}]
    assert [request.method for request in server.received] == ["POST"]


async def test_without_a_parser_the_markup_stays() -> None:
    async with opened("llama.cpp", parses_calls=False) as client:
        answer = await client.chat(CALL, tools=[TOOL])
    assert not answer.calls
    assert answer.text.startswith('<tool_call>\n{"name": "keep_note", "arguments": ')
