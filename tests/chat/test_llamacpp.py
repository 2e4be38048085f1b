"""The endpoint on its three wires, against a scripted server."""

import asyncio
from contextlib import aclosing

import msgspec
import pytest

from seatrial.chat import (
    CallEvent,
    ContextOverflowError,
    End,
    Event,
    Exchange,
    Facts,
    Limits,
    LlamaCppEndpoint,
    RefusedError,
    Request,
    Text,
    Think,
    TimedOutError,
    UsageEvent,
)
from seatrial.core.errors import EngineError, FormatError, HarnessError
from seatrial.core.generation import Finish, Sampling, Usage
from seatrial.core.message import Message, ToolSchema
from seatrial.core.trace import Wire
from seatrial.fakes import (
    CallTools,
    Drop,
    Hang,
    Loop,
    Refuse,
    Reply,
    Say,
    ScriptedCall,
    ScriptedServer,
    overflow,
    split,
)

WIRES: list[Wire] = ["raw_chat", "raw_completion", "native"]
RAW: list[Wire] = ["raw_chat", "raw_completion"]
TOOL = ToolSchema(
    "read_file",
    "Read.",
    {
        "type": "object",
        "required": ["path"],
        "additionalProperties": False,
        "properties": {"path": {"type": "string"}},
    },
)
REQUEST = Request(
    messages=(Message("system", "s"), Message("user", "read x")),
    tools=(TOOL,),
    sampling=Sampling(temperature=0.0),
    max_tokens=50,
)
CALL = '<tool_call>\n{"name": "read_file", "arguments": {"path": "x.py"}}\n</tool_call>'


def endpoint(server: ScriptedServer, wire: Wire, **options) -> LlamaCppEndpoint:
    facts = Facts(wire=wire, family="llama.cpp", model="scripted", window=512)
    return LlamaCppEndpoint(server.url, facts, **options)


async def collect(speaker: LlamaCppEndpoint, request: Request = REQUEST) -> list[Event]:
    async with aclosing(speaker.generate(request)) as events:
        return [event async for event in events]


async def play(wire: Wire, reply: Reply, prompt_end: str = "", **options) -> list[Event]:
    """The events of one reply; checks that every byte is on exactly one of them."""
    kept: list[Exchange] = []
    async with (
        ScriptedServer([reply], prompt_end=prompt_end) as server,
        endpoint(server, wire, on_exchange=kept.append, **options) as speaker,
    ):
        events = await collect(speaker)
    assert b"".join(event.raw for event in events) == kept[-1].response
    return events


def texts(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Text))


def thoughts(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Think))


def calls(events: list[Event]) -> list[tuple[str, str, str]]:
    found = [event.call for event in events if isinstance(event, CallEvent)]
    return [(call.id, call.name, call.arguments) for call in found]


def end(events: list[Event]) -> End:
    assert [isinstance(event, End) for event in events].count(True) == 1
    assert isinstance(events[-1], End)
    return events[-1]


@pytest.mark.parametrize("wire", WIRES)
async def test_text(wire):
    reply = Say(pieces=("Hel", "lo"), prompt_tokens=40, cached_tokens=30)
    events = await play(wire, reply)
    assert [type(event) for event in events] == [Text, Text, UsageEvent, End]
    assert texts(events) == "Hello"
    usage = events[-2]
    assert isinstance(usage, UsageEvent)
    assert usage.usage == Usage(prompt=40, cached=30, completion=2)
    assert usage.timings.generated_tokens_per_second == 100.0
    assert usage.timings.total_seconds >= usage.timings.first_byte_seconds > 0
    last = end(events)
    assert (last.finish, last.verdict) == (Finish.STOP, "no_call")
    assert last.text == ("" if wire == "native" else "Hello")


@pytest.mark.parametrize("wire", RAW)
@pytest.mark.parametrize("points", [(), (3,), (5, 13, 40), tuple(range(1, len(CALL)))])
async def test_raw_call(wire, points):
    events = await play(wire, Say(pieces=("Look:\n", *split(CALL, *points))))
    assert calls(events) == [("call_0_0", "read_file", '{"path": "x.py"}')]
    assert texts(events) == "Look:"
    last = end(events)
    assert (last.verdict, last.text) == ("ok", "Look:\n" + CALL)
    call = next(event.call for event in events if isinstance(event, CallEvent))
    assert last.text[slice(*call.raw_span or ())] == CALL


