"""Who may ask, what is asked, and where it goes."""

import asyncio
import gzip
import json
import zlib

import aiohttp
import pytest
from aiohttp import web

from seatrial.core.errors import UserError
from seatrial.fakes import After, Lies, Say, ScriptedServer
from seatrial.gateway import (
    Bounds,
    Pin,
    Settings,
    UpstreamSpec,
    check_address,
    listen,
    routing,
    serving,
)
from seatrial.gateway.server import is_loopback
from seatrial.gateway.settings import OWN_RULES
from seatrial.guard.rules import RULES
from tests.gateway.conftest import BASH, RawServer, body, decoded, front, text_stream, until


async def get(http, url, **headers):
    async with http.get(url, headers=headers) as answer:
        return answer.status, await answer.read()


@pytest.mark.parametrize("path", ["/props", "/slots", "/v1/models", "/health?x=1&y=%2F"])
async def test_gets_are_the_servers_own(path, http):
    async with ScriptedServer() as server, front(server.url) as (url, _):
        status, data = await get(http, url + path)
        assert status == 200
        if "health" not in path:
            assert (status, data) == await get(http, server.url + path)


@pytest.mark.parametrize(("name", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings"])
async def test_a_packed_body_goes_on_unpacked(path, name, pack, ask):
    request = body("hi")
    async with RawServer([text_stream("Hello.")]) as server, front(server.url) as (url, _):
        got = await ask(url, pack(request), path, **{"Content-Encoding": name})
    assert got == (200, text_stream("Hello."))
    assert server.bodies == [request]
    assert b"content-encoding" not in server.heads[0].lower()


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("gzip", gzip.compress(b" " * 200_000), "more than 100,000 bytes"),
        ("gzip", gzip.compress(body("hi"))[:-9], "ends before its time"),
        ("gzip", body("hi"), "cannot be unpacked"),
        ("br", body("hi"), "send it plain or gzip"),
    ],
    ids=["endless", "cut", "plain", "unknown"],
)
async def test_what_cannot_be_unpacked_is_refused(name, data, told, ask):
    bounds = Bounds(request_bytes=100_000)
    async with front("http://127.0.0.1:9", bounds=bounds) as (url, _):
        path = "/v1/chat/completions"
        status, answer = await ask(url, data, path, **{"Content-Encoding": name})
    assert status == 415
    assert told in json.loads(answer)["error"]["message"]


async def test_a_get_that_the_server_does_not_know(http):
    async with ScriptedServer() as server, front(server.url) as (url, _):
        assert await get(http, url + "/nope") == await get(http, server.url + "/nope")


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/models/load"), ("PUT", "/v1/models"), ("POST", "/")]
)
async def test_other_paths_are_told_what_there_is(method, path, http):
    async with ScriptedServer() as server, front(server.url) as (url, _):
        async with http.request(method, url + path, data=b"{}") as answer:
            assert answer.status == 404
            assert "/v1/chat/completions" in (await answer.json())["error"]["message"]
        assert {received.method for received in server.received} <= {"GET"}


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/completions?x=1", "/tokenize"])
async def test_inference_without_a_chat_is_passed_on_unread(path, http):
    sent = b'{"content":  "a b",\n "odd": 1e2}'
    async with ScriptedServer() as server, front(server.url) as (url, gateway):
        async with http.post(url + path, data=sent) as answer:
            got = (answer.status, await answer.read())
        async with http.post(server.url + path, data=sent) as answer:
            assert got == (answer.status, await answer.read())
        assert gateway.metrics.total("unguarded_total") == 1


async def test_embeddings_go_where_their_model_is(http):
    one, two = (
        RawServer([json.dumps({"from": name}).encode()], kind="application/json")
        for name in ("one", "two")
    )
    async with one, two, front(one.url, two.url) as (url, _):
        for model, status in (("u1/e5", 200), ("e5", 404)):
            async with http.post(url + "/v1/embeddings", json={"model": model}) as answer:
                assert answer.status == status
    assert len(one.bodies) == 0
    assert [json.loads(sent)["model"] for sent in two.bodies] == ["e5"]


@pytest.mark.parametrize("fields", [{"n": 2}, {}])
async def test_a_stream_never_begins_with_blanks(fields, ask):
    """Where no rule acts or can read the request, a client of OpenAI's library waits, too."""
    off = {} if fields else {"off": frozenset({*RULES, *OWN_RULES} - {"blanks"})}
    headers = {"x-stainless-read-timeout": "0.2"}
    script = [After(seconds=0.6, reply=Say())]
    async with (
        ScriptedServer(script) as server,
        front(server.url, **off) as (url, _),
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{url}/v1/chat/completions", data=body("hi", **fields)) as answer,
    ):
        assert not (await answer.read()).startswith(b" ")
        assert answer.content_type == "text/event-stream"


