"""Blanks before an answer in one piece: valid JSON, and no error that looks like a success."""

import json

import pytest

from seatrial.fakes import Hang, Refuse, Say, ScriptedServer, overflow
from seatrial.fakes.script import After
from seatrial.gateway import Bounds
from tests.gateway.conftest import ALL_OFF, RawServer, body, front

LIBRARY = {"X-Stainless-Read-Timeout": "0.3"}
SOON = Bounds(first_byte_seconds=5)
QUESTION = body("hi", stream=False)
LATE = 0.7


async def served(script, ask, headers=LIBRARY, bounds=SOON, **fields):
    async with (
        ScriptedServer(script) as server,
        front(server.url, bounds=bounds, **fields) as (
            url,
            _,
        ),
    ):
        return await ask(url, QUESTION, **headers)


def late_error(status, data):
    """What a client finds: the status 200, and an error under blanks."""
    assert status == 200 and data.startswith(b" ")
    answer = json.loads(data)
    assert set(answer) == {"error"}
    return answer["error"]


async def test_a_slow_answer_has_blanks_before_it_and_is_the_servers_own(ask):
    quick, whole = await served([Say()], ask)
    assert quick == 200 and whole.startswith(b"{")
    status, data = await served([After(LATE, Say())], ask)
    assert status == 200 and data.startswith(b"  ")
    said = [json.loads(each)["choices"][0]["message"] for each in (whole, data)]
    assert said[0] == said[1]


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        ({}, {}),
        ({"X-Stainless-Read-Timeout": "600"}, {}),
        ({"X-Stainless-Read-Timeout": "None"}, {}),
        ({"X-Stainless-Read-Timeout": "nan"}, {}),
        (LIBRARY, {"observe": True}),
        (LIBRARY, {"off": frozenset({"blanks"})}),
    ],
)
async def test_others_and_without_that_rule_nothing_is_sent_before(headers, fields, ask):
    status, data = await served([After(LATE, Say())], ask, headers, **fields)
    assert status == 200 and data[:1] != b" "


async def test_an_early_error_keeps_its_status(ask):
    status, data = await served([overflow(9000, 3000)], ask)
    assert status == 400 and data.startswith(b"{")


@pytest.mark.parametrize("rules", [{}, {"guard": ALL_OFF}])
@pytest.mark.parametrize(
    ("refusal", "code", "words"),
    [
        (overflow(9000, 3000), 400, "exceed"),
        (
            Refuse(status=503, body={"error": {"message": "loading", "code": "busy"}}),
            503,
            "loading",
        ),
        (Refuse(status=422, body={"detail": "no such field"}), 422, "422"),
        (Refuse(status=500, body=["no object"]), 500, "no object"),
    ],
)
async def test_a_late_refusal_is_an_error_in_the_body(refusal, code, words, rules, ask):
    error = late_error(*await served([After(LATE, refusal)], ask, **rules))
    assert error["code"] == code
    assert words in json.dumps(error)


async def test_a_late_failure_of_the_server_is_an_error_in_the_body(ask):
    bounds = Bounds(first_byte_seconds=0.7)
    error = late_error(*await served([Hang()], ask, bounds=bounds))
    assert error["code"] == 504 and "timeout" in error["message"]


async def test_a_late_page_of_a_proxy_is_an_error_in_the_body(ask):
    page = b"<html>Bad Gateway</html>"
    slow = RawServer([page], status="502 Bad Gateway", kind="text/html", pause=0.7)
    async with slow as server, front(server.url, bounds=SOON) as (url, _):
        error = late_error(*await ask(url, QUESTION, **LIBRARY))
    assert error["code"] == 502


async def test_no_blank_is_sent_inside_of_an_answer(ask):
    answer = b'{"choices": [{"message": {"content": "a b", "role": "assistant"}}]}'
    pieces = [answer[n : n + 12] for n in range(0, len(answer), 12)]
    for guard in ({}, {"guard": ALL_OFF}):
        slow = RawServer(pieces, kind="application/json", pause=0.15)
        async with slow as server, front(server.url, bounds=SOON, **guard) as (url, _):
            status, data = await ask(url, QUESTION, **LIBRARY)
        assert status == 200 and data.lstrip(b" ") == answer
