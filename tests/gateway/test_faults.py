"""Servers that die, hang and lie, clients that leave, and requests that mean no good."""

import asyncio
import contextlib
import json
import random

import aiohttp
import pytest

from seatrial.fakes import After, Drop, Hang, Loop, Refuse, Say, ScriptedServer, overflow
from seatrial.gateway import Bounds
from seatrial.guard.rules import TextLoopRule
from tests.gateway.conftest import (
    ALL_OFF,
    RawServer,
    body,
    decoded,
    delta,
    front,
    settings,
    sse,
    text_stream,
    until,
)

LONG = tuple(f"sentence number {n} says something new. " for n in range(60))
NO_DONE = sse(*(delta(content=text) for text in LONG))


async def served(script, ask, data=None, **fields):
    async with ScriptedServer(script) as server, front(server.url, **fields) as (url, gateway):
        return (*await ask(url, data or body("hi")), gateway)


def error_of(data):
    """The error at the end of an answer, whole or streamed."""
    value = decoded(data)[-1] if data.startswith(b"data:") else json.loads(data)
    return value["error"]


async def test_a_server_that_dies_before_the_answer(ask):
    status, data, gateway = await served([Drop()], ask)
    assert (status, error_of(data)["type"]) == (502, "server_error")
    assert gateway.metrics.total("upstream_errors_total") == 1


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("message", "status", "told"),
    [
        ("model crashed", 502, "model crashed"),
        (
            "request (9000 tokens) exceeds the available context size (4096 tokens)",
            400,
            "prompt is too long",
        ),
    ],
)
async def test_an_error_in_a_good_answer_is_told_as_one(message, status, told, stream, ask):
    raw = json.dumps({"error": {"message": message, "code": 502}}).encode()
    async with RawServer([raw], kind="application/json") as server, front(server.url) as (url, _):
        got, data = await ask(url, body("hi", stream=stream))
        assert len(server.bodies) == 1
    assert got == status
    assert told in error_of(data)["message"]


async def test_a_whole_answer_after_a_comment_comes_as_frames(ask):
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hello there."}}
    whole = {"id": "x", "choices": [{**choice, "finish_reason": "stop"}], "usage": {"a": 1}}
    bounds = Bounds(keep_alive_seconds=0.1)
    raw = json.dumps(whole).encode()
    async with (
        RawServer([b" ", raw], kind="application/json", pause=0.4) as server,
        front(server.url, bounds=bounds) as (url, _),
    ):
        status, data = await ask(url, body("hi"))
    assert status == 200 and data.startswith(b": keep-alive\n\n")
    first, usage, done = decoded(data)
    assert first["choices"][0]["delta"]["content"] == "Hello there."
    assert (usage["usage"], done) == ({"a": 1}, "[DONE]")


@pytest.mark.parametrize("then", ["cut", "hang"])
@pytest.mark.parametrize("half", [b"", b'data: {"choices": [], "usa'])
async def test_an_answer_that_is_cut_behind_its_end_is_whole(half, then, ask):
    bounds = Bounds(idle_seconds=0.3)
    answer = sse(delta(content="All is well."), delta("stop"))
    pieces = [answer, half] if half else [answer]
    async with (
        RawServer(pieces, then=then, pause=0.1) as server,
        front(server.url, bounds=bounds) as (url, gateway),
    ):
        assert await ask(url, body("hi")) == (200, answer)
        assert len(server.bodies) == 1
        assert gateway.metrics.total("upstream_errors_total") == 0


async def test_a_server_that_is_not_there(ask):
    async with front("http://127.0.0.1:9") as (url, _):
        status, data = await ask(url, body("hi"))
    assert status == 502
    assert "nothing listens" in error_of(data)["message"]