async def test_health_names_every_server(http):
    async with ScriptedServer() as server, front(server.url, "http://127.0.0.1:9") as (url, _):
        status, data = await get(http, url + "/health")
    assert status == 200
    states = json.loads(data)["upstreams"]
    assert states["u0"] == "ok"
    assert "nothing listens" in states["u1"]


async def test_health_without_any_server(http):
    async with front("http://127.0.0.1:9") as (url, _):
        status, _ = await get(http, url + "/health")
    assert status == 503


async def test_metrics(http, ask):
    async with ScriptedServer() as server, front(server.url) as (url, _):
        await ask(url, body("hi"), **{"User-Agent": 'pi "1"\n'.strip()})
        status, data = await get(http, url + "/metrics")
    text = data.decode()
    assert status == 200
    assert 'seatrial_gateway_requests_total{client="pi",status="200"} 1' in text
    assert "seatrial_gateway_in_flight 0" in text
    for line in text.splitlines():
        assert line.startswith("#") or line.rpartition(" ")[2].replace(".", "").isdigit()


TOKEN = "s3cret-t0ken"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": f"Basic {TOKEN}"}, 401),
        ({"Authorization": f"Bearer {TOKEN}x"}, 401),
        ({"Authorization": f"Bearer {TOKEN}"}, 200),
        ({"authorization": f"bearer  {TOKEN}"}, 200),
        ({"x-api-key": TOKEN}, 200),
    ],
)
async def test_the_token(headers, status, ask, http):
    async with ScriptedServer() as server, front(server.url, token=TOKEN) as (url, _):
        assert (await ask(url, body("hi"), **headers))[0] == status
        assert (await get(http, url + "/metrics", **headers))[0] == status
        assert (await get(http, url + "/health"))[0] == 200
        chats = [r for r in server.received if r.path == "/v1/chat/completions"]
        assert len(chats) == (status == 200)
        for received in server.received:
            assert TOKEN not in str(received.headers)


async def test_a_missing_token_is_told_in_the_clients_own_form(ask):
    async with ScriptedServer() as server, front(server.url, token=TOKEN) as (url, _):
        for path in ("/v1/messages", "/v1/messages/count_tokens"):
            status, data = await ask(url, b"{}", path)
            told = json.loads(data)
            assert (status, told["type"]) == (401, "error")
            assert told["error"]["type"] == "authentication_error"


async def test_no_credentials_go_on_when_the_gateway_has_a_token(ask):
    given = dict.fromkeys(("x-goog-api-key", "api-key", "X-Auth-Token", "Cookie"), "s3cret")
    given["Authorization"] = f"Bearer {TOKEN}"
    stream = text_stream("Hello.")
    async with RawServer([stream]) as server, front(server.url, token=TOKEN) as (url, _):
        assert (await ask(url, body("hi"), **given))[0] == 200
    assert b"s3cret" not in server.heads[0]


async def test_heads_are_answered(http):
    async with ScriptedServer() as server, front(server.url, token=TOKEN) as (url, _):
        for path, status in (("/", 200), ("/health", 200), ("/v1/models", 401)):
            async with http.head(url + path) as answer:
                assert answer.status == status
        async with http.head(url + "/v1/models", headers={"x-api-key": TOKEN}) as answer:
            assert (answer.status, await answer.read()) == (200, b"")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example:80"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "https://evil.example", "Host": "localhost"}, 403),
        ({"Host": "localhost:1234"}, 200),
        ({"Host": "host.docker.internal:8484"}, 200),
        ({"Host": "gateway:8484", "Origin": "http://gateway:3000"}, 200),
        ({"Host": "[::1]:8484"}, 200),
        ({"Origin": "http://localhost:3000"}, 200),
        ({"Origin": "http://127.0.0.1:3000"}, 200),
        ({"Origin": "null"}, 200),
        ({"Origin": "file://"}, 200),
        ({"Origin": "vscode-webview://1a2b"}, 200),
    ],
)
async def test_without_a_token_no_page_from_elsewhere_may_ask(headers, status, ask):
    async with ScriptedServer() as server, front(server.url) as (url, _):
        assert (await ask(url, body("hi"), **headers))[0] == status
        assert len(server.bodies("/v1/chat/completions")) == (status == 200)
    async with ScriptedServer() as server, front(server.url, token=TOKEN) as (url, _):
        assert (await ask(url, body("hi"), **headers, **{"x-api-key": TOKEN}))[0] == 200


