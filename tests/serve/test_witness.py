"""The witness: it tells what is seen of one port, to whom may ask, and does nothing else."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from seatrial.core.errors import EngineError, FormatError, UserError
from seatrial.serve import Engine, LaunchSpec, attached, attest_url, launch, witness
from seatrial.serve.testimony import Testimony as Told
from seatrial.serve.witness import check_door, make_token, witness_service
from seatrial.serve.witness_client import Witness, ask_witness
from tests.serve.proving import a_testimony, seen
from tests.serve.test_engine import engine_test
from tests.serve.tiny_gguf import write_tiny_model

TOKEN = "a token that nobody can guess"


def looking(port: int = 8080) -> Any:
    def look(host: str, asked: int) -> Told | None:
        return a_testimony(seen(), port=asked) if asked == port else None

    return look


async def ask(url: str, path: str, method: str = "GET", **headers: str) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url + path, headers=headers) as answer,
    ):
        return answer.status, await answer.json() if method != "HEAD" else None


async def test_it_answers_with_the_testimony() -> None:
    async with witness_service("127.0.0.1", 0, None, look=looking()) as url:
        status, body = await ask(url, "/v1/witness?port=8080")
        assert status == 200
        assert (body["pid"], body["hostname"], body["port"]) == (5, "box", 8080)
        found = await ask_witness(Witness(url), "http://127.0.0.1:8080")
    assert found == a_testimony(seen(), port=8080)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
async def test_only_get(method: str) -> None:
    async with witness_service("127.0.0.1", 0, None, look=looking()) as url:
        assert (await ask(url, "/v1/witness?port=8080", method))[0] == 405


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/witness", 400),
        ("/v1/witness?port=x", 400),
        ("/v1/witness?port=0", 400),
        ("/v1/witness?port=70000", 400),
        ("/v1/witness?port=²", 400),
        ("/v1/witness?port=1", 404),
        ("/", 404),
        ("/v1/witness/../../etc/passwd", 404),
    ],
)
async def test_other_questions(path: str, status: int) -> None:
    async with witness_service("127.0.0.1", 0, None, look=looking()) as url:
        found, body = await ask(url, path)
    assert found == status
    assert set(body["error"]) == {"code", "message"}


@pytest.mark.parametrize(
    "shown", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x"]
)
async def test_a_token_is_wanted(shown: str) -> None:
    async with witness_service("127.0.0.1", 0, TOKEN, look=looking()) as url:
        headers = {"Authorization": shown} if shown else {}
        assert (await ask(url, "/v1/witness?port=8080", **headers))[0] == 401
        good = {"Authorization": f"Bearer {TOKEN}"}
        assert (await ask(url, "/v1/witness?port=8080", **good))[0] == 200


async def test_a_web_page_cannot_ask() -> None:
    """A name that an attacker points at loopback is still the name in the request."""
    async with witness_service("127.0.0.1", 0, None, look=looking()) as url:
        assert (await ask(url, "/v1/witness?port=8080", Host="evil.example"))[0] == 403
        assert (await ask(url, "/v1/witness?port=8080", Host="localhost:1"))[0] == 200


def test_an_open_door_wants_a_good_token() -> None:
    with pytest.raises(UserError, match="wants a token"):
        check_door("0.0.0.0", None)
    with pytest.raises(UserError, match="too short"):
        check_door("0.0.0.0", "short")
    check_door("0.0.0.0", make_token())
    check_door("::1", None)
    assert make_token() != make_token()


async def test_a_taken_port() -> None:
    async with witness_service("127.0.0.1", 0, None, look=looking()) as url:
        with pytest.raises(UserError, match="in use"):
            async with witness_service("127.0.0.1", int(url.rpartition(":")[2]), None):
                pass


async def test_many_questions_cost_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []

    def look(host: str, port: int) -> Told | None:
        looks.append(port)
        return a_testimony(port=port)

    async with witness_service("127.0.0.1", 0, None, look=look) as url:
        asked = (ask(url, "/v1/witness?port=8080") for _ in range(20))
        assert {status for status, _ in await asyncio.gather(*asked)} == {200}
    assert looks == [8080]


async def test_a_large_file_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr("seatrial.serve.witness_client._POLL_SECONDS", 0.05)
    read = threading.Event()

    def look(host: str, port: int) -> Told | None:
        read.wait(10)
        return a_testimony(port=port)

    async with witness_service("127.0.0.1", 0, None, look=look) as url:
        assert (await ask(url, "/v1/witness?port=8080"))[0] == 503
        for port in (1, 2, 3):
            await ask(url, f"/v1/witness?port={port}")
        assert (await ask(url, "/v1/witness?port=4"))[0] == 429
        with pytest.raises(EngineError, match="still being read"):
            await ask_witness(Witness(url, wait_seconds=0.2), "http://127.0.0.1:8080")
        asyncio.get_running_loop().call_later(0.2, read.set)
        assert (await ask_witness(Witness(url), "http://127.0.0.1:8080")).port == 8080


async def test_a_witness_speaks_for_its_own_host_only() -> None:
    async with witness_service("127.0.0.1", 0, None, look=looking()) as url:
        with pytest.raises(UserError, match=r"the server at 192\.0\.2\.7: it cannot speak for it"):
            await ask_witness(Witness(url), "http://192.0.2.7:8080")


async def test_errors_of_a_witness() -> None:
    async with witness_service("127.0.0.1", 0, TOKEN, look=looking()) as url:
        with pytest.raises(EngineError, match=r"the witness: .*answered 401"):
            await ask_witness(Witness(url), "http://127.0.0.1:8080")
        with pytest.raises(EngineError, match="no process is seen that listens at port 9"):
            await ask_witness(Witness(url, TOKEN), "http://127.0.0.1:9")
    with pytest.raises(EngineError, match="the witness: nothing listens"):
        await ask_witness(Witness("http://127.0.0.1:9"), "http://127.0.0.1:8080")


async def test_a_stranger_is_no_witness() -> None:
    def lying(host: str, port: int) -> Told | None:
        return a_testimony(port=1)

    async with witness_service("127.0.0.1", 0, None, look=lying) as url:
        with pytest.raises(FormatError, match="speaks of port 1, 8080 was asked"):
            await ask_witness(Witness(url), "http://127.0.0.1:8080")


@pytest.fixture
async def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    model = write_tiny_model(tmp_path / "tiny.gguf")
    async with launch(LaunchSpec(model=model, window_tokens=512, log=tmp_path / "log")) as engine:
        yield engine


class TestOnTheEngine:
    pytestmark = engine_test

    async def test_a_server_elsewhere_is_proven_by_its_witness(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(attached, "is_here", lambda host: False)
        alone = await attest_url(engine.url)
        assert (alone.grade, alone.served["weights"]) == ("canary", None)
        assert "`seatrial witness` there could prove more" in alone.reasons[0]
        async with witness_service("127.0.0.1", 0, TOKEN) as url:
            found = await attest_url(engine.url, witness=Witness(url, TOKEN))
        assert (found.grade, found.reasons) == ("witness", ())
        assert found.testimony is not None
        assert found.testimony.pid == engine.pid != os.getpid()
        assert found.served["weights"] == found.testimony.models[0].weights.sha256

    async def test_a_tunnel_to_a_server_is_not_proven_by_a_witness_elsewhere(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Both URLs are of loopback here, and nobody knows whether they lead to one machine."""
        monkeypatch.setattr(attached, "examine", lambda host, port: None)
        port = int(engine.url.rpartition(":")[2])
        async with witness_service("127.0.0.1", 0, None, look=looking(port)) as url:
            found = await attest_url(engine.url, witness=Witness(url))
        assert found.grade == "canary"
        assert "the witness is on another machine than this port" in found.reasons[0]
        async with witness_service("127.0.0.1", 0, None) as url:
            assert (await attest_url(engine.url, witness=Witness(url))).grade == "witness"