@pytest.mark.parametrize("wire", RAW)
async def test_raw_call_cut_by_the_cap(wire):
    reply = Say(pieces=split(CALL[:40], 20), finish="length", completion_tokens=50)
    last = end(await play(wire, reply))
    assert (last.finish, last.verdict, last.reason) == (Finish.LENGTH, "reask", "cut off")


@pytest.mark.parametrize("wire", WIRES)
async def test_cut_by_the_window(wire):
    reply = Say(finish="length", prompt_tokens=500, completion_tokens=12)
    assert end(await play(wire, reply)).finish is Finish.CONTEXT


@pytest.mark.parametrize("wire", RAW)
async def test_the_template_opened_the_think_block(wire):
    reply = Say(pieces=("hm, ", "so\n</th", "ink>\n\n", CALL))
    events = await play(wire, reply, prompt_end="<|im_start|>assistant\n<think>\n")
    assert thoughts(events).strip() == "hm, so"
    assert texts(events) == ""
    assert len(calls(events)) == 1


@pytest.mark.parametrize("wire", ["raw_chat", "native"])
async def test_reasoning_content(wire):
    events = await play(wire, Say(think=("a", "b"), pieces=("c",)))
    assert (thoughts(events), texts(events)) == ("ab", "c")


@pytest.mark.parametrize("wire", WIRES)
async def test_missing_finish(wire):
    last = end(await play(wire, Say(finish=None)))
    assert (last.finish, last.raw_finish) == (Finish.MISSING, None)


async def test_native_calls():
    scripted = (
        ScriptedCall(name="read_file", fragments=("{", '"path":', ' "a"}'), id="A"),
        ScriptedCall(name="read_file", fragments=('{"path": "b"}',), id="B"),
    )
    events = await play("native", CallTools(calls=scripted, text="Look"))
    assert calls(events) == [
        ("A", "read_file", '{"path": "a"}'),
        ("B", "read_file", '{"path": "b"}'),
    ]
    last = end(events)
    assert (last.finish, last.verdict, last.text) == (Finish.TOOL_CALLS, "ok", "")


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("read_file", "{", "not valid JSON"),
        ("read_file", '{"path": "a", "path": "b"}', "twice"),
        ("read_file", "[]", "not an object"),
        ("read_file", "{}", "path"),
        ("read_file", '{"path": "a", "more": 1}', "unknown argument"),
        ("write_all", '{"path": "a"}', "unknown tool"),
    ],
)
async def test_native_calls_are_not_trusted(name, arguments, reason):
    """A stop string inside a call ends with `tool_calls` and half of the arguments."""
    good = ScriptedCall(name="read_file", fragments=('{"path": "ok"}',), id="A")
    bad = ScriptedCall(name=name, fragments=(arguments,), id="B")
    events = await play("native", CallTools(calls=(good, bad)))
    last = end(events)
    assert (last.finish, last.verdict, last.tool) == (Finish.TOOL_CALLS, "reask", name)
    assert reason in (last.reason or "")
    assert arguments in last.text
    assert [call[0] for call in calls(events)] == ["A"]


async def test_native_call_ids_are_made_unique():
    twice = ScriptedCall(name="read_file", fragments=('{"path": "a"}',), id="")
    other = ScriptedCall(name="read_file", fragments=('{"path": "b"}',), id="")
    events = await play("native", CallTools(calls=(twice, other)))
    assert [call[0] for call in calls(events)] == ["call_0_0", "call_0_1"]


async def test_native_markup_in_content_is_text():
    events = await play("native", Say(pieces=(CALL,)))
    assert (texts(events), calls(events)) == (CALL, [])