async def test_the_upstreams_own_key(ask):
    async with ScriptedServer() as server:
        spec = UpstreamSpec("a", server.url, "upstream-key")
        async with serving(Settings(upstreams=(spec,))) as (url, _):
            await ask(url, body("hi"), Authorization="Bearer clients")
        (chat,) = (r for r in server.received if r.path == "/v1/chat/completions")
    assert chat.headers["Authorization"] == "Bearer upstream-key"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        *((host, True) for host in ("127.0.0.1", "localhost", "::1", "127.8.8.8")),
        *((host, False) for host in ("0.0.0.0", "::", "192.168.1.5", "example.org")),
    ],
)
def test_only_this_machine_may_ask_without_a_token(host, loopback):
    settings = Settings(upstreams=(UpstreamSpec("a", "http://x"),))
    assert is_loopback(host) is loopback
    if not loopback:
        with pytest.raises(UserError, match="no token"):
            check_address(settings, host)
    check_address(Settings(upstreams=settings.upstreams, token="t"), host)


async def test_a_request_that_is_too_large(ask):
    bounds = Bounds(request_bytes=1000)
    async with ScriptedServer() as server, front(server.url, bounds=bounds) as (url, _):
        assert (await ask(url, body("x" * 2000)))[0] == 413
        assert (await ask(url, body("x")))[0] == 200


@pytest.mark.parametrize("data", [b"", b"nonsense", b"[1]", b"\xff\xfe"])
async def test_a_body_that_is_no_json(data, ask):
    async with ScriptedServer() as server, front(server.url) as (url, _):
        status, answer = await ask(url, data)
        assert status == 400
        assert json.loads(answer)["error"]["code"] == "bad_request"


PINS = (
    Pin("temperature", 0.7),
    Pin("top_k", strip=True),
    Pin("seed", 5, client="pi"),
    Pin("max_tokens", strip=True, client="opencode"),
)


async def test_pins_and_strips(ask):
    async with ScriptedServer() as server, front(server.url, pins=PINS) as (url, _):
        data = body("hi", temperature=0, top_k=9, max_tokens=50, unheard_of=1)
        await ask(url, data, **{"User-Agent": "pi (linux)"})
        await ask(url, data, **{"User-Agent": "opencode/1.18"})
        first, second = server.bodies("/v1/chat/completions")
    kept = {"model": "m", "stream": True, "temperature": 0.7, "unheard_of": 1}
    said = [{"role": "user", "content": "hi"}]
    assert first == {**kept, "messages": said, "max_tokens": 50, "seed": 5}
    assert second == {**kept, "messages": said}


async def test_pins_hold_in_every_attempt(ask):
    pins = (Pin("temperature", 0), Pin("seed", 7))
    async with (
        ScriptedServer(lambda _: Say(pieces=("",))) as server,
        front(server.url, pins=pins) as (url, _),
    ):
        await ask(url, body("hi"))
        sent = server.bodies("/v1/chat/completions")
    assert len(sent) > 1
    assert {(one["temperature"], one["seed"]) for one in sent} == {(0, 7)}


async def test_observing_pins_nothing(ask):
    async with (
        ScriptedServer() as server,
        front(server.url, pins=PINS, observe=True) as (url, _),
    ):
        await ask(url, body("hi", top_k=9))
        (sent,) = server.bodies("/v1/chat/completions")
    assert sent["top_k"] == 9
    assert "temperature" not in sent


async def test_a_request_goes_where_its_model_is(ask, http):
    small, large = Lies(model="small.gguf"), Lies(model="large.gguf")
    async with (
        ScriptedServer(lies=small) as one,
        ScriptedServer(lies=large) as two,
        front(one.url, two.url) as (url, _),
    ):
        status, data = await get(http, url + "/v1/models")
        assert status == 200
        assert [m["id"] for m in json.loads(data)["data"]] == ["small.gguf", "large.gguf"]
        for model in ("large.gguf", "u1/large.gguf", "u1"):
            assert (await ask(url, body("hi", model=model)))[0] == 200
        assert [b["model"] for b in two.bodies("/v1/chat/completions")] == ["large.gguf"] * 3
        status, data = await ask(url, body("hi", model="medium.gguf"))
        assert (status, json.loads(data)["error"]["code"]) == (404, "model_not_found")
        assert "large.gguf" in data.decode()
        assert not one.bodies("/v1/chat/completions")