@pytest.mark.parametrize("end", ["cut", "garbage", "error_frame", "no_done"])
async def test_a_stream_that_breaks_ends_with_an_error(end, ask):
    status, data, _ = await served([Say(pieces=LONG, end=end)], ask)
    assert status == 200
    frames = decoded(data)
    assert "error" in frames[-1]
    said = "".join(f["choices"][0]["delta"].get("content") or "" for f in frames[:-1])
    assert said.startswith(LONG[0])
    assert all(frame["choices"][0]["finish_reason"] is None for frame in frames[:-1])


async def test_a_client_that_wants_it_is_cut_off_instead():
    headers = {"User-Agent": "QwenCode/0.24.4 (linux)"}
    async with (
        ScriptedServer([Say(pieces=LONG, end="no_done")]) as server,
        front(server.url) as (url, _),
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{url}/v1/chat/completions", data=body("hi")) as answer,
    ):
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


@pytest.mark.parametrize("fields", [{"observe": True}, {"off": frozenset({"broken_stream"})}])
async def test_without_that_rule_it_breaks_as_it_broke(fields):
    got = b""
    async with (
        RawServer([NO_DONE]) as server,
        front(server.url, **fields) as (url, _),
        aiohttp.ClientSession() as session,
        session.post(f"{url}/v1/chat/completions", data=body("hi")) as answer,
    ):
        with contextlib.suppress(aiohttp.ClientPayloadError):
            while piece := await answer.content.readany():
                got += piece
    assert got == NO_DONE


class Busy(RawServer):
    """Has no time for the first `times` requests."""

    def __init__(self, times, wait, pieces):
        super().__init__(pieces)
        self._times, self._wait = times, wait

    async def _serve(self, reader, writer):
        if len(self.bodies) < self._times:
            self.status = f"429 Too Many Requests\r\nRetry-After: {self._wait}"
        else:
            self.status = "200 OK"
        await super()._serve(reader, writer)


@pytest.mark.parametrize(
    ("times", "wait", "asked", "status"),
    [(2, "0.1", 3, 200), (9, "0.1", 4, 429), (1, "3600", 1, 429), (1, "soon", 1, 429)],
)
async def test_a_busy_server_is_asked_again_when_it_says(times, wait, asked, status, ask):
    answer = text_stream("All is well.")
    async with Busy(times, wait, [answer]) as server, front(server.url) as (url, _):
        got, data = await ask(url, body("hi"))
        assert (got, data == answer, len(server.bodies)) == (status, True, asked)


@pytest.mark.parametrize("fields", [{"observe": True}, {"guard": ALL_OFF}])
async def test_where_no_rule_acts_a_busy_server_is_the_clients_to_ask_again(fields, ask):
    async with Busy(1, "0.1", [b"{}"]) as server, front(server.url, **fields) as (url, _):
        assert await ask(url, body("hi")) == (429, b"{}")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("pause", [0.0, 0.1])
async def test_a_broken_chunk_ends_the_answer(pause, stream, ask):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")
        writer.write(b"Transfer-Encoding: chunked\r\n\r\n")
        piece = sse(delta(content="Hello."))
        for chunk in (b"%x\r\n%b\r\n" % (len(piece), piece), b"ZZZ\r\nxx\r\n"):
            await asyncio.sleep(pause)
            writer.write(chunk)
            await writer.drain()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with front(f"http://127.0.0.1:{port}") as (url, _), asyncio.timeout(5):
            status, data = await ask(url, body("hi", stream=stream))
    assert (status, error_of(data)["code"]) == (502, "gone")


async def test_a_server_that_hangs(ask):
    bounds = Bounds(first_byte_seconds=0.2, keep_alive_seconds=5)
    status, data, _ = await served([Hang()], ask, bounds=bounds)
    assert status == 504
    assert "timeout" in error_of(data)["message"]


async def test_a_server_that_falls_silent_half_way(ask):
    bounds = Bounds(idle_seconds=0.2)
    status, data, _ = await served([Say(pieces=LONG, end="hang")], ask, bounds=bounds)
    assert status == 200
    assert "timeout" in error_of(data)["message"]


