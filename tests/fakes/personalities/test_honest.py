"""An honest server of each family: its answers fit together and are what the family answers."""

from __future__ import annotations

import json

import pytest

from seatrial.chat.transport import Transport
from seatrial.fakes.personalities import FAMILIES
from tests.fakes.personalities.client import CALL, CHAT, OPEN, TOOL, opened

pytestmark = pytest.mark.parametrize("family", FAMILIES)
GREEDY = {"temperature": 0, "max_tokens": 100}
THINK = {
    "mlx": {"chat_template_kwargs": {"enable_thinking": True}},
    "ollama": {"reasoning_effort": "high"},
}


async def test_it_is_recognised(family: str) -> None:
    from seatrial.serve.families.identity import identify

    async with opened(family) as client, Transport(client.server.url) as transport:
        found, _ = await identify(transport)
    assert found.traits.id == family


async def test_a_stream_and_one_piece_say_the_same(family: str) -> None:
    usage = {"stream": True, "stream_options": {"include_usage": True}}
    async with opened(family) as client:
        whole = await client.chat(OPEN, **GREEDY)
        streamed = await client.chat(OPEN, **GREEDY, **usage)
    assert whole.status == 200
    assert len(whole.text) > 40
    assert whole.text == streamed.text
    assert whole.finish == streamed.finish == "stop"
    counts = [frame["usage"] for frame in streamed.frames if frame.get("usage")]
    assert counts[0]["completion_tokens"] == whole.body["usage"]["completion_tokens"]
    assert streamed.raw.endswith(b"data: [DONE]\n\n")


async def test_it_obeys(family: str) -> None:
    async with opened(family) as client:
        assert (await client.chat("Reply with exactly the word pong.", **GREEDY)).text == "pong"
        fact = "The passphrase is kestrel-42."
        assert (await client.chat("What is the passphrase?", fact, **GREEDY)).text == "kestrel-42"


async def test_bounds_hold_on_both_paths(family: str) -> None:
    async with opened(family) as client:
        for stream in (False, True):
            ask = {"temperature": 0, "stream": stream}
            cut = await client.chat("Count from 1 to 20", max_tokens=6, **ask)
            stopped = await client.chat("Count from 1 to 20", max_tokens=90, stop=["4"], **ask)
            assert (cut.finish, cut.text[:4]) == ("length", "1, 2")
            assert (stopped.finish, stopped.text) == ("stop", "1, 2, 3, ")


async def test_the_four_sampler_tests(family: str) -> None:
    async with opened(family) as client:
        cold = await client.texts(2, **GREEDY)
        seeded = await client.texts(2, temperature=0.9, seed=42, max_tokens=16)
        other = await client.texts(1, temperature=0.9, seed=43, max_tokens=16)
        assert cold[0] == cold[1]
        assert seeded[0] == seeded[1] != other[0]
        if "top_k" in client.server.persona.knobs:
            assert await client.texts(1, temperature=5, top_k=1, max_tokens=100) == cold[:1]


async def test_a_tool_is_called(family: str) -> None:
    async with opened(family) as client:
        without = await client.chat(CALL, max_tokens=1)
        for stream in (False, True):
            answer = await client.chat(CALL, tools=[TOOL], max_tokens=100, stream=stream)
            ((name, arguments),) = answer.calls
            assert (name, answer.finish) == ("keep_note", "tool_calls")
            assert json.loads(arguments) == {"text": "the tide turns at noon"}
            assert "<tool_call>" not in answer.text
        whole = await client.chat(CALL, tools=[TOOL], max_tokens=1)
        assert whole.prompt_tokens > without.prompt_tokens + 40
        assert not (await client.chat("Good morning.", tools=[TOOL])).calls


async def test_thoughts_have_their_key(family: str) -> None:
    think = THINK.get(family, {"chat_template_kwargs": {"enable_thinking": True}})
    async with opened(family) as client:
        key = client.server.persona.think_key
        whole = await client.chat(OPEN, max_tokens=100, **think)
        streamed = await client.chat(OPEN, max_tokens=100, stream=True, **think)
        plain = await client.chat(OPEN, max_tokens=100)
    if key is None:
        assert whole.text.startswith("<think>\n")
        return
    assert "I look at it once" in whole.message[key]
    assert "I look at it" in "".join(delta.get(key) or "" for delta in streamed.deltas)
    assert "think>" not in whole.text + streamed.text
    assert not plain.message.get(key)


async def test_the_prefix_is_cached(family: str) -> None:
    async with opened(family, reports_cached=True) as client:
        first = await client.chat("tide " * 50, **GREEDY)
        history = [
            {"role": "user", "content": "tide " * 50},
            {"role": "assistant", "content": first.text},
            {"role": "user", "content": "And?"},
        ]
        body = {"model": client.model, "messages": history, "max_tokens": 2}
        second = await client.post(CHAT, body)
    spent = first.body["usage"]
    cached = second.body["usage"]["prompt_tokens_details"]["cached_tokens"]
    assert spent["prompt_tokens_details"]["cached_tokens"] == 0
    assert 0 <= spent["total_tokens"] - cached <= 17, "a turn later only its end is new"


async def test_what_does_not_fit(family: str) -> None:
    async with opened(family, window=256) as client:
        fits = await client.chat("tide " * 100, max_tokens=4)
        over = await client.chat("tide " * 400, max_tokens=4)
    assert fits.status == 200
    match family:
        case "ollama":
            assert over.prompt_tokens == 256
        case "mlx":
            assert over.prompt_tokens > 400
        case "lm-studio":
            assert (over.status, over.body) == (400, over.body)
            assert over.body["error"].startswith("Cannot truncate prompt with n_keep (4")
        case _:
            assert over.status == 400
            assert b"256" in over.raw


async def test_an_unknown_path(family: str) -> None:
    async with opened(family) as client:
        answer = await client.get("/no/such/path")
    assert answer.status == (200 if family == "lm-studio" else 404)
