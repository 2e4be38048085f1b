"""The sign of each fault, as a client sees it: a function from a client to yes or no."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from tests.fakes.personalities.client import CALL, CHAT, OPEN, TOOL, Client

SIGNS: dict[str, Callable[[Client], Awaitable[bool]]] = {}
SETTINGS: dict[str, dict[str, Any]] = {
    "wrong_window": {"window": 512},
    "silent_truncation": {"truncates_at_tokens": 64},
    "overflow_400": {"window": 512},
    "overflow_500_pool": {"window": 512},
    "cache_never_hits": {"reports_cached": True},
    "slow_prefill": {"prefill_seconds": 0.5},
    "big_body": {"big_bytes": 2**21},
    "missing_eos": {"output_cap_tokens": 200},
}
"""What a fault needs to be seen quickly; an honest server gets the same."""
HOT = {"temperature": 2.0, "max_tokens": 16}
GREEDY = {"temperature": 0.0, "max_tokens": 16}


def sign(check: Callable[[Client], Awaitable[bool]]) -> Callable[[Client], Awaitable[bool]]:
    name = check.__name__.lstrip("_").replace("parse_500", "500_on_parse_failure")
    SIGNS[name] = check
    return check


def words(count: int) -> str:
    return "word " * count


async def listed(client: Client) -> list[str]:
    return [row["id"] for row in (await client.get("/v1/models")).body["data"]]


@sign
async def lists_cache_first(client: Client) -> bool:
    names = await listed(client)
    mine = await client.texts(1, **GREEDY)
    first = await client.post(
        CHAT, {"model": names[0], "messages": [{"role": "user", "content": OPEN}], **GREEDY}
    )
    return names[-1] == client.model and len(names) > 1 and [first.text] != mine


@sign
async def echoes_model(client: Client) -> bool:
    answer = await client.chat(OPEN, model="no-such-model", max_tokens=2)
    return answer.status == 200 and answer.body["model"] == "no-such-model"


@sign
async def alias_lies(client: Client) -> bool:
    return client.server.machine.settings.other_model in await listed(client)


@sign
async def wrong_window(client: Client) -> bool:
    answer = await client.chat(words(700), max_tokens=1)
    fits = answer.status == 200 and answer.prompt_tokens > 700
    return await declared(client) > 700 and not fits


async def declared(client: Client) -> int:
    """The window that the server states, where its family states it."""
    row = (await client.get("/v1/models")).body["data"][0]
    match client.family:
        case "llama.cpp":
            return (await client.get("/props")).body["default_generation_settings"]["n_ctx"]
        case "llama.cpp-router":
            answer = await client.get(f"/props?model={client.model}")
            return answer.body["default_generation_settings"]["n_ctx"]
        case "llama-swap":
            return row["meta"]["n_ctx"]
        case "ollama":
            return (await client.get("/api/ps")).body["models"][0]["context_length"]
        case "lm-studio":
            models = (await client.get("/api/v1/models")).body["models"]
            return models[0]["loaded_instances"][0]["config"]["context_length"]
        case "apr":
            return (await client.get("/realize/model")).body["context_length"]
        case "openai":
            return row["context_length"]
    return row["max_model_len"]


@sign
async def silent_truncation(client: Client) -> bool:
    counts = [(await client.chat(words(n), max_tokens=1)).prompt_tokens for n in (200, 400)]
    return counts[0] == counts[1]


@sign
async def ignores_temperature(client: Client) -> bool:
    cold = set(await client.texts(3, **GREEDY))
    hot = {(await client.chat(OPEN, seed=seed, **HOT)).text for seed in (1, 2, 3)}
    return len(cold) > 1 or hot == cold


@sign
async def ignores_seed(client: Client) -> bool:
    return len(set(await client.texts(2, seed=42, **HOT))) > 1


@sign
async def ignores_top_k(client: Client) -> bool:
    return (await client.texts(1, top_k=1, **HOT)) != (await client.texts(1, **GREEDY))


@sign
async def ignores_min_p(client: Client) -> bool:
    return (await client.texts(1, min_p=1.0, **HOT)) != (await client.texts(1, **GREEDY))


@sign
async def ignores_repeat_penalty(client: Client) -> bool:
    changed = await client.texts(1, **GREEDY | {client.penalty: 2.0, "max_tokens": 24})
    return changed == await client.texts(1, **GREEDY | {"max_tokens": 24})


@sign
async def rejects_unknown_fields(client: Client) -> bool:
    return (await client.chat(OPEN, max_tokens=2, harbour_mode=1)).status == 400


@sign
async def nondeterministic_greedy(client: Client) -> bool:
    return len(set(await client.texts(4, **GREEDY))) > 1


@sign
async def parse_500(client: Client) -> bool:
    answer = await client.chat(CALL, tools=[TOOL])
    return answer.status == 500 and b"Failed to parse input at pos" in answer.raw


@sign
async def overflow_400(client: Client) -> bool:
    answer = await client.chat(words(700), max_tokens=1)
    return answer.status == 400 and b"exceeds the available context size (512" in answer.raw


@sign
async def overflow_500_pool(client: Client) -> bool:
    answer = await client.chat(words(700), max_tokens=1)
    return answer.status == 500 and b"Context size has been exceeded" in answer.raw


@sign
async def missing_eos(client: Client) -> bool:
    answer = await client.chat("Reply with exactly the word pong.", max_tokens=80, temperature=0)
    return answer.finish == "length" and "<|im_start|>user" in answer.text


@sign
async def no_finish(client: Client) -> bool:
    answer = await client.chat(OPEN, stream=True, max_tokens=3)
    return answer.finish is None and answer.raw.endswith(b"[DONE]\n\n")


@sign
async def no_done(client: Client) -> bool:
    answer = await client.chat(OPEN, stream=True, max_tokens=3)
    return b"[DONE]" not in answer.raw and answer.finish == "length"


@sign
async def role_leak(client: Client) -> bool:
    return "\nUser: " in (await client.chat("Reply with exactly the word pong.")).text


@sign
async def control_token_leak(client: Client) -> bool:
    return "<|im_end|>" in (await client.chat("Reply with exactly the word pong.")).text


@sign
async def one_path_without_stop(client: Client) -> bool:
    ask = {"stop": ["5"], "temperature": 0, "max_tokens": 200}
    streamed = await client.chat("Count from 1 to 20", stream=True, **ask)
    whole = await client.chat("Count from 1 to 20", **ask)
    return streamed.text == "1, 2, 3, 4, " and streamed.text != whole.text


@sign
async def system_prompt_replaced(client: Client) -> bool:
    counts = set()
    for system in ("The passphrase is kestrel.", "The passphrase is kestrel. " + words(50)):
        answer = await client.chat("What is the passphrase?", system, temperature=0)
        counts.add(answer.prompt_tokens)
    return len(counts) == 1 and answer.text != "kestrel"


@sign
async def tools_dropped(client: Client) -> bool:
    without = await client.chat(CALL, max_tokens=64)
    answer = await client.chat(CALL, max_tokens=64, tools=[TOOL])
    return answer.prompt_tokens == without.prompt_tokens and not answer.calls


@sign
async def cpu_fallback(client: Client) -> bool:
    answer = await client.chat(OPEN, max_tokens=4)
    match client.family:
        case "ollama":
            return (await client.get("/api/ps")).body["models"][0]["size_vram"] == 0
        case "lm-studio":
            body = {"model": client.model, "messages": [{"role": "user", "content": OPEN}]}
            told = (await client.post("/api/v0/chat/completions", body)).body
            slow = told["stats"]["tokens_per_second"] < 10
            return slow and "cuda" not in told["runtime"]["name"]
        case "sglang":
            return (await client.get("/get_server_info")).body["device"] == "cpu"
        case "apr":
            health = (await client.get("/health")).body["compute_mode"]
            return health == "gpu" and not answer.body["used_gpu"]
    slow = answer.body["timings"]["predicted_per_second"] < 10
    return slow and "no usable GPU" in "\n".join(client.server.log)


@sign
async def mock_backend(client: Client) -> bool:
    one = await client.chat(OPEN)
    other = await client.chat("Count from 1 to 9")
    return one.text == other.text and one.finish == "stop"


@sign
async def healed_truncation(client: Client) -> bool:
    answer = await client.chat(CALL, tools=[TOOL], max_tokens=20)
    whole = bool(answer.calls) and isinstance(_loads(answer.calls[0][1]), dict)
    return answer.finish == "length" and whole


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


@sign
async def thinks_in_content(client: Client) -> bool:
    answer = await client.chat(OPEN, reasoning_effort="high", max_tokens=60)
    streamed = await client.chat(OPEN, reasoning_effort="high", max_tokens=60, stream=True)
    return all(text.startswith("<think>\n") for text in (answer.text, streamed.text))


@sign
async def cache_never_hits(client: Client) -> bool:
    for _ in range(2):
        answer = await client.chat(words(100), max_tokens=2)
    if client.family == "ollama":
        ask = {"model": client.model, "prompt": "tide " * 90, "stream": False}
        rows = [(await client.post("/api/generate", ask)).body for _ in range(2)]
        return rows[0]["prompt_eval_duration"] <= rows[1]["prompt_eval_duration"]
    return answer.body["usage"]["prompt_tokens_details"]["cached_tokens"] == 0


@sign
async def template_missing(client: Client) -> bool:
    answer = await client.chat("Reply with exactly the word pong.", temperature=0)
    return answer.status == 400 or answer.text != "pong"


@sign
async def answers_with_other_model_after(client: Client) -> bool:
    texts = await client.texts(4, **GREEDY)
    return texts[0] == texts[1] != texts[2] == texts[3]


@sign
async def hangs_forever(client: Client) -> bool:
    body = {"model": client.model, "messages": [{"role": "user", "content": OPEN}]}
    body |= {"stream": True, "max_tokens": 5}
    url = client.server.url + CHAT
    async with client.http.post(url, json=body) as response:
        got = [line async for _, line in _first(response, 100)]
    return len(got) == 100


async def _first(response: Any, count: int) -> Any:
    for number in range(count):
        line = await response.content.readline()
        if not line:
            return
        yield number, line


@sign
async def slow_prefill(client: Client) -> bool:
    start = time.monotonic()
    await client.chat(OPEN, stream=True, max_tokens=1)
    return time.monotonic() - start >= 0.5


@sign
async def needs_key(client: Client) -> bool:
    ask = {"model": client.model, "messages": [{"role": "user", "content": OPEN}], "max_tokens": 2}
    refused = await client.post(CHAT, ask)
    key = client.server.machine.settings.key
    answered = await client.post(CHAT, ask, Authorization=f"Bearer {key}")
    return (refused.status, answered.status) == (401, 200)


@sign
async def not_an_llm(client: Client) -> bool:
    return (await client.get("/v1/models")).raw.startswith(b"<!DOCTYPE html>")


@sign
async def big_body(client: Client) -> bool:
    return len((await client.get("/v1/models")).raw) > 2**21
