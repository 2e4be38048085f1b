"""A survey ends, whatever the server does: budgets, silence, nonsense, death."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import web

from seatrial.chat.transport import Transport
from seatrial.core.errors import EngineError, UserError
from seatrial.fakes.personalities import personality
from seatrial.serve.facts import Fact
from seatrial.serve.survey.probes import OBSERVATIONS, PROBES
from seatrial.serve.survey.run import FAILED, survey
from seatrial.serve.survey.session import model_to_ask
from tests.serve.survey.asking import honest_facts, llama_facts, surveyed, verdicts


@asynccontextmanager
async def app(handler: Any, *, models: bool = True) -> AsyncIterator[str]:
    """A server whose every POST is answered by `handler`."""
    application = web.Application()
    if models:
        application.add_routes([web.get("/v1/models", _models)])
    application.add_routes([web.post("/{path:.*}", handler)])
    runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _models(_request: web.Request) -> web.Response:
    return web.json_response({"data": [{"id": "m"}]})


def says(value: object, status: int = 200) -> Any:
    """A handler that answers the same JSON to everything."""

    async def handler(_request: web.Request) -> web.Response:
        data = msgspec.json.encode(value)
        return web.Response(body=data, status=status, content_type="application/json")

    return handler


def test_the_tables_agree() -> None:
    assert len({probe.id for probe in PROBES}) == len(PROBES)
    assert all(probe.title and probe.title[0].islower() for probe in PROBES)
    assert all(title for title in OBSERVATIONS.values())


async def test_quick_is_about_two_dozen_requests_and_full_is_more() -> None:
    facts = await honest_facts("llama.cpp")
    quick = await surveyed("llama.cpp", facts=facts)
    deep = await surveyed("llama.cpp", facts=facts, depth="overflow")
    assert quick.requests <= 26
    assert quick.requests < deep.requests <= 60
    assert (quick.depth, quick.skipped) == ("quick", {})
    assert quick.find("overflow.shape") is None


async def test_progress_is_told_before_each_probe_and_only_chooses() -> None:
    told: list[str] = []
    found = await surveyed(
        "llama.cpp",
        facts=await honest_facts("llama.cpp"),
        only={"stops", "overflow"},
        on_progress=lambda probe: told.append(probe.id),
    )
    assert told == ["stops", "overflow"]
    assert found.find("overflow.shape") is not None
    assert found.find("cache.prefix") is None


async def test_a_probe_that_does_not_exist_is_the_persons_error() -> None:
    with pytest.raises(UserError, match="no probe spede") as error:
        await surveyed("llama.cpp", facts=await honest_facts("llama.cpp"), only={"spede"})
    assert "speed" in (error.value.hint or "")


async def test_a_server_that_is_not_there_is_an_error() -> None:
    async with Transport("http://127.0.0.1:9") as server:
        with pytest.raises(EngineError, match="nothing listens"):
            await survey(server, llama_facts(server.url))


async def test_a_server_that_wants_a_key_is_an_error_with_a_hint() -> None:
    async with personality("llama.cpp", "needs_key") as fake, Transport(fake.url) as server:
        with pytest.raises(EngineError, match="401") as error:
            await survey(server, llama_facts(server.url))
    assert "key" in (error.value.hint or "")


async def test_silence_ends_the_survey_and_is_no_verdict() -> None:
    async with personality("llama.cpp", "hangs_forever") as fake, Transport(fake.url) as server:
        found = await survey(server, llama_facts(server.url), request_seconds=0.2)
    assert found.seconds < 5
    assert {"answers.chat"} == set(verdicts(found, "bad"))
    assert "no answer within 0 s" in verdicts(found, "bad")["answers.chat"]
    assert found.skipped["sampler"] == "the chat endpoint does not answer"


async def test_silence_after_the_first_answer_ends_the_survey() -> None:
    whole = {"choices": [{"message": {"content": "aye aye"}, "finish_reason": "stop"}]}
    asked = 0

    async def falls_silent(_request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        if asked > 1:
            await asyncio.sleep(30)
        return web.json_response(whole)

    async with app(falls_silent) as url, Transport(url) as server:
        found = await survey(server, llama_facts(url), request_seconds=0.1)
    assert found.seconds < 5
    assert "2 requests in a row got no answer in time" in found.skipped["sampler"]
    assert verdicts(found, "bad") == {}


async def test_the_budgets_hold() -> None:
    facts = await honest_facts("llama.cpp")
    few = await surveyed("llama.cpp", facts=facts, max_requests=5)
    assert few.requests == 5
    assert "requests of this survey are spent" in few.skipped["knobs"]
    none = await surveyed("llama.cpp", facts=facts, max_seconds=0.0)
    assert none.requests == 0
    assert set(none.skipped) >= {"answers", "sampler"}


async def test_a_stream_without_end_is_left_and_named() -> None:
    frame = {"choices": [{"index": 0, "delta": {"content": "sea "}}]}
    whole = {"choices": [{"message": {"content": "sea " * 9}, "finish_reason": "length"}]}

    async def endless(request: web.Request) -> web.StreamResponse:
        if not (await request.json()).get("stream"):
            return web.json_response(whole)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        while True:
            await response.write(b"data: " + msgspec.json.encode(frame) + b"\n\n")
            await asyncio.sleep(0)

    async with app(endless) as url, Transport(url) as server:
        found = await survey(server, llama_facts(url), only={"stops"})
    assert found.bad("stops.max_tokens") is not None


async def test_a_server_that_dies_under_a_probe_is_named_with_the_probe() -> None:
    async def dies(request: web.Request) -> web.Response:
        if "tools" in await request.json():
            await site.stop()
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(
            {"choices": [{"message": {"content": "aye aye"}, "finish_reason": "stop"}]}
        )

    application = web.Application()
    application.add_routes([web.get("/v1/models", _models), web.post("/{path:.*}", dies)])
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with Transport(url) as server:
        found = await survey(server, llama_facts(url))
    await runner.cleanup()
    gone = found.bad("answers.alive")
    assert gone is not None
    assert gone.values["probe"] == "tools"
    assert found.skipped["sampler"] == gone.said


NONSENSE = [
    None,
    [],
    "text",
    {},
    {"choices": []},
    {"choices": [None]},
    {"choices": [{"message": {"content": 5, "tool_calls": "x"}, "finish_reason": 1}], "usage": []},
    {
        "choices": [{"message": {"content": None, "tool_calls": [None, {"function": 3}]}}],
        "usage": {"prompt_tokens": "many", "completion_tokens": True},
        "timings": {"draft_n": -1, "draft_n_accepted": "x", "predicted_per_second": "fast"},
    },
    {"error": {"message": "no"}},
]


@pytest.mark.parametrize("value", NONSENSE, ids=range(len(NONSENSE)))
async def test_nonsense_breaks_no_probe(value: object) -> None:
    async with app(says(value)) as url, Transport(url) as server:
        found = await survey(server, llama_facts(url, window=4096), depth="overflow")
    assert not [reason for reason in found.skipped.values() if reason.startswith(FAILED)]
    assert found.bad("answers.chat") is not None
    assert not verdicts(found, "bad").keys() - {"answers.chat", "answers.alive"}


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
async def test_a_refusal_of_everything_accuses_nothing_else(status: int) -> None:
    refusal = says({"error": "not today"}, status)
    async with app(refusal, models=False) as url, Transport(url) as server:
        found = await survey(server, llama_facts(url, window=4096), depth="overflow")
    assert set(verdicts(found, "bad")) == {"answers.chat"}
    assert set(found.skipped.values()) == {"the chat endpoint does not answer"}
    assert not [reason for reason in found.skipped.values() if reason.startswith(FAILED)]


async def test_the_model_that_requests_name() -> None:
    llama = llama_facts("u")
    many = msgspec.structs.replace(llama, listed=("a", "b"))
    loads = msgspec.structs.replace(
        many, family=msgspec.structs.replace(llama.family, loads_on_request=True)
    )
    cache = msgspec.structs.replace(
        loads, family=msgspec.structs.replace(loads.family, listing="cache")
    )
    assert model_to_ask(llama, "mine") == "mine"
    assert model_to_ask(llama, None) is None
    assert model_to_ask(many, None) == "a"
    assert model_to_ask(msgspec.structs.replace(many, model=Fact("b", "/props")), None) == "b"
    assert model_to_ask(msgspec.structs.replace(loads, loaded=("b",)), None) == "b"
    assert model_to_ask(cache, None) is None
    with pytest.raises(UserError, match="serves 2 models") as error:
        model_to_ask(loads, None)
    assert error.value.hint == "name one: --model a"
