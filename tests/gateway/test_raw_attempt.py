"""The endpoint of raw mode by itself: however its bytes come, and whoever is not ready yet."""

import asyncio
import inspect
import itertools
import re
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from seatrial.chat.endpoint import CallEvent, End, Text, Think, UsageEvent
from seatrial.core.errors import EngineError
from seatrial.core.message import ToolSchema
from seatrial.fakes import Say, ScriptedServer, frames, split
from seatrial.gateway import Bounds, UpstreamSpec, raw, raw_request
from seatrial.gateway.metrics import Metrics
from seatrial.gateway.output import Output
from seatrial.gateway.raw import RawMode
from seatrial.gateway.raw_attempt import RawAttempt
from seatrial.gateway.raw_request import completion_fields, forced_call
from seatrial.gateway.requests import read_inbound, read_object
from seatrial.gateway.upstream import Upstream
from tests.gateway.conftest import BASH, body

TEXT = (
    'Überlegt: ä😀\n</think>\n\nI look.\n<tool_call>\n{"name": "bash", '
    '"arguments": {"command": "ls -l \\"ü\\""}}\n</tool_call>'
)
SAY = Say(pieces=split(TEXT, 3, 11, 20, 40, 41, 60), prompt_tokens=9, cached_tokens=4)
STREAM = b": ping\n\n" + b"".join(
    [
        *(frames.text_frame(piece, "m", False, n) for n, piece in enumerate(SAY.pieces)),
        frames.completion_ending(SAY, len(SAY.pieces), "the prompt"),
    ]
)
PROMPT = b'{"prompt": "<|im_start|>assistant\\n<think>\\n"}'


class Bytes:
    """An answer whose body comes in the given pieces."""

    status, is_stream = 200, True

    def __init__(self, *pieces):
        self.pieces = list(pieces)

    async def whole(self):
        return b"".join(self.pieces)

    async def read(self):
        return self.pieces.pop(0) if self.pieces else b""

    def close(self):
        self.pieces.clear()


class Server:
    """An upstream that renders one prompt and completes it with the given pieces."""

    url, family, window, slots, models = "http://u", "llama.cpp", 4096, 1, ("a", "b")

    def __init__(self, *pieces):
        self.pieces = pieces

    async def open(self, method, path, data, headers, *, keep_credentials):
        return Bytes(PROMPT) if path == "/apply-template" else Bytes(*self.pieces)


async def events_of(*pieces):
    async def nowhere(_message):
        raise AssertionError

    inbound = read_inbound(body("list", tools=[BASH]))
    output = Output(nowhere)
    attempt = RawAttempt(Server(*pieces), inbound, [], output, keep_credentials=True)
    events = [event async for event in attempt.generate(inbound.request)]
    return [
        msgspec.structs.replace(event, timings=None) if isinstance(event, UsageEvent) else event
        for event in events
    ], attempt


@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cuts=st.lists(st.integers(1, len(STREAM) - 1), max_size=30, unique=True))
def test_however_the_bytes_are_cut_the_events_are_the_same(cuts):
    edges = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[a:b] for a, b in itertools.pairwise(edges)]
    whole, _ = asyncio.run(events_of(STREAM))
    assert asyncio.run(events_of(*pieces))[0] == whole
    assert [type(event) for event in whole if not isinstance(event, Text | Think)] == [
        CallEvent,
        UsageEvent,
        End,
    ]


async def test_no_event_has_bytes_and_nothing_is_the_servers_own():
    events, attempt = await events_of(STREAM)
    assert all(event.raw == b"" for event in events)
    assert not any(attempt.took(event) for event in events)
    assert (attempt.tail, attempt.answer_headers(), attempt.streams) == ([], [], False)
    assert "prompt" not in read_object(attempt.body)
    assert read_object(attempt.turn.head)["model"] == "m"


def test_caps_are_taken_in_the_order_of_the_server():
    caps = {"max_tokens": 1, "max_completion_tokens": 2, "n_predict": 3}
    for cap in (3, 2, 1):
        assert completion_fields(caps)["n_predict"] == cap
        caps.popitem()
    assert "n_predict" not in completion_fields({"max_tokens": None})


def test_a_forced_call_is_plain_and_closed():
    strange = {
        "type": "object",
        "required": ["path", "gone"],
        "properties": {
            "path": {"type": "string", "pattern": "(?<=x)"},
            "what": {"$ref": "#/$defs/x"},
            "many": {"type": ["string", "null"]},
        },
    }
    schema = forced_call([ToolSchema("t", "", strange), ToolSchema("free", "", {})])
    first, second = schema["anyOf"]
    arguments = first["properties"]["arguments"]
    assert arguments["properties"] == {"path": {"type": "string"}, "what": {}, "many": {}}
    assert (arguments["required"], arguments["additionalProperties"]) == (["path"], False)
    assert second["properties"]["arguments"] == {"type": "object"}


async def test_a_server_that_is_still_loading_is_asked_again(monkeypatch, capsys):
    states = iter((EngineError("the model is still loading"), True))

    async def has_template(_upstream):
        state = next(states)
        if isinstance(state, EngineError):
            raise state
        return state

    monkeypatch.setattr("seatrial.gateway.raw._has_template", has_template)
    inbound = read_inbound(body("list", tools=[BASH]))
    async with ScriptedServer() as server:
        upstream = Upstream(UpstreamSpec("here", server.url), Bounds())
        mode = RawMode(Metrics(), wanted=True)
        taken = [await mode.takes(upstream, inbound) for _ in range(3)]
        await upstream.aclose()
    assert taken == [False, True, True]
    assert [line.partition(":")[0] for line in capsys.readouterr().err.splitlines()] == ["here"] * 2


def test_the_docs_explain_every_reason():
    page = (Path(__file__).parents[2] / "docs" / "gateway.md").read_text("utf-8")
    section = page.partition("## Raw mode")[2].partition("\n## ")[0]
    explained = set(re.findall(r"`(\w+)`", section))
    source = inspect.getsource(raw_request) + inspect.getsource(raw)
    returned = set(re.findall(r'return "(\w+)"', source))
    named = {raw_request.UNREADABLE, raw.SERVER_UNKNOWN, raw.OTHER_SERVER, raw.NO_TEMPLATE}
    assert {*returned, *named, *raw_request.OBJECTIONS} <= explained