async def test_a_server_that_falls_silent_after_its_first_frame(ask):
    bounds = Bounds(idle_seconds=0.2, total_seconds=20)
    first = sse(delta(role="assistant", content=None))
    async with (
        RawServer([first], then="hang") as server,
        front(server.url, bounds=bounds) as (url, _),
        asyncio.timeout(10),
    ):
        status, data = await ask(url, body("hi"))
    assert status in (200, 504)
    assert "timeout" in error_of(data)["message"]


async def test_an_event_of_10_mb(ask):
    text = " ".join(str(random.Random(7).random()) for _ in range(10))
    words = (text + " ").encode() * (10_000_000 // (len(text) + 1))
    stream = sse({**delta(content="Here."), "pad": words.decode()}) + text_stream("End.")
    async with RawServer([stream]) as server, front(server.url) as (url, _):
        assert await ask(url, body("hi")) == (200, stream)


async def test_an_event_without_end_is_bounded(ask):
    pieces = [b"data: " + b"x" * 2**20] + [b"x" * 2**20] * 20
    async with RawServer(pieces) as server, front(server.url) as (url, _):
        status, data = await ask(url, body("hi"))
    assert status == 502
    assert "larger than" in error_of(data)["message"]


async def test_half_a_call_is_never_shown(ask):
    call = {"index": 0, "id": "a", "function": {"name": "write", "arguments": '{"path": "a'}}
    stream = sse(*(delta(content=text) for text in LONG), delta(tool_calls=[call]))
    async with RawServer([stream], then="cut") as server, front(server.url) as (url, _):
        _, data = await ask(url, body("hi"))
    assert b"tool_calls" not in data
    assert "error" in decoded(data)[-1]


async def test_an_overflow_is_told_as_every_client_knows_it(ask):
    status, data, _ = await served([overflow(9000, 4096)], ask)
    error = error_of(data)
    assert (status, error["code"]) == (400, "context_length_exceeded")
    assert (error["n_prompt_tokens"], error["n_ctx"]) == (9000, 4096)


async def test_an_overflow_is_left_alone_where_that_is_wanted(ask):
    _, data, _ = await served([overflow(9000, 4096)], ask, normalise_overflow=False)
    assert error_of(data) == overflow(9000, 4096).body["error"]


@pytest.mark.parametrize("fields", [{}, {"observe": True}, {"guard": ALL_OFF}])
async def test_when_the_client_leaves_the_server_stops(fields):
    endless = Loop(text="x1 ", pause_seconds=0.005) if fields else Hang()
    async with ScriptedServer([endless]) as server, front(server.url, **fields) as (url, gateway):
        async with aiohttp.ClientSession() as session:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    address = f"{url}/v1/chat/completions"
                    async with session.post(address, data=body("hi")) as answer:
                        await answer.read()
        await until(server.left.is_set)
        await until(lambda: gateway.metrics.total("cancelled_total"))


@pytest.mark.parametrize("hook", ["on_request", "on_event", "on_turn"])
@pytest.mark.parametrize("fields", [{}, {"observe": True}])
async def test_a_rule_that_breaks_does_not_break_the_traffic(fields, hook, ask, monkeypatch):
    def breaks(*_):
        raise ZeroDivisionError

    stream = text_stream("Hello.")
    monkeypatch.setattr(TextLoopRule, hook, breaks)
    async with RawServer([stream]) as server, front(server.url, **fields) as (url, gateway):
        assert await ask(url, body("hi")) == (200, stream)
        assert gateway.metrics.total("guard_errors_total") == 1


async def test_keep_alive_while_the_prompt_is_read(ask):
    bounds = Bounds(keep_alive_seconds=0.1)
    slow = Say(pieces=("Done, all tests pass.",), pause_seconds=0.45)
    status, data, _ = await served([slow], ask, bounds=bounds)
    assert status == 200
    assert data.startswith(b": keep-alive\n\n")
    assert data.count(b": keep-alive") >= 2
    assert decoded(data)[-1] == "[DONE]"


@pytest.mark.parametrize(
    ("fields", "more"), [({}, {"n": 2}), ({"guard": ALL_OFF}, {}), ({"observe": True}, {})]
)
async def test_where_no_rule_acts_the_server_speaks_first(fields, more, ask):
    bounds = Bounds(keep_alive_seconds=0.05)
    slow = After(0.3, Refuse(status=422))
    status, data, _ = await served([slow], ask, body("hi", **more), bounds=bounds, **fields)
    assert status == 422
    assert json.loads(data) == Refuse().body


async def test_an_error_after_a_keep_alive_is_told_in_the_stream(ask):
    bounds = Bounds(keep_alive_seconds=0.1, first_byte_seconds=0.35)
    status, data, _ = await served([Hang()], ask, bounds=bounds)
    assert status == 200
    assert "timeout" in decoded(data)[-1]["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses"])
