"""Streams and whole answers as events that know their bytes."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.chat.endpoint import CallEvent, End, Request, Text, Think, UsageEvent
from seatrial.chat.overflow import ContextOverflowError
from seatrial.chat.sse import SseDecoder
from seatrial.core.errors import EngineError, FormatError
from seatrial.core.generation import Finish
from seatrial.core.message import Message, ToolSchema
from seatrial.gateway.turns import Turn
from tests.gateway.conftest import delta, sse, text_stream

REQUEST = Request(
    messages=(Message("user", "x"),),
    tools=(ToolSchema("bash", "", {"type": "object", "properties": {"c": {"type": "string"}}}),),
)


def call(index, text, **first):
    function = {"arguments": text, **({"name": "bash"} if first else {})}
    return delta(tool_calls=[{"index": index, "function": function, **first}])


CALLS = sse(
    delta(role="assistant", content=None),
    delta(reasoning_content="hm"),
    delta(content="now"),
    call(0, "", id="a", type="function"),
    call(0, '{"c": '),
    call(1, '{"c": "2"}', id="b", type="function"),
    call(0, '"1"}'),
    delta("tool_calls"),
    {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 7}},
    "[DONE]",
)


def play(stream, cuts=()):
    turn, decoder = Turn(REQUEST, None), SseDecoder()
    edges = [0, *sorted(cuts), len(stream)]
    events = []
    for start, end in itertools.pairwise(edges):
        for frame in decoder.feed(stream[start:end]):
            events += turn.feed(frame)
    for frame in decoder.finish():
        events += turn.feed(frame)
    turn.trailing(decoder.rest)
    return events, turn


def test_calls_come_whole_at_the_end():
    events, turn = play(CALLS)
    assert [type(event) for event in events] == [Think, Text]
    tail = turn.close()
    assert [type(event) for event in tail] == [CallEvent, CallEvent, UsageEvent, End]
    assert [event.call.arguments for event in tail[:2]] == ['{"c": "1"}', '{"c": "2"}']
    assert tail[2].usage.completion == 7
    assert tail[3].finish is Finish.TOOL_CALLS
    assert b"".join(event.raw for event in (*events, *tail)) == CALLS


STREAMS = [
    CALLS,
    text_stream("Hello", " world"),
    text_stream(),
    text_stream("cut", finish="length"),
    b": ping\n\n" + text_stream("a") + b": bye\n\n",
    text_stream("x").replace(b"\n", b"\r\n"),
    sse(delta(content="a"), delta("stop", content="b"), "[DONE]"),
    sse(delta(content="a"), delta("stop")),
    sse(call(0, "{}", id="a"), delta(content="after"), delta("tool_calls"), "[DONE]"),
    text_stream("x")[:-1],
    sse(delta(reasoning="a", content="b"), delta(content="c"), delta("stop"), "[DONE]"),
]


@given(st.sampled_from(STREAMS), st.lists(st.integers(0, 400), max_size=6))
def test_joined_the_bytes_are_the_stream(stream, cuts):
    events, turn = play(stream, [min(cut, len(stream)) for cut in cuts])
    assert b"".join(event.raw for event in (*events, *turn.close())) == stream


def test_text_in_the_last_frame_is_part_of_the_tail():
    events, turn = play(sse(delta(content="a"), delta("stop", content="b")))
    assert [(event.text, bool(event.raw)) for event in events] == [("a", True), ("b", False)]
    assert turn.close()[-1].raw.count(b"data:") == 1


@pytest.mark.parametrize("stream", [sse(delta(content="a")), sse(call(0, '{"c"', id="a")), b""])
def test_an_end_without_a_reason_is_no_end(stream):
    _, turn = play(stream)
    with pytest.raises(FormatError):
        turn.close()


def test_an_error_inside_a_stream_is_raised():
    with pytest.raises(EngineError, match="slot failed"):
        play(sse(delta(content="a"), {"error": {"message": "slot failed"}}))


def test_a_whole_answer():
    message = {
        "role": "assistant",
        "content": "ok",
        "reasoning": "hm",
        "tool_calls": [{"id": i, "function": {"name": "bash", "arguments": "{}"}} for i in "ab"],
    }
    answer = {
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "prompt_tokens_details": None},
    }
    raw = json.dumps(answer).encode()
    events = Turn(REQUEST, None).whole(raw)
    kinds = [Think, Text, CallEvent, CallEvent, UsageEvent, End]
    assert [type(event) for event in events] == kinds
    assert [event.call.id for event in events[2:4]] == ["a", "b"]
    assert events[-1].raw == raw


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b"<html>", b'{"error": ""}', b"\xff"])
def test_what_is_no_answer_is_only_an_end(raw):
    (end,) = Turn(REQUEST, None).whole(raw)
    assert end == End(Finish.OTHER, raw=raw, unread=True)


def test_an_error_in_a_good_answer_is_raised():
    with pytest.raises(EngineError, match="model crashed"):
        Turn(REQUEST, None).whole(b'{"error": {"message": "model crashed"}}')
    size = "request (9000 tokens) exceeds the available context size (4096 tokens)"
    with pytest.raises(ContextOverflowError):
        Turn(REQUEST, None).whole(json.dumps({"error": {"message": size}}).encode())


USAGES = [{"prompt_tokens": None, "completion_tokens": 5.0}, {"prompt_tokens": 1.5}, {"x": 1}]


@pytest.mark.parametrize("usage", USAGES)
@pytest.mark.parametrize(
    "said", [{"content": [{"type": "text", "text": "ok"}]}, {"content": None, "refusal": "ok"}]
)
def test_unusual_shapes_are_read(said, usage):
    choice = {"index": "0", "message": said, "finish_reason": "stop"}
    raw = json.dumps({"choices": [choice], "usage": usage}).encode()
    events = Turn(REQUEST, None).whole(raw)
    assert [type(event) for event in events] == [Text, UsageEvent, End]
    assert (events[0].text, events[2].unread) == ("ok", False)
    events, turn = play(sse(delta(**said), {**delta("stop"), "usage": usage}, "[DONE]"))
    assert events[0].text == "ok"
    assert turn.close()[0].usage.completion == (5 if "completion_tokens" in usage else 0)


def test_a_number_as_a_string_names_a_call():
    _, turn = play(sse(call("0", "{}", id="a"), call("1", "{}", id="b"), delta("tool_calls")))
    assert [event.call.id for event in turn.close()[:2]] == ["a", "b"]


@pytest.mark.parametrize(
    "said", [{"function_call": {"name": "f"}}, {"audio": {"id": "a"}}, {"content": {"odd": 1}}]
)
def test_what_stands_on_no_event_is_unread(said):
    stream = sse(delta(content="a"), delta(**said), delta("stop"), "[DONE]")
    events, turn = play(stream)
    (usage, end) = turn.close()
    assert (end.unread, end.finish) == (True, Finish.STOP)
    assert b"".join(event.raw for event in (*events, usage, end)) == stream
    choice = {"message": said, "finish_reason": "stop"}
    *_, end = Turn(REQUEST, None).whole(json.dumps({"choices": [choice]}).encode())
    assert (end.unread, end.finish) == (True, Finish.STOP)
