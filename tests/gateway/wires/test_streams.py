"""Streams: chat completions as clients of the other protocols see them, and the way back."""

import json
from pathlib import Path

import pytest

from seatrial.chat.endpoint import CallEvent, End, Text, Think, UsageEvent
from seatrial.chat.overflow import ContextOverflowError
from seatrial.core.errors import EngineError, FormatError
from seatrial.core.generation import Finish, Timings, Usage
from seatrial.core.message import Call
from seatrial.gateway.wires import (
    MESSAGES,
    RESPONSES,
    SERVERS,
    BrokenCallError,
    BrokenOffError,
    ChatReader,
    ChatWriter,
    bridge,
    server_bridge,
)
from tests.gateway.wires.speaking import (
    DONE,
    FALLBACK,
    WIRES,
    asked,
    call_delta,
    chunk,
    data,
    frames,
    translated,
    usage_chunk,
)

GOLDEN = Path(__file__).parent / "golden"
ARGUMENTS = '{"cmd" : "ls  -l", "n": 1.50}'
PATCH = '{"input":"*** Begin\\n"}'
TOOLS = [
    {"type": "function", "name": "bash", "parameters": {"type": "object"}},
    {
        "type": "namespace",
        "name": "agents",
        "tools": [{"type": "function", "name": "close", "parameters": {}}],
    },
    {"type": "custom", "name": "patch"},
]
STREAM = b"".join(
    [
        chunk({"role": "assistant", "content": None}),
        chunk({"reasoning_content": "I "}),
        chunk({"reasoning_content": "look."}),
        chunk({"content": "The files: "}),
        chunk({"content": "ä\U0001f600\n"}),
        call_delta(0, "call_1", "bash", ARGUMENTS[:9]),
        call_delta(0, None, None, ARGUMENTS[9:]),
        call_delta(1, "call_2", "agents__close", ""),
        call_delta(1, None, None, '{"target":"x"}'),
        call_delta(2, "call_3", "patch", PATCH),
        chunk({}, "tool_calls"),
        usage_chunk(),
        DONE,
    ]
)
CALLS = [
    Call("call_1", "bash", ARGUMENTS),
    Call("call_2", "agents__close", '{"target":"x"}'),
    Call("call_3", "patch", PATCH),
]


@pytest.mark.parametrize("name", WIRES)
def test_golden_stream(name):
    """The official Python clients (openai 3.54, anthropic 2.12) read these files."""
    wire = WIRES[name]
    ask = asked(wire, tools=TOOLS) if wire is RESPONSES else asked(wire)
    assert translated(wire, STREAM, ask) == (GOLDEN / f"{name}.sse").read_bytes()


@pytest.mark.parametrize("name", WIRES)
def test_frames_do_not_depend_on_how_they_came(name):
    """Each chat frame gives its frames at once; nothing waits but calls."""
    between = bridge(WIRES[name], asked(WIRES[name]), FALLBACK)
    sizes = [len(between.feed(frame)) for frame in frames(STREAM)]
    assert [size > 0 for size in sizes] == [False, *[True] * 4, *[False] * 7, True]


def test_blocks_of_messages():
    events = data(translated(MESSAGES, STREAM))
    kinds = [event["type"] for event in events]
    assert kinds[0] == "message_start" and kinds[-2:] == ["message_delta", "message_stop"]
    opened = [event["content_block"] for event in events if "content_block" in event]
    assert [block["type"] for block in opened] == ["thinking", "text", *["tool_use"] * 3]
    indices = [event["index"] for event in events if event["type"] == "content_block_stop"]
    assert indices == [0, 1, 2, 3, 4]
    assert events[-2]["delta"]["stop_reason"] == "tool_use"
    assert events[-2]["usage"] == {
        "input_tokens": 20,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 100,
        "output_tokens": 40,
    }


def test_items_of_responses():
    ask = asked(RESPONSES, tools=TOOLS, include=["reasoning.encrypted_content"])
    events = data(translated(RESPONSES, STREAM, ask))
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    whole = events[-1]["response"]
    assert events[-1]["type"] == "response.completed" and whole["output"] == done
    assert done[0]["encrypted_content"] == "seatrial-plain:I look."
    assert done[1]["content"][0]["text"] == "The files: ä\U0001f600\n"
    assert done[2]["arguments"] == ARGUMENTS
    assert (done[3]["name"], done[3]["namespace"]) == ("close", "agents")
    assert (done[4]["type"], done[4]["input"]) == ("custom_tool_call", "*** Begin\n")
    assert whole["usage"]["total_tokens"] == 160
    assert len({item["id"] for item in done}) == len(done)


def events_of(reader, stream):
    found = [event for frame in frames(stream) for event in reader.feed(frame)]
    return [*found, *reader.finish()]


