"""What a recorded session says of the model that answered it."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from seatrial.core.errors import Boundary, EngineError, UnattestedError
from seatrial.core.generation import Finish, Timings, Usage
from seatrial.core.message import Message
from seatrial.fakes import Lies, Say, ScriptedServer
from seatrial.gateway import identity as identity_module
from seatrial.gateway.identity import MOST_HELD, MOST_SERVINGS, UNATTESTED, Identities, still
from seatrial.gateway.record import Exchange, Fault
from seatrial.gateway.requests import read_inbound
from seatrial.gateway.settings import UpstreamSpec
from tests.gateway.conftest import body, front, until
from tests.gateway.test_recording import traces

URL = "http://127.0.0.1:9"
ONE = {"grade": "process", "model": "one.gguf", "weights": "11", "pid": 1}
OTHER = {"grade": "process", "model": "other.gguf", "weights": "22", "pid": 2}


def exchange(model="m", *, loads=False, fault=None):
    request = read_inbound(body("hi")).request
    assert request is not None
    return Exchange(
        client="pi",
        session="",
        side=False,
        upstream=URL,
        model=model,
        window=None,
        loads_on_request=loads,
        request=request,
        body=b"{}",
        fields=b"{}",
        message=Message("assistant", "x"),
        finish=Finish.STOP,
        raw_finish=None,
        usage=Usage(),
        timings=Timings(),
        verdict="no_call",
        reason=None,
        decided=(),
        fault=fault,
    )


@pytest.fixture
def looks(monkeypatch):
    """What each look finds, in order, the last one again and again; and the ids it was given."""

    class Looks(list):
        def __init__(self):
            super().__init__([ONE])
            self.asked = []
            self.gate = asyncio.Event()
            self.gate.set()

    found = Looks()

    async def attested(spec, model):
        found.asked.append(model)
        await found.gate.wait()
        result = found.pop(0) if len(found) > 1 else found[0]
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(identity_module, "_attested", attested)
    return found


@asynccontextmanager
async def running():
    """Identities, and what they passed on."""
    passed = []
    identities = Identities({URL: UpstreamSpec("u", URL)}, passed.append)
    try:
        yield identities, passed
    finally:
        await identities.aclose()


async def test_an_exchange_waits_for_the_first_look(looks):
    looks.gate.clear()
    async with running() as (identities, passed):
        identities.put(exchange())
        await asyncio.sleep(0.01)
        assert not passed
        looks.gate.set()
        await until(lambda: passed)
        identities.put(exchange())
        assert [one.identity for one in passed] == [ONE, ONE]
    assert len(looks.asked) == 1


async def test_no_more_is_held_than_there_is_room_for(looks):
    looks.gate.clear()
    async with running() as (identities, passed):
        for _ in range(MOST_HELD + 3):
            identities.put(exchange())
        assert [one.identity for one in passed] == [{}, {}, {}]
        looks.gate.set()
        await until(lambda: len(passed) == MOST_HELD + 3)


async def test_nothing_is_held_for_ever(looks, monkeypatch):
    monkeypatch.setattr(identity_module, "HOLD_SECONDS", 0.02)
    looks.gate.clear()
    async with running() as (identities, passed):
        identities.put(exchange())
        await until(lambda: passed)
        assert passed[0].identity == {}


async def test_what_is_held_at_the_end_is_passed_on(looks, monkeypatch):
    monkeypatch.setattr(identity_module, "_CLOSE_SECONDS", 0.02)
    looks.gate.clear()
    async with running() as (identities, passed):
        identities.put(exchange())
    assert len(passed) == 1


async def test_after_a_fault_of_the_server_it_is_looked_at_before_anything_is_believed(looks):
    looks[:] = [ONE, EngineError("gone"), OTHER]
    async with running() as (identities, passed):
        identities.put(exchange())
        await until(lambda: len(passed) == 1)
        identities.put(exchange(fault=Fault(Boundary.ENGINE, "EngineError", "gone")))
        await until(lambda: len(passed) == 2)
        identities.put(exchange())
        await until(lambda: len(passed) == 3)
    assert [one.identity for one in passed] == [ONE, ONE, OTHER]


async def test_it_is_looked_at_again_while_it_is_used(looks, monkeypatch):
    monkeypatch.setattr(identity_module, "AGAIN_SECONDS", 0.0)
    looks[:] = [ONE, OTHER]
    async with running() as (identities, passed):
        identities.put(exchange())
        await until(lambda: passed)
        identities.put(exchange())
        await until(lambda: len(looks.asked) == 2)
        await asyncio.sleep(0.01)
        identities.put(exchange())
    assert [one.identity for one in passed] == [ONE, ONE, OTHER]


async def test_what_cannot_be_true_together_is_said(looks):
    looks[:] = [UnattestedError("it has another file")]
    async with running() as (identities, passed):
        identities.put(exchange())
        await until(lambda: passed)
    assert passed[0].identity["grade"] == UNATTESTED
    assert passed[0].identity["why"] == "it has another file"


async def test_a_server_that_loads_what_is_named_is_looked_at_for_each_name(looks):
    async with running() as (identities, passed):
        for number in range(MOST_SERVINGS + 5):
            identities.put(exchange(f"m{number}", loads=True))
        await until(lambda: len(passed) == MOST_SERVINGS + 5)
    assert looks.asked[:2] == ["m0", "m1"]
    assert len(looks.asked) <= MOST_SERVINGS + 1


@pytest.mark.parametrize(
    ("began", "now", "holds"),
    [
        (ONE, {**ONE, "pid": 7, "attested_at": "later"}, True),
        (ONE, OTHER, False),
        (ONE, {}, False),
        (ONE, {"grade": UNATTESTED}, False),
        ({}, ONE, True),
        ({"grade": UNATTESTED}, ONE, True),
    ],
)
def test_when_a_session_goes_on(began, now, holds):
    assert still(began, now) is holds


async def test_a_session_begins_with_the_grade_of_its_server(tmp_path, ask):
    lies = Lies(model="alias", props_model_path="/models/real.gguf")
    async with (
        ScriptedServer([Say(pieces=("hi",))], lies=lies) as server,
        front(server.url, runs=tmp_path) as (url, _),
    ):
        await ask(url, body("task"))
        asked = [one.path for one in server.received]
    ((_, (begin, *_rest)),) = traces(tmp_path)
    assert begin.identity["grade"] == "declared"
    assert begin.identity["model"] == "real.gguf"
    assert begin.identity["asked"] == "m"
    assert begin.identity["why"]
    assert asked.count("/v1/chat/completions") == 1, "nothing was generated for it"
    assert "/completion" not in asked


async def test_when_the_model_changes_a_new_session_begins(tmp_path, ask, looks, monkeypatch):
    monkeypatch.setattr(identity_module, "AGAIN_SECONDS", 0.0)
    looks[:] = [ONE, OTHER]
    more = ({"role": "assistant", "content": "x"}, "more")
    async with (
        ScriptedServer([Say(pieces=("x",))]) as server,
        front(server.url, runs=tmp_path) as (url, gateway),
    ):
        await ask(url, body("task"))
        await until(lambda: gateway.metrics.total("recorded_total") == 1)
        await ask(url, body("task", *more))
        await until(lambda: len(looks.asked) >= 2)
        await asyncio.sleep(0.01)
        await ask(url, body("task", *more, *more))
    models = [trace[0].identity["model"] for _, trace in traces(tmp_path)]
    assert sorted(models) == ["one.gguf", "other.gguf"]
