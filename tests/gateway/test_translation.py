"""The gateway for clients of other protocols, through the same rules."""

import contextlib
import json
import re

import aiohttp
import pytest

from seatrial.core import trace as events
from seatrial.fakes import (
    CallTools,
    Drop,
    Hang,
    Loop,
    Refuse,
    Say,
    ScriptedCall,
    ScriptedServer,
    overflow,
)
from seatrial.gateway import Bounds
from tests.gateway.conftest import RawServer, decoded, delta, front, sse
from tests.gateway.test_recording import of, traces

TOOL = {"type": "object", "properties": {"command": {"type": "string"}}}
PATHS = ["/v1/messages", "/v1/responses"]
LONG = tuple(f"sentence number {n} says something new. " for n in range(60))
LS = CallTools(calls=(ScriptedCall(name="bash", fragments=('{"command": "ls"}',), id="c1"),))


def asked(path, stream=True, **fields):
    """The same request in either protocol."""
    if path == "/v1/messages":
        said = [{"role": "user", "content": "list the files"}]
        tools = [{"name": "bash", "description": "runs", "input_schema": TOOL}]
        data = {"model": "m", "max_tokens": 500, "messages": said, "tools": tools}
    else:
        tools = [{"type": "function", "name": "bash", "description": "runs", "parameters": TOOL}]
        said = [{"type": "message", "role": "user", "content": "list the files"}]
        data = {"model": "m", "input": said, "tools": tools}
    return json.dumps({**data, "stream": stream, **fields}).encode()


async def served(script, path, ask, data=None, **fields):
    async with ScriptedServer(script) as server, front(server.url, **fields) as (url, gateway):
        answer = await ask(url, data or asked(path), path)
        return (*answer, server.bodies("/v1/chat/completions"), gateway)


def kinds(data):
    return [frame["type"] for frame in decoded(data)]


@pytest.mark.parametrize("observe", [False, True])
@pytest.mark.parametrize("path", PATHS)
async def test_a_whole_answer_is_streamed_to_who_waits_for_a_stream(path, observe, ask):
    call = {"id": "c1", "function": {"name": "bash", "arguments": '{"command": "ls"}'}}
    said = {"role": "assistant", "content": [{"text": "I look."}], "tool_calls": [call]}
    choice = {"index": 0, "message": said, "finish_reason": "tool_calls"}
    raw = json.dumps({"choices": [choice], "usage": {"prompt_tokens": 7.0}}).encode()
    async with (
        RawServer([raw], kind="application/json") as server,
        front(server.url, observe=observe) as (url, _),
    ):
        status, data = await ask(url, asked(path), path)
    assert status == 200 and b"I look." in data
    assert kinds(data)[-1] in ("message_stop", "response.completed")
    assert b'{\\"command\\": \\"ls\\"}' in data


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("path", PATHS)
async def test_a_refusal_is_an_answer(path, stream, ask):
    said = {"role": "assistant", "content": None, "refusal": "I cannot do that."}
    raw = sse(delta(**said), delta("stop"), "[DONE]")
    if not stream:
        choice = {"index": 0, "message": said, "finish_reason": "stop"}
        raw = json.dumps({"choices": [choice], "usage": {"prompt_tokens": None}}).encode()
    kind = "text/event-stream" if stream else "application/json"
    async with RawServer([raw], kind=kind) as server, front(server.url) as (url, _):
        status, data = await ask(url, asked(path, stream), path)
        assert len(server.bodies) == 1
    assert status == 200 and b"I cannot do that." in data


@pytest.mark.parametrize("observe", [False, True])
async def test_messages_streamed(observe, ask):
    script = [Say(think=("hm",), pieces=LONG)]
    status, data, (sent,), _ = await served(script, "/v1/messages", ask, observe=observe)
    frames = decoded(data)
    assert status == 200
    assert (frames[0]["type"], frames[-1]["type"]) == ("message_start", "message_stop")
    deltas = [f["delta"] for f in frames if f["type"] == "content_block_delta"]
    assert "".join(d.get("text", "") for d in deltas) == "".join(LONG)
    assert frames[-2]["delta"]["stop_reason"] == "end_turn"
    assert sent["messages"][-1]["content"] == "list the files"
    assert sent["tools"][0]["function"]["name"] == "bash"


@pytest.mark.parametrize("observe", [False, True])
async def test_responses_streamed(observe, ask):
    status, data, _, _ = await served([Say(pieces=LONG)], "/v1/responses", ask, observe=observe)
    frames = decoded(data)
    assert status == 200
    assert (kinds(data)[0], kinds(data)[-1]) == ("response.created", "response.completed")
    deltas = [f["delta"] for f in frames if f["type"] == "response.output_text.delta"]
    assert "".join(deltas) == "".join(LONG)


async def test_a_call_in_either(ask):
    _, data, _, _ = await served([LS], "/v1/messages", ask)
    starts = [f["content_block"] for f in decoded(data) if f["type"] == "content_block_start"]
    assert [(block["type"], block.get("name")) for block in starts] == [("tool_use", "bash")]
    _, data, _, _ = await served([LS], "/v1/responses", ask)
    last = decoded(data)[-1]["response"]
    assert [(item["type"], item["name"]) for item in last["output"]] == [("function_call", "bash")]


@pytest.mark.parametrize("path", PATHS)
async def test_a_call_in_the_text_is_rescued(path, ask):
    text = "<tool_call>\n<function=bash>\n<parameter=command>\nls\n</parameter>\n</function>"
    _, data, _, _ = await served([Say(pieces=(text, "\n</tool_call>"))], path, ask)
    assert b"<tool_call>" not in data
    assert b'"bash"' in data


