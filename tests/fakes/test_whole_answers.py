"""A scripted server that answers without a stream where none is asked for, and one that waits."""

import time
from typing import Any

import aiohttp
import pytest

from seatrial.fakes import After, CallTools, Refuse, Reply, Say, ScriptedCall, ScriptedServer

BODY = {"messages": [{"role": "user", "content": "hi"}]}


async def ask(reply: Reply, **fields: Any) -> tuple[int, bytes, int]:
    async with (
        ScriptedServer([reply], whole_answers=True) as server,
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/v1/chat/completions", json={**BODY, **fields}) as answer,
    ):
        return answer.status, await answer.read(), server.sent_characters


async def whole(reply: Reply) -> dict[str, Any]:
    async with (
        ScriptedServer([reply], whole_answers=True) as server,
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/v1/chat/completions", json=BODY) as answer,
    ):
        value: dict[str, Any] = await answer.json()
        return value


async def test_text_and_thinking():
    answer = await whole(Say(pieces=("a", "b"), think=("t",)))
    (choice,) = answer["choices"]
    message = {"role": "assistant", "content": "ab", "reasoning_content": "t"}
    assert (choice["message"], choice["finish_reason"]) == (message, "stop")
    assert (answer["object"], answer["usage"]["completion_tokens"]) == ("chat.completion", 3)


async def test_calls():
    call = ScriptedCall(name="f", fragments=('{"a"', ": 1}"))
    (choice,) = (await whole(CallTools(calls=(call,), finish="length")))["choices"]
    function = {"name": "f", "arguments": '{"a": 1}'}
    assert choice["message"]["tool_calls"][0]["function"] == function
    assert choice["finish_reason"] == "length"


@pytest.mark.parametrize("end", ["cut", "garbage", "no_done"])
async def test_a_broken_end_breaks_the_body_off(end: Any):
    with pytest.raises(aiohttp.ClientPayloadError):
        await ask(Say(pieces=("a",), end=end))


async def test_an_error_frame_is_a_status():
    status, _, _ = await ask(Say(end="error_frame"))
    assert status == 500


async def test_a_stream_that_is_asked_for_is_a_stream_and_counted():
    status, data, sent = await ask(Say(pieces=("abc", "de"), think=("f",)), stream=True)
    assert (status, data.endswith(b"data: [DONE]\n\n"), sent) == (200, True, 6)
    call = ScriptedCall(name="f", fragments=("{", "}"))
    assert (await ask(CallTools(calls=(call,), text="abc")))[2] == 5


async def test_it_waits_before_any_byte():
    started = time.monotonic()
    status, _, _ = await ask(After(0.2, After(0.1, Refuse(status=503))), stream=True)
    assert status == 503
    assert time.monotonic() - started >= 0.3