async def test_a_server_that_starts_late_or_loads_another_model_is_found(ask, monkeypatch):
    monkeypatch.setattr(routing, "_LIST_AGAIN_SECONDS", 0.0)
    with listen("127.0.0.1", 0) as reserved:
        address = reserved.getsockname()
    late = ScriptedServer(lies=Lies(model="late.gguf"))
    async with (
        ScriptedServer() as one,
        late,
        front(one.url, f"http://127.0.0.1:{address[1]}") as (url, _),
    ):
        assert (await ask(url, body("hi", model="late.gguf")))[0] == 404
        await web.TCPSite(late._runner, *address).start()
        assert (await ask(url, body("hi", model="late.gguf")))[0] == 200
        late.lies = Lies(model="later.gguf")
        assert (await ask(url, body("hi", model="later.gguf")))[0] == 200


async def test_the_very_first_request_finds_its_server(ask):
    large = Lies(model="large.gguf")
    async with (
        ScriptedServer() as one,
        ScriptedServer(lies=large) as two,
        front(one.url, two.url) as (url, _),
    ):
        assert (await ask(url, body("hi", model="large.gguf")))[0] == 200


async def test_unknown_names_do_not_ask_the_servers_again_and_again(ask):
    async with (
        ScriptedServer() as one,
        ScriptedServer() as two,
        front(one.url, two.url) as (url, gateway),
    ):
        await until(lambda: all(upstream.models for upstream in gateway.upstreams))
        before = len(one.received)
        answers = await asyncio.gather(
            *(ask(url, body("hi", model=f"unknown-{n}")) for n in range(8))
        )
        assert {status for status, _ in answers} == {404}
        assert len(one.received) == before + 1


async def test_tokens_are_counted_where_the_model_is(http):
    one, two = (
        RawServer([json.dumps({"input_tokens": count}).encode()], kind="application/json")
        for count in (1, 2)
    )
    async with one, two, front(one.url, two.url) as (url, _):
        path = url + "/v1/messages/count_tokens"
        async with http.post(path, json={"model": "u1/b", "messages": []}) as answer:
            assert (answer.status, await answer.json()) == (200, {"input_tokens": 2})
        async with http.post(path, json={"model": "c", "messages": []}) as answer:
            assert answer.status == 400
            assert (await answer.json())["error"]["type"] == "invalid_request_error"
    assert [json.loads(sent)["model"] for sent in two.bodies] == ["b"]
    assert not one.bodies


async def test_a_request_without_a_model_is_told_to_name_one_of_several(http):
    async with (
        ScriptedServer() as one,
        ScriptedServer() as two,
        front(one.url, two.url) as (url, _),
        http.post(url + "/tokenize", json={"content": "x"}) as answer,
    ):
        assert answer.status == 404
        assert "names no model" in (await answer.json())["error"]["message"]


async def test_one_server_answers_to_any_name(ask):
    async with ScriptedServer() as server, front(server.url) as (url, _):
        await ask(url, body("hi", model="whatever"))
        assert server.bodies("/v1/chat/completions")[0]["model"] == "whatever"


async def test_work_goes_before_side_calls():
    """With one slot the title waits until no turn of the work runs or waits."""
    script = lambda _: Say(pieces=("All tests pass.",), pause_seconds=0.15)  # noqa: E731
    agent = {"User-Agent": "opencode/1.18"}
    async with (
        ScriptedServer(script) as server,
        front(server.url) as (url, gateway),
        aiohttp.ClientSession(headers=agent) as session,
    ):
        await until(lambda: gateway.upstreams[0].slots is not None)

        async def send(name, **fields):
            async with session.post(
                f"{url}/v1/chat/completions", data=body(name, **fields)
            ) as answer:
                return decoded(await answer.read())[-1]

        first = asyncio.create_task(send("first", tools=[BASH]))
        await asyncio.sleep(0.05)
        title = asyncio.create_task(send("title"))
        await asyncio.sleep(0.02)
        second = asyncio.create_task(send("second", tools=[BASH]))
        assert await asyncio.gather(first, title, second) == ["[DONE]"] * 3
        asked = [b["messages"][0]["content"] for b in server.bodies("/v1/chat/completions")]
    assert asked == ["first", "second", "title"]


async def test_who_waits_too_long_is_told(ask):
    bounds = Bounds(queue_seconds=0.1)
    slow = Say(pieces=("All tests pass.",), pause_seconds=1.0)
    async with ScriptedServer([slow]) as server, front(server.url, bounds=bounds) as (url, gw):
        await until(lambda: gw.upstreams[0].slots is not None)
        first = asyncio.create_task(ask(url, body("first")))
        await asyncio.sleep(0.05)
        status, data = await ask(url, body("second"))
        assert (status, json.loads(data)["error"]["code"]) == (503, "no_slot")
        assert (await first)[0] == 200