@pytest.mark.parametrize("observe", [False, True])
@pytest.mark.parametrize("path", PATHS)
async def test_a_whole_answer(path, observe, ask):
    message = {"role": "assistant", "content": "All tests pass."}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    answer = {"id": "chatcmpl-1", "created": 1, "model": "m", "choices": [choice]}
    raw = json.dumps(answer).encode()
    async with (
        RawServer([raw], kind="application/json") as server,
        front(server.url, observe=observe) as (url, _),
    ):
        status, data = await ask(url, asked(path, stream=False), path)
    assert status == 200
    assert "All tests pass." in data.decode()
    kind = "message" if path == "/v1/messages" else "response"
    assert kind in (json.loads(data).get("type"), json.loads(data).get("object"))


@pytest.mark.parametrize("observe", [False, True])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", PATHS)
async def test_an_overflow(path, stream, observe, ask):
    data = asked(path, stream=stream)
    status, data, _, _ = await served([overflow(9000, 4096)], path, ask, data, observe=observe)
    assert status == 400
    message = json.loads(data)["error"]["message"]
    assert "prompt is too long" in message
    assert "9000" in message


@pytest.mark.parametrize("path", PATHS)
async def test_a_refusal_keeps_its_status(path, ask):
    body = {"error": {"message": "slow down", "type": "rate_limit"}}
    status, data, _, _ = await served([Refuse(status=429, body=body)], path, ask)
    assert (status, json.loads(data)["error"]["message"]) == (429, "slow down")


@pytest.mark.parametrize("path", PATHS)
async def test_a_server_that_dies(path, ask):
    status, data, _, _ = await served([Drop()], path, ask)
    assert status == 502
    assert json.loads(data)["error"]["message"]


@pytest.mark.parametrize("end", ["cut", "garbage", "error_frame", "no_done"])
@pytest.mark.parametrize("observe", [False, True])
@pytest.mark.parametrize("path", PATHS)
async def test_a_broken_stream_never_ends_well(path, observe, end, http):
    script = [Say(pieces=LONG, end=end)]
    data = b""
    async with (
        ScriptedServer(script) as server,
        front(server.url, observe=observe) as (url, _),
        http.post(url + path, data=asked(path)) as answer,
    ):
        with contextlib.suppress(aiohttp.ClientPayloadError):
            while piece := await answer.content.readany():
                data += piece
    assert b"message_stop" not in data
    assert b"response.completed" not in data
    # Before anything was said an error is a status, afterwards a frame.
    assert answer.status >= 500 or observe or kinds(data)[-1] in ("error", "response.failed")


@pytest.mark.parametrize("path", PATHS)
async def test_a_loop_is_asked_again(path, ask):
    script = [Loop(text="again and "), Say(pieces=("All tests pass now.",))]
    status, data, sent, _ = await served(script, path, ask)
    assert status == 200
    assert b"All tests pass now." in data
    assert b"again and again" not in data
    assert len(sent) == 2


@pytest.mark.parametrize("path", PATHS)
async def test_keep_alive_is_in_the_protocols_own_form(path, ask):
    bounds = Bounds(keep_alive_seconds=0.1)
    slow = Say(pieces=("All tests pass.",), pause_seconds=0.35)
    _, data, _, _ = await served([slow], path, ask, bounds=bounds)
    start = b"event: ping" if path == "/v1/messages" else b"event: response.created"
    assert data.startswith(start)
    if path == "/v1/responses":
        assert kinds(data).count("response.created") == 1
        numbers = [int(n) for n in re.findall(rb'"sequence_number":(\d+)', data)]
        assert numbers == list(range(len(numbers)))
        assert kinds(data)[-1] == "response.completed"


async def test_an_error_after_a_keep_alive(ask):
    bounds = Bounds(keep_alive_seconds=0.1, first_byte_seconds=0.3)
    status, data, _, _ = await served([Hang()], "/v1/messages", ask, bounds=bounds)
    assert status == 200
    assert kinds(data)[-1] == "error"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("data", [b"nonsense", b"[]", b'{"messages": 3, "input": {}}'])
async def test_a_request_that_cannot_be_read(path, data, ask):
    status, answer, sent, _ = await served([Say()], path, ask, data)
    assert (status, sent) == (400, [])
    assert json.loads(answer)["error"]["message"]
    assert b"overloaded" not in answer


async def test_counting_by_the_servers_tokenizer(ask):
    path = "/v1/messages/count_tokens"
    status, data, _, _ = await served([Say()], path, ask, asked("/v1/messages"))
    assert status == 200
    assert json.loads(data)["input_tokens"] > 3


async def test_counting_by_the_servers_own_word(ask):
    raw = b'{"input_tokens": 42}'
    async with RawServer([raw], kind="application/json") as server, front(server.url) as (url, _):
        answer = await ask(url, asked("/v1/messages"), "/v1/messages/count_tokens")
    assert answer == (200, raw)


async def test_a_server_that_cannot_count(ask):
    async with (
        RawServer([b"{}"], status="404 Not Found", kind="application/json") as server,
        front(server.url) as (url, _),
    ):
        status, data = await ask(url, asked("/v1/messages"), "/v1/messages/count_tokens")
    assert status == 502
    assert "cannot count" in json.loads(data)["error"]["message"]


async def test_it_is_recorded_as_the_chat_that_it_was(tmp_path, ask):
    await served([Say(pieces=("Hello.",))], "/v1/messages", ask, runs=tmp_path)
    ((_, trace),) = traces(tmp_path)
    assert [m.text for m in of(events.MessageEvent, trace)] == ["list the files", "Hello."]
