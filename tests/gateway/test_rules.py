"""What the rules change, as clients see it."""

import json

import pytest

from seatrial.core.config import GuardSpec
from seatrial.fakes import CallTools, Loop, Say, ScriptedCall, ScriptedServer
from tests.gateway.conftest import (
    BASH,
    RawServer,
    body,
    decoded,
    delta,
    front,
    sse,
    text_stream,
    until,
)

XML = (
    "<tool_call>\n<function=bash>\n<parameter=command>\nls\n</parameter>\n</function>\n</tool_call>"
)
CHUNKS = tuple(XML[at : at + 7] for at in range(0, len(XML), 7))


def turn(data):
    """Text, calls and finish of a streamed answer."""
    frames = decoded(data)
    assert frames[-1] == "[DONE]"
    choices = [f["choices"][0] for f in frames[:-1] if f["choices"]]
    text = "".join(c["delta"].get("content") or "" for c in choices)
    calls = [call for c in choices for call in c["delta"].get("tool_calls") or ()]
    finishes = [c["finish_reason"] for c in choices if c["finish_reason"]]
    return text, calls, finishes


async def test_a_call_in_the_text_becomes_a_call(ask):
    async with ScriptedServer([Say(pieces=CHUNKS)]) as server, front(server.url) as (url, _):
        status, data = await ask(url, body("list", tools=[BASH]))
    text, calls, finishes = turn(data)
    assert status == 200
    assert text.strip() == ""
    assert [c["function"]["name"] for c in calls] == ["bash"]
    assert json.loads(calls[0]["function"]["arguments"]) == {"command": "ls"}
    assert calls[0]["id"]
    assert finishes == ["tool_calls"]
    ids = {frame["id"] for frame in decoded(data)[:-1]}
    assert ids == {"chatcmpl-scripted"}


@pytest.mark.parametrize("text", ["HELLO ", XML[:12]])
async def test_text_in_a_frame_with_reasoning_is_given_once(text, ask):
    rest = "world, I look.\n" + XML if text == "HELLO " else XML[12:]
    frames = [delta(reasoning_content="I th"), delta(reasoning_content="ink.", content=text)]
    stream = sse(*frames, delta(content=rest), delta("stop"), "[DONE]")
    async with RawServer([stream]) as server, front(server.url) as (url, _):
        _, data = await ask(url, body("list", tools=[BASH]))
    said, calls, _ = turn(data)
    assert said.rstrip() == ("HELLO world, I look." if text == "HELLO " else "")
    assert [c["function"]["name"] for c in calls] == ["bash"]
    choices = [frame["choices"][0]["delta"] for frame in decoded(data)[:-1]]
    assert "".join(d.get("reasoning_content") or "" for d in choices) == "I think."


async def test_observing_leaves_it_in_the_text(ask):
    async with (
        ScriptedServer([Say(pieces=CHUNKS)]) as server,
        front(server.url, observe=True) as (url, gateway),
    ):
        _, data = await ask(url, body("list", tools=[BASH]))
        decisions = gateway.metrics.total("guard_decisions_total", mode="observe")
    text, calls, finishes = turn(data)
    assert (text, calls, finishes) == (XML, [], ["stop"])
    assert decisions >= 1


async def test_a_loop_is_asked_again_before_the_client_sees_it(ask):
    script = [Loop(text="again and "), Say(pieces=("All tests pass now.",))]
    async with ScriptedServer(script) as server, front(server.url) as (url, _):
        status, data = await ask(url, body("go", temperature=0))
        first, second = server.bodies("/v1/chat/completions")
    assert (status, turn(data)[0]) == (200, "All tests pass now.")
    assert first != second
    assert second["model"] == "m"


SOUND = "".join(f"Step {n} looks at file {n * 7} and notes {n * n}. " for n in range(12))


@pytest.mark.parametrize("stream", [True, False])
async def test_what_was_sound_before_a_loop_is_part_of_the_answer(stream, ask):
    looping = Say(pieces=(SOUND, "\n", *["once more around it "] * 60), finish="length")
    script = [looping, Say(pieces=("And so ", "all tests pass."))]
    async with ScriptedServer(script) as server, front(server.url) as (url, _):
        _, data = await ask(url, body("go", stream=stream))
        second = server.bodies("/v1/chat/completions")[1]
    if stream:
        text, _, finishes = turn(data)
    else:
        choice = json.loads(data)["choices"][0]
        text, finishes = choice["message"]["content"], [choice["finish_reason"]]
    # The first round of a loop may be meant.
    assert text.startswith(SOUND.rstrip()) and text.endswith("And so all tests pass.")
    assert text.count("once more around it") <= 1
    assert second["messages"][-2]["content"] == text.removesuffix("And so all tests pass.").rstrip()
    assert finishes == ["stop"]


