"""What the tests of translation share: chat streams, conversations of each protocol, reading."""

from __future__ import annotations

import json

from seatrial.chat.sse import SseDecoder
from seatrial.gateway.wires import MESSAGES, RESPONSES, SERVERS, Head, Upstream, bridge

FALLBACK = Head("fallback", "fallback-model", 1_760_000_000)
USAGE = {
    "prompt_tokens": 120,
    "completion_tokens": 40,
    "prompt_tokens_details": {"cached_tokens": 100},
    "completion_tokens_details": {"reasoning_tokens": 7},
}


def chunk(delta, finish=None, **more):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    frame = {"id": "chatcmpl-1", "created": 1_760_000_000, "model": "dinghy", "choices": [choice]}
    return b"data: " + json.dumps(frame | more).encode() + b"\n\n"


def call_delta(index, identifier, name, arguments):
    function = {"arguments": arguments} | ({"name": name} if name else {})
    call = {"index": index, "function": function} | ({"id": identifier} if identifier else {})
    return chunk({"tool_calls": [call]})


def usage_chunk():
    return b"data: " + json.dumps({"choices": [], "usage": USAGE}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def frames(stream):
    decoder = SseDecoder()
    return [*decoder.feed(stream), *decoder.finish()]


def data(stream):
    """The frames of a stream as plain data."""
    return [json.loads(frame.data) for frame in frames(stream) if frame.data != b"[DONE]"]


def asked(wire, **more):
    if wire is MESSAGES:
        body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    else:
        body = {"model": "m", "input": "hi"}
    return wire.ask(json.dumps({"stream": True} | body | more).encode(), Upstream())


def translated(wire, stream, ask=None):
    """A chat stream as the client of `wire` sees it."""
    between = bridge(wire, ask or asked(wire), FALLBACK)
    return b"".join(between.feed(frame) for frame in frames(stream)) + between.finish()


def to_chat(wire, body, upstream=None):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    done = wire.ask(raw, upstream or Upstream())
    return json.loads(done.body), done


def from_chat(path, body):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    done = SERVERS[path].ask(raw)
    return done.body, done


WIRES = {"messages": MESSAGES, "responses": RESPONSES}


def lost_fields(done):
    return {lost.field for lost in done.lost}