async def test_whoever_has_no_answer_when_the_gateway_stops_is_told_to_retry(path, ask):
    message = [{"role": "user", "content": "hi"}]
    sent = {"model": "m", "max_tokens": 9, "messages": message, "input": message}
    async with ScriptedServer([Hang()]) as server:
        async with front(server.url) as (url, _):
            asking = asyncio.create_task(ask(url, json.dumps(sent).encode(), path))
            await until(lambda: server.bodies("/v1/chat/completions"))
        status, data = await asking
    assert status == 503
    assert "please retry" in json.loads(data)["error"]["message"]


async def hostile(url, count, seed):
    """Statuses of `count` requests that no client would send."""
    wild = random.Random(seed)
    paths = ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/messages/count_tokens"]
    values = [None, -1, 1e308, "x" * 5000, [], {}, [[]], True, "\u0000", {"role": "user"}, 2**70]
    keys = ["messages", "model", "stream", "tools", "stop", "input", "max_tokens", "temperature"]
    statuses = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        for number in range(count):
            if number % 3:
                some = wild.sample(keys, 4)
                data = json.dumps({key: wild.choice(values) for key in some}).encode()
            else:
                data = wild.randbytes(wild.randrange(300))
            method = wild.choice(["POST", "POST", "POST", "PUT", "DELETE", "GET"])
            path = wild.choice([*paths, "/", "/..//..%2f", "/v1/", "/" + "a" * 3000, "//evil/x"])
            headers = {"User-Agent": wild.choice(["", "\t", "a" * 4000, "%s%n", "é"])}
            address = aiohttp.client.URL(url + path, encoded=True)
            async with session.request(method, address, data=data, headers=headers) as answer:
                await answer.read()
                statuses.append(answer.status)
    return statuses


async def test_1000_hostile_requests(ask):
    script = lambda asked: Refuse(status=400)  # noqa: E731
    async with ScriptedServer(script) as server, front(server.url) as (url, gateway):
        statuses = await hostile(url, 1000, seed=11)
        assert len(statuses) == 1000
        assert set(statuses) <= {200, 400, 404, 405, 422, 502}
        assert gateway.metrics.total("requests_total") == 1000
        assert await ask(url, body("hi")) != (200, b"")


async def test_nobody_gets_the_bytes_of_another():
    names = [f"client-{number}" for number in range(40)]

    def script(asked):
        name = asked["messages"][0]["content"]
        return Say(pieces=tuple(f"{name} says {n}. " for n in range(40)), pause_seconds=0.002)

    async with (
        ScriptedServer(script) as server,
        front(server.url) as (url, _),
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):

        async def one(name):
            async with session.post(f"{url}/v1/chat/completions", data=body(name)) as answer:
                frames = decoded(await answer.read())
            deltas = [f["choices"][0]["delta"] for f in frames[:-2] if f["choices"]]
            return "".join(d.get("content") or "" for d in deltas)

        said = await asyncio.gather(*map(one, names))
    for name, text in zip(names, said, strict=True):
        assert text == "".join(f"{name} says {n}. " for n in range(40))


def test_settings_say_what_is_secret():
    assert settings("http://a", token="t0ken").secrets == ("t0ken",)
