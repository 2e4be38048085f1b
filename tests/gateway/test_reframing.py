"""Whole answers in shapes that clients of a stream do not read come as frames that they do."""

import json

import pytest

from tests.gateway.conftest import ALL_OFF, BASH, RawServer, body, decoded, delta, front, sse

FUNCTION = {"name": "bash", "arguments": '{"command": "ls"}'}
CALL = {"id": "a", "type": "function", "function": FUNCTION}
USAGE = {"prompt_tokens": 3, "completion_tokens": 2}


def whole(finish="tool_calls", **message):
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return {"id": "x", "object": "chat.completion", "choices": [choice], "usage": USAGE}


CALLED = whole(tool_calls=[CALL])
CHUNKS = (delta(tool_calls=[{"index": 0, **CALL}]), delta("tool_calls"))
OLD = (
    delta(function_call={"name": "bash", "arguments": '{"command": '}),
    delta(function_call={"arguments": '"ls"}'}),
    delta("function_call"),
)
SHAPES = {
    "json": (json.dumps(CALLED).encode(), "application/json"),
    "json in the name of a stream": (json.dumps(CALLED).encode(), "text/event-stream"),
    "indented": (json.dumps(CALLED, indent=2).encode(), "text/event-stream"),
    "lines": (b"".join(json.dumps(c).encode() + b"\n" for c in CHUNKS), "application/x-ndjson"),
    "message": (sse(CALLED, "[DONE]"), "text/event-stream"),
    "before tools": (sse(*OLD, "[DONE]"), "text/event-stream"),
}


async def answered(shape, ask, **fields):
    raw, kind = SHAPES[shape]
    async with RawServer([raw], kind=kind) as server, front(server.url, **fields) as (url, _):
        status, data = await ask(url, body("hi", tools=[BASH]))
        assert (status, len(server.bodies)) == (200, 1)
    return data, raw


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_call_comes_as_one_of_a_stream(shape, ask):
    data, _ = await answered(shape, ask)
    choices = [c for f in decoded(data) if f != "[DONE]" for c in f["choices"]]
    calls = [call for c in choices for call in c["delta"].get("tool_calls") or ()]
    assert {call["index"] for call in calls} == {0}
    assert calls[0]["id"] and calls[0]["function"]["name"] == "bash"
    arguments = "".join(call["function"]["arguments"] for call in calls)
    assert arguments == FUNCTION["arguments"]
    assert choices[-1]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("fields", [{"observe": True}, {"guard": ALL_OFF}])
@pytest.mark.parametrize("shape", ["json", "lines", "message", "before tools"])
async def test_where_no_rule_acts_it_comes_as_it_came(shape, fields, ask):
    data, raw = await answered(shape, ask, **fields)
    assert data == raw


async def test_a_client_from_before_tools_gets_calls_of_its_own_form(ask):
    raw = sse(*OLD, "[DONE]")
    async with RawServer([raw]) as server, front(server.url) as (url, _):
        assert await ask(url, body("hi", functions=[BASH["function"]])) == (200, raw)


async def test_the_head_says_that_it_is_a_stream(http):
    raw, kind = SHAPES["json"]
    async with (
        RawServer([raw], kind=kind) as server,
        front(server.url) as (url, _),
        http.post(f"{url}/v1/chat/completions", data=body("hi", tools=[BASH])) as answer,
    ):
        assert answer.content_type == "text/event-stream"


@pytest.mark.parametrize(("calls", "status"), [([], 200), ([CALL], 503)])
async def test_words_without_a_word_for_their_end_are_whole(calls, status, ask):
    raw = json.dumps(whole(None, content="All is well.", tool_calls=calls)).encode()
    async with (
        RawServer([raw], kind="application/json") as server,
        front(server.url) as (url, _),
    ):
        got, _ = await ask(url, body("hi", tools=[BASH]))
    assert got == status


async def test_lines_that_end_without_a_word_are_a_broken_stream(ask):
    raw = b"".join(json.dumps(delta(content=t)).encode() + b"\n" for t in ("All ", "is"))
    async with RawServer([raw], kind="application/x-ndjson") as server, front(server.url) as (u, _):
        status, _ = await ask(u, body("hi"))
    assert status == 502