async def test_a_loop_for_ever_ends_with_an_error_and_never_with_stop(ask):
    async with ScriptedServer([Loop(text="again and ")]) as server, front(server.url) as (url, _):
        status, data = await ask(url, body("go"))
        assert 2 <= len(server.bodies("/v1/chat/completions")) <= 6
        await until(lambda: not server.generating)
    assert status >= 400
    assert json.loads(data)["error"]["code"] == "guard_stopped"


async def test_a_loop_after_sound_text_ends_with_an_error_in_the_stream(ask):
    sound = tuple(f"Step {n} looks at file number {n * 7} and notes {n * n}. " for n in range(40))
    looping = Say(pieces=(*sound, *["once more around "] * 200), finish="length")
    async with ScriptedServer([looping]) as server, front(server.url) as (url, _):
        status, data = await ask(url, body("go"))
    frames = decoded(data)
    assert status == 200
    assert "server error" in frames[-1]["error"]["message"]
    assert all(f["choices"][0]["finish_reason"] is None for f in frames[:-1])
    assert len(data) < 40_000


@pytest.mark.parametrize("stream", [True, False])
async def test_a_truncated_call_is_not_passed_on(stream, ask):
    cut = ScriptedCall(name="bash", fragments=('{"command": "ec', "ho "))
    script = [CallTools(calls=(cut,), finish="length"), Say(pieces=("Done, all is well.",))]
    async with ScriptedServer(script) as server, front(server.url) as (url, _):
        _, data = await ask(url, body("go", tools=[BASH], stream=stream))
    assert b"ec" + b"ho" not in data.replace(b" ", b"")


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("eos_token", "stop"),
        ("STOP", "stop"),
        ("max_tokens", "length"),
        ("refusal", "content_filter"),
        ("ai-loop-guard", "length"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_an_end_is_told_in_a_word_that_clients_know(word, told, stream, ask):
    raw, kind = text_stream("All is well.", finish=word), "text/event-stream"
    if not stream:
        choice = {"message": {"content": "All is well."}, "finish_reason": word}
        raw, kind = json.dumps({"choices": [choice], "x": 1}).encode(), "application/json"
    async with RawServer([raw], kind=kind) as server:
        async with front(server.url) as (url, gateway):
            _, data = await ask(url, body("go", stream=stream))
            assert gateway.metrics.total("guard_decisions_total", rule="finish_word") == 1
        off = GuardSpec(modes={"finish_word": "off"})
        async with front(server.url, guard=off) as (url, _):
            assert await ask(url, body("go", stream=stream)) == (200, raw)
    if stream:
        assert turn(data)[::2] == ("All is well.", [told])
    else:
        got = json.loads(data)
        assert (got["choices"][0]["finish_reason"], got["x"]) == (told, 1)


@pytest.mark.parametrize("usage", [{"timings": {"predicted_n": 64}}, {}])
async def test_a_healed_call_is_known_by_what_the_server_generated(usage, ask):
    call = {"index": 0, "id": "a", "function": {"name": "bash", "arguments": '{"command": "ec"}'}}
    cut = sse(delta(tool_calls=[call]), {**delta("tool_calls"), **usage}, "[DONE]")
    async with RawServer([cut]) as server, front(server.url) as (url, _):
        _, data = await ask(url, body("go", tools=[BASH], max_tokens=64))
    # Without any count nobody can know.
    assert (data == cut) is not bool(usage)


@pytest.mark.parametrize("word", ["abort", "error", None])
async def test_calls_of_a_broken_answer_are_not_passed_on(word, ask):
    call = {"index": 0, "id": "a", "function": {"name": "bash", "arguments": '{"command": "ls"}'}}
    stream = sse(delta(content="I look."), delta(tool_calls=[call]), delta(word), "[DONE]")
    async with RawServer([stream]) as server, front(server.url) as (url, _):
        status, data = await ask(url, body("go", tools=[BASH]))
    assert status == 503
    assert b"please retry" in data and b'"ls"' not in data


async def test_a_whole_answer_is_changed_in_its_place(ask, http):
    answer = {
        "id": "chatcmpl-9",
        "object": "chat.completion",
        "created": 5,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": XML},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
        "unheard_of": 1,
    }
    raw = json.dumps(answer).encode()
    async with RawServer([raw], kind="application/json") as server, front(server.url) as (url, _):
        _, data = await ask(url, body("list", tools=[BASH], stream=False))
    got = json.loads(data)
    choice = got["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"][0]["function"]["name"] == "bash"
    assert {**got, "choices": 0} == {**answer, "choices": 0}
