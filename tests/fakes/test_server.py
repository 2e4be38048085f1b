"""The scripted server says what its script says, and keeps book."""

from typing import Any

from seatrial.chat import Transport
from seatrial.fakes import (
    CallTools,
    Lies,
    Refuse,
    Reply,
    Say,
    ScriptedCall,
    ScriptedServer,
    overflow,
    split,
)

CHAT = "/v1/chat/completions"
BODY = {"messages": [{"role": "user", "content": "hi"}]}


async def stream(transport: Transport) -> list[bytes]:
    events = transport.post_stream(CHAT, BODY, timeout_seconds=5)
    return [event.data async for event in events]


async def test_it_lies_about_its_model():
    lies = Lies(model="gpt-5", props_model_path="/m/other.gguf", window=77, slots=2)
    async with ScriptedServer(lies=lies) as server, Transport(server.url) as transport:
        models = await transport.get_json("/v1/models", dict[str, Any])
        props = await transport.get_json("/props", dict[str, Any])
        slots = await transport.get_json("/slots", list[dict[str, Any]])
        assert b'"gpt-5"' in (await stream(transport))[0]
    assert models["data"][0]["id"] == "gpt-5"
    assert props["model_path"] == "/m/other.gguf"
    assert props["default_generation_settings"]["n_ctx"] == 77
    assert [slot["is_processing"] for slot in slots] == [False, False]


async def test_the_script_is_followed_and_its_last_line_repeats():
    script = [Say(pieces=("one",)), Say(pieces=("two",))]
    async with ScriptedServer(script) as server, Transport(server.url) as transport:
        answers = [b"".join(await stream(transport)) for _ in range(3)]
        assert len(server.bodies(CHAT)) == 3
    assert [b"one" in answer for answer in answers] == [True, False, False]
    assert [b"two" in answer for answer in answers] == [False, True, True]


async def test_a_completion_of_a_rendered_conversation_is_that_conversation():
    def script(body: dict[str, Any]) -> Reply:
        calls = (ScriptedCall(name="ls", fragments=('{"a": ', "1}")),)
        return CallTools(calls=calls) if body.get("messages") else Say(think=("hm",))

    async with ScriptedServer(script) as server, Transport(server.url) as transport:
        prompt = (await transport.post_json("/apply-template", BODY, dict[str, str]))["prompt"]
        said = [
            b"".join([event.data async for event in events])
            for text in (prompt, "anything else")
            for events in [
                transport.post_stream("/completion", {"prompt": text}, timeout_seconds=5)
            ]
        ]
    assert b"arguments" in said[0] and b"<tool_call>" in said[0]
    assert b"<think>" in said[1] and b"tool_call" not in said[1]


async def test_it_records_requests():
    async with ScriptedServer() as server, Transport(server.url, headers={"X-A": "b"}) as transport:
        await stream(transport)
        (received,) = server.received
    assert (received.method, received.path, received.body) == ("POST", CHAT, BODY)
    assert received.headers["X-A"] == "b"


def test_split_and_overflow():
    assert split("abcdef", 1, 4) == ("a", "bcd", "ef")
    refusal = overflow(5, 4)
    assert isinstance(refusal, Refuse)
    assert refusal.body["error"]["n_ctx"] == 4
