"""Whatever conversation: roles, texts, thoughts, ids, names and argument bytes survive."""

import copy
import json

from hypothesis import given
from hypothesis import strategies as st

from seatrial.core.errors import EngineError, FormatError
from seatrial.gateway.wires import (
    CLIENTS,
    SERVERS,
    UnsupportedError,
    Upstream,
    read_answer,
    server_bridge,
    write_answer,
)
from tests.gateway.wires.speaking import FALLBACK, asked, frames, translated
from tests.gateway.wires.test_answers import ANSWER
from tests.gateway.wires.test_messages_request import REQUEST as MESSAGES_REQUEST
from tests.gateway.wires.test_responses_request import REQUEST as RESPONSES_REQUEST
from tests.gateway.wires.test_streams import STREAM

_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
_ids = st.text("abcXYZ0189_-.:", min_size=1, max_size=12)
_scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
_values = st.recursive(
    _scalars | _text, lambda v: st.lists(v, max_size=3) | st.dictionaries(_text, v, max_size=3)
)


@st.composite
def _arguments(draw):
    """A JSON object in somebody's own hand: blanks, escapes and line ends of their choice."""
    value = draw(st.dictionaries(_text, _values, max_size=3))
    return json.dumps(
        value,
        ensure_ascii=draw(st.booleans()),
        indent=draw(st.sampled_from([None, 1, "\t"])),
        separators=draw(st.sampled_from([None, (" ,  ", " : ")])),
    )


@st.composite
def _conversations(draw):
    """A conversation as chat completions write it, in the order that templates demand."""
    messages = []
    if draw(st.booleans()):
        messages.append({"role": "system", "content": draw(_text)})
    messages.append({"role": "user", "content": draw(_text)})
    for _ in range(draw(st.integers(0, 3))):
        count = draw(st.integers(0, 3))
        ids = draw(st.lists(_ids, min_size=count, max_size=count, unique=True))
        message = {"role": "assistant", "content": draw(_text)}
        if draw(st.booleans()):
            message["reasoning_content"] = draw(_text)
        if ids:
            message["tool_calls"] = [
                {
                    "id": identifier,
                    "type": "function",
                    "function": {"name": draw(_ids), "arguments": draw(_arguments())},
                }
                for identifier in ids
            ]
        messages.append(message)
        messages += [
            {"role": "tool", "tool_call_id": identifier, "content": draw(_text)}
            for identifier in ids
        ]
        if not ids or draw(st.booleans()):
            messages.append({"role": "user", "content": draw(_text)})
    return messages


@given(_conversations(), st.sampled_from(sorted(SERVERS)))
def test_a_conversation_survives(messages, path):
    body = json.dumps({"model": "m", "messages": messages, "max_tokens": 9}).encode()
    there = SERVERS[path].ask(body)
    back = CLIENTS[path].ask(there.body, Upstream())
    assert json.loads(back.body)["messages"] == messages
    assert there.lost == back.lost == ()


@given(_conversations())
def test_a_conversation_survives_all_three(messages):
    body = json.dumps({"model": "m", "messages": messages}).encode()
    for path in ("/v1/messages", "/v1/responses"):
        body = CLIENTS[path].ask(SERVERS[path].ask(body).body, Upstream()).body
    assert json.loads(body)["messages"] == messages


@given(st.lists(_arguments(), min_size=1, max_size=3), st.sampled_from(sorted(SERVERS)), st.data())
def test_arguments_in_pieces_survive(written, path, data):
    """However a server cuts up its calls, the client gets their bytes."""
    stream = b""
    for index, arguments in enumerate(written):
        cut = data.draw(st.integers(0, len(arguments)))
        for piece, first in ((arguments[:cut], True), (arguments[cut:], False)):
            call = {"index": index, "function": {"arguments": piece}}
            if first:
                call |= {"id": f"c{index}", "function": {"name": "f", "arguments": piece}}
            choice = {"index": 0, "delta": {"tool_calls": [call]}}
            stream += b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"
    stream += b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}\n\n'
    reader = SERVERS[path].reader()
    client = translated(CLIENTS[path], stream)
    events = [event for frame in frames(client) for event in reader.feed(frame)]
    calls = [event.call.arguments for event in events if hasattr(event, "call")]
    assert calls == written


_junk = (
    st.none() | st.booleans() | st.integers(-2, 9) | st.text(max_size=4) | st.just([]) | st.just({})
)


def _places(value, path=()):
    yield path
    items = {dict: lambda: value.items(), list: lambda: enumerate(value)}.get(type(value))
    for key, inner in items() if items else ():
        yield from _places(inner, (*path, key))


@st.composite
def _damaged(draw, whole):
    """`whole` with one value replaced by something else."""
    value = copy.deepcopy(whole)
    path = draw(st.sampled_from([place for place in _places(value) if place]))
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = draw(_junk)
    return json.dumps(value).encode()


REQUESTS = {"/v1/messages": json.loads(MESSAGES_REQUEST), "/v1/responses": RESPONSES_REQUEST}
FAULTS = (UnsupportedError, FormatError, EngineError)


def _quietly(function, *arguments):
    """Call it; only the errors that are promised may come."""
    try:
        return function(*arguments)
    except FAULTS:
        return None


@given(st.data(), st.sampled_from(sorted(REQUESTS)))
def test_a_damaged_request_is_translated_or_refused(data, path):
    body = data.draw(_damaged(REQUESTS[path]))
    done = _quietly(CLIENTS[path].ask, body, Upstream())
    if done is not None:
        for server in SERVERS.values():
            _quietly(server.ask, done.body)


@given(st.data(), st.sampled_from(sorted(REQUESTS)))
def test_a_damaged_chat_request_is_translated_or_refused(data, path):
    whole = json.loads(CLIENTS[path].ask(json.dumps(REQUESTS[path]).encode(), Upstream()).body)
    _quietly(SERVERS[path].ask, data.draw(_damaged(whole)))


def _with_damage(data, stream):
    whole = [frame.data for frame in frames(stream) if frame.data != b"[DONE]"]
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] = data.draw(_damaged(json.loads(whole[place])))
    return b"".join(b"data: %b\n\n" % line for line in whole)


@given(st.data(), st.sampled_from(sorted(CLIENTS)))
def test_a_damaged_stream_ends_or_fails(data, path):
    """A frame of any shape: the reader says what is wrong, or reads on."""
    wire, server = CLIENTS[path], SERVERS[path]
    _quietly(translated, wire, _with_damage(data, STREAM))
    between = server_bridge(server, FALLBACK)
    for frame in frames(_with_damage(data, translated(wire, STREAM))):
        _quietly(between.feed, frame)


@given(st.data(), st.sampled_from(sorted(CLIENTS)))
def test_a_damaged_answer_is_read_or_refused(data, path):
    whole = json.loads(CLIENTS[path].answer(ANSWER, asked(CLIENTS[path])))
    _quietly(SERVERS[path].answer, data.draw(_damaged(whole)))
    _quietly(read_answer, data.draw(_damaged(json.loads(write_answer(ANSWER)))))
