"""What no rule changes arrives as the server sent it, byte for byte."""

import gzip
import json

import aiohttp
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.gateway.conftest import (
    ALL_OFF,
    BASH,
    RawServer,
    body,
    delta,
    front,
    sse,
    text_stream,
    until,
)

CALL = {"index": 0, "id": "a", "type": "function"}
FUNCTION = {"name": "bash", "arguments": '{"command": "ls"}'}
STREAMS = {
    "text": text_stream("Hello", " world"),
    "call": sse(
        delta(role="assistant", content=None),
        delta(tool_calls=[{**CALL, "function": FUNCTION}]),
        delta("tool_calls"),
        "[DONE]",
    ),
    "text and call": sse(
        delta(content="I list the files."),
        delta(tool_calls=[{**CALL, "function": FUNCTION}]),
        delta(content="\n"),
        delta("tool_calls"),
        {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}},
        "[DONE]",
    ),
    "thinking, unknown fields": b": comment\n\n"
    + sse({**delta(reasoning_content="hm"), "x": {"y": 1}})
    + text_stream("Done, all tests pass."),
    "reasoning and text in one frame": sse(
        delta(reasoning_content="I think"),
        delta(reasoning_content=" so.", content="All "),
        delta(content="is well."),
        delta(reasoning_content="Hm.", content=" Done."),
        delta("stop"),
        "[DONE]",
    ),
    "finish with the text": sse(delta(content="All is well."), delta("stop", content="!")),
    "crlf": text_stream("Hello there.").replace(b"\n", b"\r\n"),
    "filtered": text_stream("Hello.", finish="content_filter"),
    "after done": text_stream("Hello.") + b": trailing\n\n",
    "event names": b"event: message\nid: 7\n" + text_stream("Hello."),
    "length": text_stream("Hello.", finish="length"),
    "broken letters": text_stream("Hello ?.").replace(b"?", b"\xff"),
    "half an emoji": text_stream("Hello \ud83d", "\ude42."),
    "no number": sse({**delta(content="Hello."), "x": float("nan")}, delta("stop"), "[DONE]"),
    "frames without data": b"data: \n\n" + text_stream("Hello.") + b"data:\n\n",
    "counted from one": text_stream("Hello.").replace(b'"index": 0', b'"index": 1'),
    "call with a number": sse(
        delta(tool_calls=[{**CALL, "id": 7, "function": FUNCTION}]), delta("tool_calls"), "[DONE]"
    ),
}
MODES = {"enforce": {}, "observe": {"observe": True}, "off": {"guard": ALL_OFF}}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", STREAMS)
async def test_a_stream(name, mode, ask):
    stream = STREAMS[name]
    async with RawServer([stream]) as server, front(server.url, **MODES[mode]) as (url, _):
        request = body("hi", tools=[BASH], unheard_of=[1.50, None])
        assert await ask(url, request) == (200, stream)
        assert server.bodies == [request]


@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(sorted(STREAMS)), st.lists(st.integers(1, 60), max_size=12))
async def test_however_it_is_cut(name, sizes):
    stream, pieces, at = STREAMS[name], [], 0
    for size in sizes:
        pieces.append(stream[at : at + size])
        at += size
    pieces = [piece for piece in (*pieces, stream[at:]) if piece]
    async with (
        RawServer(pieces, pause=0.001) as server,
        front(server.url) as (url, _),
        aiohttp.ClientSession() as session,
        session.post(f"{url}/v1/chat/completions", data=body("hi")) as answer,
    ):
        assert await answer.read() == stream


@pytest.mark.parametrize("mode", MODES)
async def test_a_whole_answer(mode, ask):
    answer = {
        "id": "z",
        "choices": [
            {
                "finish_reason": "tool_calls",
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "c", "type": "function", "function": FUNCTION}],
                },
                "logprobs": None,
            }
        ],
        "timings": {"predicted_per_second": 1.25},
        "unheard_of": {"a": [1.0]},
    }
    raw = json.dumps(answer, indent=1).encode()
    request = json.dumps({"messages": [{"role": "user", "content": "x"}], "tools": [BASH]}).encode()
    async with (
        RawServer([raw], kind="application/json") as server,
        front(server.url, **MODES[mode]) as (url, _),
    ):
        assert await ask(url, request) == (200, raw)
        assert server.bodies == [request]


