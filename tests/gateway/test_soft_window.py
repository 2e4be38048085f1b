"""The soft window: the client is told before the server refuses, and only when it is sure."""

import json

import msgspec
import pytest

from seatrial.chat.window import SoftWindow
from seatrial.fakes import Lies, Say, ScriptedServer, overflow
from seatrial.gateway import Bounds, UpstreamSpec
from seatrial.gateway.upstream import Upstream
from tests.gateway.conftest import RawServer, body, front, text_stream, until

LONG = "word " * 6000
"""About 7,500 tokens by estimate."""


def error_of(data):
    return json.loads(data)["error"]


async def test_a_prompt_above_the_limit_is_refused_before_the_server_sees_it(ask):
    limit = SoftWindow(prompt_tokens=2000)
    async with ScriptedServer() as server, front(server.url, soft_window=limit) as (url, _):
        status, data = await ask(url, body(LONG))
        asked = server.bodies("/v1/chat/completions")
    assert status == 400 and asked == []
    error = error_of(data)
    assert error["code"] == "context_length_exceeded"
    assert error["n_ctx"] == 2000 and error["n_prompt_tokens"] > 2000


async def test_without_a_number_the_window_of_the_server_counts(ask):
    lies = Lies(window=4096)
    async with (
        ScriptedServer(lies=lies) as server,
        front(server.url, soft_window=SoftWindow()) as (url, gateway),
    ):
        await ask(url, body("short"))
        await until(lambda: gateway.upstreams[0].window == 4096)
        status, data = await ask(url, body(LONG))
        short, _ = await ask(url, body("short again"))
    assert status == 400 and error_of(data)["n_ctx"] < 4096
    assert short == 200


async def test_what_only_may_be_too_long_goes_on(ask):
    limit = SoftWindow(prompt_tokens=6500)
    async with ScriptedServer() as server, front(server.url, soft_window=limit) as (url, _):
        status, _ = await ask(url, body(LONG))
    assert status == 200


@pytest.mark.parametrize(("answer", "asks"), [("404 Not Found", 1), ("200 OK", 1)])
async def test_a_server_that_cannot_count_is_asked_once(answer, asks, ask):
    limit = SoftWindow(prompt_tokens=6500)
    async with (
        RawServer([text_stream("Hello.")], status=answer) as server,
        front(server.url, soft_window=limit) as (url, _),
    ):
        for _ in range(2):
            await ask(url, body(LONG))
    paths = [head.split(b" ")[1] for head in server.heads]
    assert paths.count(b"/apply-template") == asks
    assert paths.count(b"/v1/chat/completions") == 2


async def test_what_only_may_be_too_long_is_counted(ask):
    limit = SoftWindow(prompt_tokens=6500)
    async with ScriptedServer() as server, front(server.url, soft_window=limit) as (url, _):
        # This server takes each word for a token.
        refused, data = await ask(url, body("word " * 6600))
        taken, _ = await ask(url, body("word " * 6400))
    assert (refused, taken) == (400, 200)
    assert error_of(data)["n_prompt_tokens"] > 6600


async def test_images_are_not_counted(ask):
    limit = SoftWindow(prompt_tokens=6500)
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    message = {"role": "user", "content": [{"type": "text", "text": LONG}, image]}
    async with ScriptedServer() as server, front(server.url, soft_window=limit) as (url, _):
        assert (await ask(url, body(message)))[0] == 200
        assert not server.bodies("/apply-template")


async def test_nothing_is_refused_when_it_only_observes_or_is_off(ask):
    limit = SoftWindow(prompt_tokens=2000)
    for more in ({"observe": True}, {"off": frozenset({"soft_window"})}):
        async with (
            ScriptedServer() as server,
            front(server.url, soft_window=limit, **more) as (url, gateway),
        ):
            status, _ = await ask(url, body(LONG))
            assert 'soft_window_total{mode="observe"} 1' in gateway.metrics.text()
        assert status == 200


async def test_the_window_in_a_refusal_is_kept(ask):
    script = [overflow(9000, 3000), Say()]
    async with (
        ScriptedServer(script, lies=Lies(window=100_000)) as server,
        front(server.url, soft_window=SoftWindow()) as (url, _),
    ):
        first, _ = await ask(url, body(LONG))
        second, data = await ask(url, body(LONG))
        asked = len(server.bodies("/v1/chat/completions"))
    assert (first, second, asked) == (400, 400, 1)
    assert error_of(data)["n_ctx"] < 3000


async def test_the_window_of_one_model_does_not_refuse_for_another(ask):
    script = [overflow(9000, 3000), Say()]
    async with (
        ScriptedServer(script, lies=Lies(window=100_000)) as server,
        front(server.url, soft_window=SoftWindow()) as (url, _),
    ):
        small, _ = await ask(url, body(LONG, model="small"))
        big, _ = await ask(url, body(LONG, model="big"))
    assert (small, big) == (400, 200)


async def test_a_server_with_a_small_window_may_have_a_larger_one_by_now(ask):
    lies = Lies(window=3000)
    async with (
        ScriptedServer(lies=lies) as server,
        front(server.url, soft_window=SoftWindow()) as (url, gateway),
    ):
        upstream = gateway.upstreams[0]
        await until(lambda: upstream.window == 3000)
        assert (await ask(url, body(LONG)))[0] == 400
        server.lies = msgspec.structs.replace(lies, window=100_000)
        upstream._ask_again = 0.0
        await ask(url, body(LONG))
        await until(lambda: upstream.window == 100_000)
        assert (await ask(url, body(LONG)))[0] == 200


async def test_a_prompt_that_was_cut_is_counted_without_any_soft_window(ask):
    async with (
        ScriptedServer([Say(prompt_tokens=900), Say(prompt_tokens=900)]) as server,
        front(server.url) as (url, gateway),
    ):
        await ask(url, body(LONG))
        await ask(url, body(LONG))
        cut = gateway.metrics.total("guard_decisions_total", rule="silent_truncation")
    assert cut == 1


def test_a_window_is_of_the_loaded_model_where_naming_another_one_loads_that():
    upstream = Upstream(UpstreamSpec("a", "http://127.0.0.1:9"), Bounds())
    upstream.window, upstream._stated_for = 8192, "small"
    assert [upstream.window_of(model) for model in ("small", "big")] == [8192, None]
    assert upstream.measured("big").window_tokens is None
