"""Bounded questions: every answer is data, only a server that is gone is an error."""

from __future__ import annotations

import pytest

from seatrial.chat.transport import Limits, Reply, Transport
from seatrial.core.errors import EngineError, FormatError
from seatrial.serve.families.asking import ask, ask_all, show, to_answer
from tests.serve.families.stand import Stand


async def test_a_query_arrives_as_it_was_meant() -> None:
    async with Stand({}, missing={}) as stand, Transport(stand.url) as server:
        await ask(server, "/props", {"model": "a/b:Q4&c=d+e %", "autoload": "false"})
        assert stand.asked == ["/props?model=a/b:Q4%26c%3Dd%2Be+%25&autoload=false"]


async def test_an_error_is_an_answer() -> None:
    async with Stand({"/a": (503, {"x": 1})}) as stand, Transport(stand.url) as server:
        answer = await ask(server, "/a")
    assert answer is not None
    assert (answer.status, answer.body) == (503, {"x": 1})


async def test_too_much_is_no_answer() -> None:
    async with Stand({"/a": "x" * 2**22}) as stand, Transport(stand.url) as server:
        assert await ask(server, "/a") is None
        with pytest.raises(FormatError):
            await server.get("/a", max_bytes=100)


async def test_a_limit_of_the_transport_holds_too() -> None:
    limits = Limits(json_bytes=100)
    async with Stand({"/a": "x" * 1000}) as stand, Transport(stand.url, limits=limits) as server:
        with pytest.raises(FormatError, match="more than 100 bytes"):
            await server.get("/a")


async def test_a_server_that_is_gone() -> None:
    async with Stand({}) as stand, Transport(stand.url) as server:
        await stand._runner.cleanup()
        with pytest.raises(EngineError):
            await ask(server, "/a")
        with pytest.raises(EngineError):
            await show(server, "/a", {})


async def test_all_at_once() -> None:
    answers = {"/a": {"x": 1}, "/b": "y" * 2**22}
    async with Stand(answers) as stand, Transport(stand.url) as server:
        asked = await ask_all(server, ("/a", "/b"), 5.0)
    assert asked.answers["/a"].body == {"x": 1}
    assert isinstance(asked.failures["/b"], FormatError)


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[" * 100_000, b"9" * 5000, b"\xff\xfe"])
def test_what_is_no_json_has_no_body(body: bytes) -> None:
    answer = to_answer(Reply(200, body))
    assert answer.body is None or not isinstance(answer.body, (dict, list))
    assert len(answer.text) <= 4096
