"""The rules that stand in for an extension of the client, as servers and clients see them."""

import json

import pytest

from seatrial.core.config import GuardSpec
from seatrial.fakes import CallTools, Say, ScriptedCall, ScriptedServer
from seatrial.guard.rules.verify import NOTE, NUDGE
from tests.gateway.conftest import BASH, RawServer, body, decoded, front, text_stream

TASK = "Write add.py with a function add. It must return the sum."
ORDER = (
    "You are performing a CONTEXT CHECKPOINT COMPACTION. Create a handoff summary for another "
    "LLM that will resume the task."
)
WROTE = [
    {
        "role": "assistant",
        "content": None,
        "junk": {"kept": 1},
        "tool_calls": [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "bash", "arguments": '{"command":"echo x > add.py"}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "ok"}]},
]
VERIFYING = {"guard": GuardSpec(modes={"verify_before_done": "enforce"})}


@pytest.mark.parametrize("parts", [False, True])
async def test_a_compaction_reaches_the_server_with_the_block_and_nothing_else_changed(parts, ask):
    order = [{"type": "text", "text": ORDER}] if parts else ORDER
    request = body(TASK, *WROTE, {"role": "user", "content": order, "own": 2}, unheard_of=[1.5])
    stream = text_stream("Goal: the sum.")
    async with RawServer([stream]) as server, front(server.url) as (url, _):
        assert await ask(url, request) == (200, stream)
    sent, came = json.loads(server.bodies[0]), json.loads(request)
    last = sent["messages"].pop()
    assert came["messages"].pop()["own"] == last["own"] == 2
    assert sent == came
    text = last["content"]
    assert text.startswith(f"{ORDER}\n\n") and text.endswith("- add.py\n</pinned-task>")
    assert f"\n{TASK}\n" in text


@pytest.mark.parametrize(
    "fields",
    [{"observe": True}, {"guard": GuardSpec(modes={"compaction_pin": "off"})}],
)
async def test_it_can_be_switched_off(fields, ask):
    request = body(TASK, *WROTE, ORDER)
    stream = text_stream("Goal: the sum.")
    async with RawServer([stream]) as server, front(server.url, **fields) as (url, _):
        assert await ask(url, request) == (200, stream)
    assert server.bodies == [request]


async def test_a_compaction_over_the_wire_of_codex(ask):
    items = [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": TASK}]},
        {"type": "function_call", "call_id": "c", "name": "bash", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "ok"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": ORDER}]},
    ]
    request = json.dumps({"model": "m", "stream": True, "input": items}).encode()
    async with ScriptedServer([Say(pieces=("Goal.",))]) as server, front(server.url) as (url, _):
        status, _ = await ask(url, request, path="/v1/responses")
        (sent,) = server.bodies("/v1/chat/completions")
    assert status == 200 and "<pinned-task>" in json.dumps(sent["messages"][-1])


async def test_a_compaction_over_the_wire_of_claude_code(ask):
    order = (
        "Your task is to create a detailed summary of the conversation so far, essential for "
        "continuing development work without losing context."
    )
    request = {
        "model": "m",
        "max_tokens": 4096,
        "stream": True,
        "system": "You are a helpful AI assistant tasked with summarizing conversations.",
        "messages": [
            {"role": "user", "content": TASK},
            {"role": "assistant", "content": "I looked."},
            {"role": "user", "content": [{"type": "text", "text": order}]},
        ],
        "tools": [{"name": "Read", "input_schema": {"type": "object", "properties": {}}}],
    }
    async with ScriptedServer([Say(pieces=("Goal.",))]) as server, front(server.url) as (url, _):
        status, _ = await ask(url, json.dumps(request).encode(), path="/v1/messages")
        (sent,) = server.bodies("/v1/chat/completions")
    assert status == 200 and f"\\n{TASK}\\n" in json.dumps(sent["messages"][-1])


@pytest.mark.parametrize("stream", [True, False])
async def test_the_user_sees_why_the_model_goes_on(stream, ask):
    check = ScriptedCall(name="bash", fragments=('{"command": "py', 'thon add.py"}'))
    script = [Say(pieces=("Done, all tests pass.",)), CallTools(calls=(check,))]
    request = body(TASK, *WROTE, tools=[BASH], stream=stream)
    async with (
        ScriptedServer(script, whole_answers=True) as server,
        front(server.url, **VERIFYING) as (url, _),
    ):
        _, data = await ask(url, request)
        first, second = server.bodies("/v1/chat/completions")
    assert second["messages"][:-2] == first["messages"]
    assert second["messages"][-1]["content"] == NUDGE
    assert b"all tests pass" not in data and NOTE.encode() in data
    if stream:
        choices = [f["choices"][0] for f in decoded(data)[:-1] if f["choices"]]
        calls = [c for choice in choices for c in choice["delta"].get("tool_calls") or ()]
        assert choices[-1]["finish_reason"] == "tool_calls"
    else:
        calls = json.loads(data)["choices"][0]["message"]["tool_calls"]
    arguments = "".join(call["function"]["arguments"] for call in calls)
    assert arguments == '{"command": "python add.py"}'


async def test_observing_counts_what_was_not_checked(ask):
    stream = text_stream("Done, all tests pass.")
    async with RawServer([stream]) as server, front(server.url) as (url, gateway):
        assert await ask(url, body(TASK, *WROTE, tools=[BASH])) == (200, stream)
        counted = gateway.metrics.total("guard_decisions_total", rule="verify_before_done")
    assert counted == 1 and len(server.bodies) == 1
