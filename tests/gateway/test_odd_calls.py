"""Calls in frames that clients read in several ways, as they come out of the gateway."""

import json

import pytest

from tests.gateway.conftest import BASH, RawServer, body, decoded, delta, front, sse

LS = '{"command": "ls"}'


def part(index=0, id=None, name=None, arguments=None):
    function = {"name": name, "arguments": arguments}
    call = {"index": index, "id": id, "function": {k: v for k, v in function.items() if v}}
    call = {key: value for key, value in call.items() if value is not None}
    return delta(tool_calls=[call])


def stream(*parts):
    return sse(delta(role="assistant"), *parts, delta("tool_calls"), "[DONE]")


def naive(data):
    """What a plain client makes of the calls: by index, the first name, all text."""
    calls = {}
    for frame in decoded(data)[:-1]:
        for call in frame["choices"][0]["delta"].get("tool_calls") or ():
            new = call["index"] not in calls
            entry = calls.setdefault(call["index"], [call.get("id"), "", ""])
            entry[1] = entry[1] if not new else call["function"]["name"]
            entry[2] += call["function"].get("arguments", "")
    return [(id, name, json.loads(text)) for id, name, text in calls.values()]


@pytest.mark.parametrize(
    "parts",
    [
        (part(None, "x", "bash"), part(None, None, None, LS[:5]), part(None, None, None, LS[5:])),
        (part(0, "x", "bash", {"command": "ls"}),),
        (part(0, "x", "Bash", LS),),
        (part(0, "x", "functions.bash", LS),),
        (part(0, "x", "bash", LS[:5]), part(0, None, None, LS)),
        (part(0, "x", "ba"), part(0, None, "sh", LS)),
    ],
)
async def test_every_client_reads_the_call_that_was_meant(parts, ask):
    async with RawServer([stream(*parts)]) as server, front(server.url) as (url, gateway):
        status, data = await ask(url, body("go", tools=[BASH]))
        edits = gateway.metrics.total("guard_decisions_total", rule="rescue", action="edit")
    assert (status, edits) == (200, 1)
    assert naive(data) == [("x", "bash", {"command": "ls"})]


@pytest.mark.parametrize(("index", "id"), [(0, "y"), (1, "x")])
async def test_two_calls_under_one_number_or_id(index, id, ask):
    raw = stream(part(0, "x", "bash", LS), part(index, id, "bash", LS.replace("ls", "id")))
    async with RawServer([raw]) as server, front(server.url) as (url, _):
        _, data = await ask(url, body("go", tools=[BASH]))
    first, second = naive(data)
    assert [first[2]["command"], second[2]["command"]] == ["ls", "id"]
    assert first[0] != second[0]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("frob", "{}"), ("bash", '{"command": ["ls"]}')],
)
async def test_a_call_that_does_not_fit_reaches_the_client_in_the_end(name, arguments, ask):
    raw = stream(part(0, "x", name, arguments))
    async with RawServer([raw]) as server, front(server.url) as (url, _):
        status, data = await ask(url, body("go", tools=[BASH]))
        asked = len(server.bodies)
    assert (status, data) == (200, raw)
    assert asked > 1


@pytest.mark.parametrize("more", [(), (part(1, "y", "bash", LS),)])
async def test_an_odd_word_for_the_end_loses_no_call_that_does_not_fit(more, ask):
    """Written anew, the answer would hold half of the calls, or none, and look whole."""
    raw = sse(
        delta(role="assistant"), part(0, "x", "frob", "{}"), *more, delta("eos_token"), "[DONE]"
    )
    async with RawServer([raw]) as server, front(server.url) as (url, _):
        status, data = await ask(url, body("go", tools=[BASH]))
    assert (status, data) == (200, raw)


async def test_a_call_that_cannot_be_read_does_not(ask):
    raw = stream(part(0, "x", "bash", '{"command": "ls", "command": "id"}'))
    async with RawServer([raw]) as server, front(server.url) as (url, _):
        status, data = await ask(url, body("go", tools=[BASH]))
    assert status != 200 and b"tool_calls" not in data