def said(events):
    return {
        "think": "".join(event.text for event in events if isinstance(event, Think)),
        "text": "".join(event.text for event in events if isinstance(event, Text)),
        "calls": [event.call for event in events if isinstance(event, CallEvent)],
        "usage": next((event.usage for event in events if isinstance(event, UsageEvent)), None),
    }


@pytest.mark.parametrize("path", SERVERS)
def test_there_and_back(path):
    wire = {"/v1/messages": MESSAGES, "/v1/responses": RESPONSES}[path]
    # No tools are declared, so that no call takes another form.
    there = translated(wire, STREAM)
    first = said(events_of(ChatReader(), STREAM))
    assert first["calls"] == CALLS
    second = said(events_of(SERVERS[path].reader(), there))
    if wire is MESSAGES:
        # This protocol does not tell how much of the answer was thought.
        first["usage"] = Usage(120, 100, 40)
    assert second == first
    between = server_bridge(SERVERS[path], FALLBACK)
    back = b"".join(between.feed(frame) for frame in frames(there)) + between.finish()
    assert back.endswith(DONE)
    assert said(events_of(ChatReader(), back))["calls"] == CALLS


def ended(wire, word, *before):
    return data(translated(wire, b"".join(before) + chunk({}, word) + DONE))[-1]


@pytest.mark.parametrize(
    ("word", "reason", "status"),
    [
        ("stop", "end_turn", "completed"),
        ("length", "max_tokens", "incomplete"),
        ("content_filter", "refusal", "incomplete"),
        ("model_length", "max_tokens", "incomplete"),
        ("a_word_of_tomorrow", "end_turn", "completed"),
        ("tool_calls", "end_turn", "completed"),
    ],
)
def test_words_for_the_end(word, reason, status):
    stream = chunk({"content": "x"}) + chunk({}, word) + DONE
    assert data(translated(MESSAGES, stream))[-2]["delta"]["stop_reason"] == reason
    last = data(translated(RESPONSES, stream))[-1]
    assert last["type"] == f"response.{status}" and last["response"]["status"] == status


def test_calls_under_another_word():
    stream = call_delta(0, "c", "f", "{}") + chunk({}, "stop") + DONE
    assert data(translated(MESSAGES, stream))[-2]["delta"]["stop_reason"] == "tool_use"


@pytest.mark.parametrize("name", WIRES)
@pytest.mark.parametrize("arguments", ['{"path": "a", "text": "half', '{"path": "a"}'])
def test_a_call_that_may_be_cut_is_not_passed_on(name, arguments):
    """Servers close what they cut, so even a call that reads well may be half of one."""
    stream = call_delta(0, "c1", "f", "{}") + call_delta(1, "c2", "write", arguments)
    text = translated(WIRES[name], stream + chunk({}, "length") + DONE)
    assert b"c1" in text and b"c2" not in text and b"write" not in text


@pytest.mark.parametrize("name", WIRES)
@pytest.mark.parametrize("arguments", ['{"a": ', "[1]", '{"a": 1}}', '{"a": NaN}'])
def test_a_broken_call_is_nobodys_to_execute(name, arguments):
    stream = chunk({"content": "x"}) + call_delta(0, "c", "f", arguments)
    with pytest.raises(BrokenCallError):
        translated(WIRES[name], stream + chunk({}, "tool_calls") + DONE)


def test_a_freeform_tool_called_without_its_text():
    ask = asked(RESPONSES, tools=TOOLS)
    stream = call_delta(0, "c", "patch", '{"path": "a"}') + chunk({}, "stop") + DONE
    with pytest.raises(BrokenCallError):
        translated(RESPONSES, stream, ask)


@pytest.mark.parametrize("name", WIRES)
@pytest.mark.parametrize("word", ["error", "abort", "insufficient_system_resource"])
def test_an_answer_that_was_broken_off_is_no_final_answer(name, word):
    with pytest.raises(BrokenOffError):
        translated(WIRES[name], chunk({"content": "x"}) + chunk({}, word) + DONE)


@pytest.mark.parametrize("name", WIRES)
@pytest.mark.parametrize("end", [b"", DONE])
def test_a_stream_without_an_end(name, end):
    with pytest.raises(FormatError):
        translated(WIRES[name], chunk({"content": "x"}) + end)


@pytest.mark.parametrize("name", WIRES)
@pytest.mark.parametrize("finish", [Finish.GUARD, Finish.MISSING, Finish.CANCELLED])
def test_a_stopped_stream_never_ends_as_if_it_were_done(name, finish):
    wire = WIRES[name]
    writer = wire.writer(FALLBACK, asked(wire))
    writer.feed(Text("x"))
    with pytest.raises(BrokenOffError, match="loop"):
        writer.feed(End(finish, "stop", reason="a loop"))


@pytest.mark.parametrize("name", WIRES)
def test_a_failure_is_told_so_that_it_is_tried_again(name):
    between = bridge(WIRES[name], asked(WIRES[name]), FALLBACK)
    before = b"".join(between.feed(frame) for frame in frames(chunk({"content": "x"})))
    (*_, last) = data(before + between.fail(EngineError("it died")))
    text = json.dumps(last)
    assert "it died" in text and "overloaded" in text
    assert last["type"] in ("error", "response.failed")