UNUSUAL = {
    "parts": {"content": [{"type": "text", "text": "All is well."}]},
    "refusal": {"content": None, "refusal": "I cannot do that."},
    "old call": {"content": None, "function_call": {"name": "f", "arguments": "{}"}},
    "sound": {"content": None, "audio": {"id": "a", "data": "xx"}},
    "unknown": {"content": {"new": "shape"}},
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", UNUSUAL)
@pytest.mark.parametrize("stream", [True, False])
async def test_an_unusual_answer_is_no_empty_one(shape, stream, mode, ask):
    said, kind = UNUSUAL[shape], "text/event-stream" if stream else "application/json"
    raw = sse(delta(role="assistant"), delta(**said), delta("stop"), "[DONE]")
    if not stream:
        choice = {"index": 0, "message": said, "finish_reason": "stop"}
        raw = json.dumps({"choices": [choice], "usage": {"prompt_tokens": None}}).encode()
    async with (
        RawServer([raw], kind=kind) as server,
        front(server.url, **MODES[mode]) as (url, gateway),
    ):
        assert await ask(url, body("hi", stream=stream)) == (200, raw)
        assert len(server.bodies) == 1
        unread = gateway.metrics.total("unguarded_total")
    assert unread == (shape not in ("parts", "refusal") and mode != "off")


@pytest.mark.parametrize("calls", [False, True])
async def test_a_whole_answer_without_a_word_for_its_end(calls, ask):
    said = {"role": "assistant", "content": "All is well."}
    if calls:
        said["tool_calls"] = [{"id": "c", "type": "function", "function": FUNCTION}]
    raw = json.dumps({"choices": [{"index": 0, "message": said}]}).encode()
    async with RawServer([raw], kind="application/json") as server, front(server.url) as (url, _):
        status, data = await ask(url, body("hi", stream=False, tools=[BASH]))
    assert (status, data == raw) == ((503, False) if calls else (200, True))


@pytest.mark.parametrize(("finish", "passes"), [("tool_calls", True), ("length", False)])
async def test_frames_are_read_whatever_they_are_labelled_as(finish, passes, ask):
    call = {**CALL, "function": FUNCTION}
    stream = sse(delta(content="I look."), delta(tool_calls=[call]), delta(finish), "[DONE]")
    async with RawServer([stream], kind="text/plain") as server, front(server.url) as (url, _):
        _, data = await ask(url, body("hi", tools=[BASH]))
    assert (data == stream, b'"ls' in data or b'\\"ls' in data) == (passes, passes)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("stream", [True, False])
async def test_what_a_server_packed_unasked_is_unpacked(stream, mode, ask):
    call = {**CALL, "function": FUNCTION}
    choice = {"index": 0, "message": {"tool_calls": [call]}, "finish_reason": "tool_calls"}
    said = STREAMS["call"] if stream else json.dumps({"choices": [choice]}).encode()
    kind = "text/event-stream" if stream else "application/json"
    async with (
        RawServer([gzip.compress(said)], kind=f"{kind}\r\nContent-Encoding: gzip") as server,
        front(server.url, **MODES[mode]) as (url, _),
    ):
        assert await ask(url, body("hi", stream=stream, tools=[BASH])) == (200, said)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("status", ["400 Bad Request", "429 Too Many Requests", "500 Broken"])
async def test_a_refusal(mode, status, ask):
    raw = b'{"error": {"message":  "max_tokens must be at least 1, got 0", "extra": true}}'
    async with (
        RawServer([raw], status=status, kind="application/json") as server,
        front(server.url, **MODES[mode]) as (url, _),
    ):
        assert await ask(url, body("hi")) == (int(status[:3]), raw)


async def test_headers_go_both_ways(http):
    async with RawServer([text_stream("Hello.")]) as server, front(server.url) as (url, _):
        headers = {"X-Session-Id": "s1", "User-Agent": "pi (linux)", "Authorization": "Bearer k"}
        async with http.post(
            f"{url}/v1/chat/completions", data=body("hi"), headers=headers
        ) as answer:
            await answer.read()
            assert answer.headers["X-Own"] == "yes"
            assert answer.content_type == "text/event-stream"
        (head,) = server.heads
        for line in (b"X-Session-Id: s1", b"User-Agent: pi (linux)", b"Authorization: Bearer k"):
            assert line.lower() in head.lower()
        assert b"accept-encoding: identity" in head.lower()


@pytest.mark.parametrize("mode", MODES)
async def test_half_an_emoji_is_the_servers_to_judge(mode, ask, tmp_path):
    stream = STREAMS["text"]
    request = body("half \ud83d")
    assert b"\\ud83d" in request
    async with (
        RawServer([stream]) as server,
        front(server.url, runs=tmp_path, **MODES[mode]) as (url, gateway),
    ):
        assert await ask(url, request) == (200, stream)
        assert await ask(url, request, "/v1/completions") == (200, stream)
        assert server.bodies == [request, request]
        await until(lambda: gateway.metrics.total("recorded_total"))


@pytest.mark.parametrize("messages", ["text", [{"role": "wizard"}], None])
async def test_a_request_that_no_rule_can_read_is_passed_on(messages, ask):
    stream = STREAMS["text"]
    request = json.dumps({"messages": messages, "stream": True, "n": 3}).encode()
    async with RawServer([stream]) as server, front(server.url) as (url, gateway):
        assert await ask(url, request) == (200, stream)
        assert server.bodies == [request]
        assert gateway.metrics.total("unguarded_total") == 1
