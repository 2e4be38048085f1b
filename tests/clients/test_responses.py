"""The scripted model behind `/v1/responses`."""

from typing import Any

import aiohttp
import msgspec

from seatrial.fakes import CallTools, Refuse, Reply, Say, ScriptedCall
from tests.clients.responses import chat_body, responses_server


async def events(reply: Reply, sent: list[int]) -> tuple[int, list[dict[str, Any]]]:
    async with (
        responses_server(lambda body: reply, sent.append) as url,
        aiohttp.ClientSession() as session,
        session.post(f"{url}/v1/responses", json={"input": []}) as answer,
    ):
        data = await answer.read()
    lines = [line[6:] for line in data.split(b"\n") if line.startswith(b"data: ")]
    return answer.status, [msgspec.json.decode(line) for line in lines]


async def test_text_and_thinking():
    sent: list[int] = []
    _, told = await events(Say(pieces=("a", "b"), think=("t",)), sent)
    assert [each["sequence_number"] for each in told] == list(range(len(told)))
    deltas = [each["delta"] for each in told if each["type"].endswith("delta")]
    assert (deltas, sum(sent)) == (["t", "a", "b"], 3)
    assert told[-1]["type"] == "response.completed"
    assert [item["type"] for item in told[-1]["response"]["output"]] == ["reasoning", "message"]


async def test_calls_and_cuts():
    call = ScriptedCall(name="f", fragments=('{"a"', ": 1}"))
    _, told = await events(CallTools(calls=(call,)), [])
    (item,) = told[-1]["response"]["output"]
    assert (item["name"], item["arguments"]) == ("f", '{"a": 1}')
    _, told = await events(CallTools(calls=(call,), finish="length"), [])
    assert told[-1]["type"] == "response.incomplete"


async def test_broken_ends():
    _, told = await events(Say(pieces=("a",), finish=None, end="no_done"), [])
    assert told[-1]["type"] == "response.output_text.delta"
    _, told = await events(Say(pieces=("a",), end="error_frame"), [])
    assert told[-1]["type"] == "response.failed"
    status, _ = await events(Refuse(status=400), [])
    assert status == 400


def test_a_request_becomes_a_chat_request():
    body = {
        "instructions": "S",
        "tools": [
            {"type": "function", "name": "f", "parameters": {"type": "object"}},
            {"type": "web_search"},
        ],
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "U"}]},
            {"type": "reasoning", "summary": []},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "R"},
        ],
    }
    chat = chat_body(body)
    assert [each["role"] for each in chat["messages"]] == ["system", "user", "assistant", "tool"]
    assert chat["messages"][1]["content"] == "U"
    assert [each["function"]["name"] for each in chat["tools"]] == ["f"]