def test_an_overflow_under_way_is_what_each_client_waits_for():
    overflow = ContextOverflowError("x", prompt_tokens=5000, window_tokens=4096)
    (message,) = data(bridge(MESSAGES, asked(MESSAGES), FALLBACK).fail(overflow))
    assert message["error"]["message"] == "prompt is too long: 5000 tokens > 4096 maximum"
    response = data(bridge(RESPONSES, asked(RESPONSES), FALLBACK).fail(overflow))[-1]
    assert response["response"]["error"]["code"] == "context_length_exceeded"


def test_errors_of_the_server():
    error = {"message": "request (9 tokens) exceeds the available context size (8 tokens)"}
    overflow = b"data: " + json.dumps({"error": error}).encode() + b"\n\n"
    for reader in (ChatReader(), SERVERS["/v1/messages"].reader()):
        with pytest.raises(ContextOverflowError):
            events_of(reader, overflow.replace(b'{"error"', b'{"type": "error", "error"'))
    failed = {"type": "response.failed", "response": {"error": {"message": "no room"}}}
    with pytest.raises(EngineError, match="no room"):
        events_of(
            SERVERS["/v1/responses"].reader(), b"data: " + json.dumps(failed).encode() + b"\n\n"
        )


def test_ids_that_are_missing_or_given_twice():
    stream = b"".join(call_delta(index, "same", "f", "{}") for index in range(2))
    stream += call_delta(2, None, "f", "{}") + chunk({}, "tool_calls") + DONE
    calls = said(events_of(ChatReader(), stream))["calls"]
    assert [call.id for call in calls] == ["same", "call_1_1", "call_1_2"]


def test_what_clients_of_chat_read_although_it_is_odd():
    odd = [
        b"data: \n\n",
        chunk({"content": "a?"}).replace(b"?", b"\xff"),
        chunk({"content": "b?"}).replace(b"?", b"\\ud83d"),
        call_delta(0, 7, "f", "{}"),
        chunk({}, "tool_calls"),
    ]
    stream = b"".join(odd).replace(b'"index": 0, "delta"', b'"index": 1, "delta"') + DONE
    got = said(events_of(ChatReader(), stream))
    assert got["text"] == "a\ufffdb\ufffd"
    assert [call.id for call in got["calls"]] == ["7"]


def test_a_call_in_the_form_of_before_tools():
    pieces = [{"name": "f", "arguments": '{"a"'}, {"arguments": ": 1.0}"}]
    stream = b"".join(chunk({"function_call": piece}) for piece in pieces)
    got = said(events_of(ChatReader(), stream + chunk({}, "function_call") + DONE))
    assert got["calls"] == [Call("call_1_0", "f", '{"a": 1.0}')]


def test_a_call_with_broken_letters_is_refused():
    stream = call_delta(0, "a", "f", '{"a": "?"}').replace(b"?", b"\xff")
    with pytest.raises(FormatError):
        events_of(ChatReader(), stream + chunk({}, "tool_calls") + DONE)


def test_a_server_that_sends_objects_and_no_index():
    call = {"id": "c1", "function": {"name": "f", "arguments": {"a": 1.0}}}
    stream = chunk({"tool_calls": [call]}) + chunk({"tool_calls": [{**call, "id": "c2"}]})
    stream += chunk({}, "tool_calls") + DONE
    calls = said(events_of(ChatReader(), stream))["calls"]
    assert [(call.id, call.arguments) for call in calls] == [
        ("c1", '{"a": 1.0}'),
        ("c2", '{"a": 1.0}'),
    ]


def test_a_head_that_the_server_does_not_give():
    frame = {"choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}]}
    stream = b"data: " + json.dumps(frame).encode() + b"\n\n"
    first = data(translated(MESSAGES, stream))[0]["message"]
    assert (first["id"], first["model"]) == ("msg_fallback", "fallback-model")


def test_chat_writer():
    writer = ChatWriter(FALLBACK)
    usage = UsageEvent(Usage(10, 4, 3), Timings())
    call = CallEvent(Call("c1", "f", '{"a" :1}'))
    events = [Think("t"), Text("x"), call, usage, End(Finish.STOP, "stop")]
    stream = b"".join(writer.feed(event) for event in events)
    first, *_, end, last = data(stream)
    assert first["choices"][0]["delta"] == {"role": "assistant", "reasoning_content": "t"}
    assert end["choices"][0]["finish_reason"] == "tool_calls"
    assert last["usage"]["prompt_tokens_details"] == {"cached_tokens": 4}
    assert said(events_of(ChatReader(), stream))["calls"] == [call.call]
    assert b"overloaded" in writer.fail(EngineError("x"))