@pytest.mark.parametrize("wire", WIRES)
async def test_overflow(wire):
    with pytest.raises(ContextOverflowError, match=r"1671 tokens.* 512") as caught:
        await play(wire, overflow(1671, 512))
    assert (caught.value.prompt_tokens, caught.value.window_tokens) == (1671, 512)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("reply", "error", "match"),
    [
        (Refuse(), RefusedError, "500"),
        (Drop(), EngineError, "went away"),
        (Say(end="cut"), EngineError, "went away"),
        (Say(end="no_done"), FormatError, "closed before its end"),
        (Say(end="garbage"), FormatError, "cannot be read"),
        (Say(end="error_frame"), EngineError, "slot failed"),
        (Say(end="hang"), TimedOutError, "silence"),
    ],
)
async def test_faults(wire, reply, error, match):
    with pytest.raises(error, match=match):
        await play(wire, reply, limits=Limits(idle_seconds=0.2))


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("reply", [Hang(), Loop()])
async def test_the_call_timeout(wire, reply):
    async with ScriptedServer([reply]) as server, endpoint(server, wire) as speaker:
        request = Request(messages=REQUEST.messages, timeout_seconds=1.0)
        with pytest.raises(TimedOutError):
            await collect(speaker, request)
        async with asyncio.timeout(1):
            await server.left.wait()


@pytest.mark.parametrize("wire", WIRES)
async def test_no_call_out_of_a_broken_stream(wire):
    seen: list[Event] = []
    broken = Say(pieces=(CALL,), end="cut")
    async with ScriptedServer([broken]) as server, endpoint(server, wire) as speaker:
        with pytest.raises(EngineError):
            async for event in speaker.generate(REQUEST):
                seen += [event]
    assert calls(seen) == []


@pytest.mark.parametrize("wire", WIRES)
async def test_closing_the_stream_stops_the_server(wire):
    async with ScriptedServer([Loop()]) as server, endpoint(server, wire) as speaker:
        async with aclosing(speaker.generate(REQUEST)) as events:
            async for _ in events:
                assert server.generating == 1
                break
        async with asyncio.timeout(1):
            await server.left.wait()
        assert server.generating == 0


@pytest.mark.parametrize("reply", [Hang(), Loop()])
async def test_cancelling_the_task_stops_the_server(reply):
    async with ScriptedServer([reply]) as server, endpoint(server, "native") as speaker:
        task = asyncio.create_task(collect(speaker))
        while not server.generating:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(1):
            await server.left.wait()


async def test_sent_is_what_arrives():
    for wire in WIRES:
        async with ScriptedServer() as server, endpoint(server, wire) as speaker:
            await collect(speaker)
            (body,) = [
                r.body for r in server.received if r.path in ("/v1/chat/completions", "/completion")
            ]
            assert speaker.sent(REQUEST) == body


async def test_the_prompt_is_rendered_once_for_each_setting_of_reasoning():
    async with ScriptedServer() as server, endpoint(server, "raw_chat") as speaker:
        for thinking in (None, False, None, False):
            await collect(speaker, msgspec.structs.replace(REQUEST, thinking=thinking))
        bodies = server.bodies("/apply-template")
    assert [body.get("chat_template_kwargs") for body in bodies] == [
        None,
        {"enable_thinking": False},
    ]


async def test_count():
    async with ScriptedServer() as server, endpoint(server, "raw_chat") as speaker:
        assert await speaker.count(REQUEST) == 8
        (body,) = server.bodies("/tokenize")
        assert body["add_special"] is body["parse_special"] is True


async def test_a_conversation_that_ends_with_the_assistant_is_not_sent():
    request = Request(messages=(Message("user", "a"), Message("assistant", "b")))
    async with ScriptedServer() as server, endpoint(server, "native") as speaker:
        with pytest.raises(HarnessError):
            await collect(speaker, request)
        assert server.received == []


async def test_several_at_once():
    def echo(body):
        return Say(pieces=(body["messages"][0]["content"],))

    async with ScriptedServer(echo) as server, endpoint(server, "raw_chat") as speaker:
        requests = [Request(messages=(Message("user", str(n)),)) for n in range(20)]
        answers = await asyncio.gather(*(collect(speaker, request) for request in requests))
    assert [texts(events) for events in answers] == [str(n) for n in range(20)]


async def test_calls_that_somebody_else_parsed_are_no_empty_answer():
    call = ScriptedCall(name="read_file", fragments=('{"path": "x"}',))
    async with (
        ScriptedServer([CallTools(calls=(call,))]) as server,
        endpoint(server, "raw_chat") as speaker,
    ):
        with pytest.raises(FormatError, match="parses the calls"):
            await collect(speaker, REQUEST)
