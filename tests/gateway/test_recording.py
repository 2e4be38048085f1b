"""What is recorded, in which session, and what happens when it cannot be."""

import asyncio
import errno
import json
import os

import aiohttp
import pytest

from seatrial.core import trace as events
from seatrial.core.config import GuardSpec
from seatrial.core.errors import InfraError
from seatrial.core.generation import Finish
from seatrial.core.result import Ended
from seatrial.diagnose import diagnose_run
from seatrial.fakes import CallTools, Drop, Hang, Loop, Say, ScriptedCall, ScriptedServer, overflow
from seatrial.gateway import Pin
from seatrial.gateway import sessions as sessions_module
from seatrial.guard import gateway_rules, replay
from seatrial.report import session_reports, terminal_transcript
from seatrial.store import read_events
from tests.gateway.conftest import (
    BASH,
    RawServer,
    body,
    decoded,
    front,
    settings,
    text_stream,
    until,
)

LS = CallTools(calls=(ScriptedCall(name="bash", fragments=('{"command": "ls"}',), id="c1"),))
BROKEN = CallTools(calls=(ScriptedCall(name="bash", fragments=('{"command": oops',), id="c1"),))
DONE = Say(pieces=("All tests pass.",), prompt_tokens=30)
ASSISTANT = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {
            "id": "c1",
            "type": "function",
            "function": {"name": "bash", "arguments": '{"command": "ls"}'},
        }
    ],
}
TOOL = {"role": "tool", "tool_call_id": "c1", "content": "cat: x: no such file\n(exit code 1)"}


def traces(root):
    """Every session: its client, and its events."""
    found = [
        (folder.parent.name, list(read_events(folder)))
        for folder in sorted(root.glob("*/sessions/*/*"))
    ]
    return sorted(found, key=lambda item: item[1][0].t)


def of(kind, trace):
    return [event for event in trace if isinstance(event, kind)]


@pytest.fixture
def record(tmp_path, ask):
    """Send requests through a recording gateway; the traces of its sessions afterwards."""

    async def run(script, *requests, **fields):
        async with (
            ScriptedServer(script) as server,
            front(server.url, runs=tmp_path, **fields) as (url, gateway),
        ):
            for data, headers in requests:
                await ask(url, data, **headers)
        assert gateway.metrics.total("record_lost_total") == 0
        return traces(tmp_path)

    return run


async def test_a_conversation_is_one_session(record):
    pi = {"User-Agent": "pi (linux)"}
    ((client, trace),) = await record(
        [LS, DONE],
        (body("task", tools=[BASH], temperature=0.5), pi),
        (body("task", ASSISTANT, TOOL, tools=[BASH]), pi),
    )
    assert client == "pi"
    first, second = of(events.Request, trace)
    assert second.messages[: len(first.messages)] == first.messages
    assert first.sampling.temperature == 0.5
    assert first.sent["stream"] is True
    assert next(event.text for event in of(events.MessageEvent, trace)) == "task"
    (tool,) = of(events.Tool, trace)
    assert (tool.call_id, tool.exit, tool.output) == ("c1", 1, TOOL["content"])
    one, two = of(events.Response, trace)
    assert (one.finish, two.finish) == (Finish.TOOL_CALLS, Finish.STOP)
    assert two.usage.prompt == 30
    (end,) = of(events.End, trace)
    assert end.ended is Ended.FINISHED
    order = [type(event).__name__ for event in trace if not isinstance(event, events.MessageEvent)]
    assert order == ["Begin", "Request", "Response", "Tool", "Request", "Response", "End"]


async def test_conversations_are_kept_apart(record):
    found = await record(
        [DONE],
        (body("one"), {}),
        (body("two"), {}),
        (body("one", {"role": "assistant", "content": "All tests pass."}, "more"), {}),
        (body("one"), {"User-Agent": "pi"}),
        (body("x"), {"X-Session-Id": "s"}),
        (body("y"), {"X-Session-Id": "s"}),
    )
    counts = sorted(len(of(events.Request, trace)) for _, trace in found)
    assert counts == [1, 1, 2, 2]


async def test_a_restart_with_the_same_words_is_a_new_session(record):
    longer = body("one", {"role": "assistant", "content": "x"}, "more")
    found = await record([DONE], (body("one"), {}), (longer, {}), (body("one"), {}))
    assert len(found) == 2


async def test_one_cache_key_for_all_joins_nothing(record):
    found = await record(
        [DONE],
        (body("one", prompt_cache_key="my-app"), {}),
        (body("two", prompt_cache_key="my-app"), {}),
        (body("one", {"role": "assistant", "content": "All tests pass."}, "more"), {}),
    )
    assert len(found) == 3


async def test_many_conversations_at_a_time_are_one_session_each(record, monkeypatch):
    monkeypatch.setattr(sessions_module, "MAX_FILES", 3)
    found = await record(
        [DONE],
        *((body(f"task {n}"), {"X-Session-Id": f"c{n}"}) for _ in range(3) for n in range(8)),
    )
    assert [len(of(events.Request, trace)) for _, trace in found] == [3] * 8


async def test_a_side_call_is_marked(record):
    agent = {"User-Agent": "opencode/1.18"}
    ((_, trace),) = await record(
        [DONE], (body("task", tools=[BASH]), agent), (body("a title, please"), agent)
    )
    assert [event.side_call for event in of(events.Request, trace)] == [None, "beside"]


@pytest.mark.parametrize(
    ("script", "ended", "finish"),
    [
        ([overflow(9000, 4096)], Ended.CONTEXT_OVERFLOW, Finish.CONTEXT),
        ([Drop()], Ended.ENGINE_ERROR, Finish.MISSING),
        ([Loop(text="again and ")], Ended.TEXT_LOOP, Finish.GUARD),
        ([Say(pieces=("",))], Ended.EMPTY_COMPLETION, Finish.GUARD),
        ([Say(pieces=("",), think=("hm",))], Ended.EMPTY_COMPLETION, Finish.GUARD),
        ([BROKEN], Ended.GAVE_UP, Finish.GUARD),
        ([LS], Ended.CANCELLED, Finish.TOOL_CALLS),
    ],
)
async def test_how_a_session_ended(script, ended, finish, record):
    ((_, trace),) = await record(script, (body("task", tools=[BASH]), {}))
    assert of(events.End, trace)[0].ended is ended
    assert of(events.Response, trace)[-1].finish is finish
    if finish is Finish.GUARD:
        assert of(events.Guard, trace)[-1].action in ("retry", "stop")
    elif ended is not Ended.CANCELLED:
        assert of(events.Fault, trace)


async def test_a_client_that_left_is_on_record(tmp_path, http):
    async with ScriptedServer([Hang()]) as server, front(server.url, runs=tmp_path) as (url, gw):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await http.post(f"{url}/v1/chat/completions", data=body("task"))
        await until(lambda: gw.metrics.total("recorded_total"))
    ((_, trace),) = traces(tmp_path)
    assert of(events.Response, trace)[0].finish is Finish.CANCELLED


@pytest.mark.parametrize("observe", [True, False])
async def test_a_client_that_leaves_at_the_mark_of_the_end_got_the_whole_answer(observe, tmp_path):
    async with (
        RawServer([text_stream("hi")], then="hang") as server,
        front(server.url, runs=tmp_path, observe=observe) as (url, gateway),
        aiohttp.ClientSession() as session,
    ):
        async with session.post(f"{url}/v1/chat/completions", data=body("task")) as answer:
            seen = b""
            while b"[DONE]" not in seen:
                seen += await answer.content.readany()
            answer.close()
        await until(lambda: gateway.metrics.total("recorded_total"))
        assert gateway.metrics.total("cancelled_total") == 0
    ((_, trace),) = traces(tmp_path)
    (response,) = of(events.Response, trace)
    assert (response.finish, response.usage.completion) == (Finish.STOP, 2)


async def test_tokens_of_attempts_that_were_thrown_away_are_counted_apart(record):
    empty = Say(pieces=("",), prompt_tokens=30)
    ((_, trace),) = await record([empty, DONE], (body("task", tools=[BASH]), {}))
    (response,) = of(events.Response, trace)
    assert [event.action for event in of(events.Guard, trace)] == ["retry"]
    assert (response.usage.prompt, response.discarded.prompt) == (30, 30)


async def test_secrets_do_not_reach_the_disk(record, tmp_path):
    key, token = "sk-" + "a1b2c3d4e5f6", "gateway-t0ken"
    await record(
        [Say(pieces=(f"your key is {key} or {token}.",))],
        (body(f"my key is {key}", user=key), {"Authorization": f"Bearer {token}"}),
        token=token,
    )
    raw = b"".join(
        b"\n".join(msg.encode() for msg in map(str, trace)) for _, trace in traces(tmp_path)
    )
    assert b"my key is" in raw
    assert key.encode() not in raw
    assert token.encode() not in raw
    for path in tmp_path.rglob("*.json*"):
        assert token.encode() not in path.read_bytes()


async def test_diagnose_reads_it(record, tmp_path):
    say = {"role": "assistant", "content": "x"}
    await record([Loop(text="again and ")], (body("task", say, "more", tools=[BASH]), {}))
    (run,) = tmp_path.iterdir()
    (trial,) = diagnose_run(run).trials
    assert trial.outcome == "text_loop"
    assert any(mode.id.startswith("gen.text_loop") for mode in trial.modes)


async def test_a_full_disk_costs_the_record_and_not_the_traffic(tmp_path, ask, monkeypatch, capsys):
    def full(*_, **__):
        raise InfraError("write events.jsonl: " + os.strerror(errno.ENOSPC))

    monkeypatch.setattr(sessions_module.TraceWriter, "emit", full)
    async with ScriptedServer([DONE]) as server, front(server.url, runs=tmp_path) as (url, gw):
        for _ in range(3):
            assert (await ask(url, body("task")))[0] == 200
        await until(lambda: gw.metrics.total("record_lost_total") == 3)
    assert capsys.readouterr().err.count("not everything is recorded") == 1
    assert gw.metrics.total("recorded_total") == 0


async def test_when_there_is_space_again_it_goes_on(tmp_path, ask, monkeypatch):
    real, failures = sessions_module.TraceWriter.emit, [3]

    def sometimes(self, cls, **fields):
        if failures[0]:
            failures[0] -= 1
            raise InfraError("no space left on device")
        return real(self, cls, **fields)

    monkeypatch.setattr(sessions_module.TraceWriter, "emit", sometimes)
    async with ScriptedServer([DONE]) as server, front(server.url, runs=tmp_path) as (url, gw):
        for number in range(6):
            await ask(url, body(f"task {number}"))
    assert gw.metrics.total("record_lost_total") + gw.metrics.total("recorded_total") == 6
    assert gw.metrics.total("recorded_total") >= 3
    for _, trace in traces_that_began(tmp_path):
        assert of(events.Response, trace)


def traces_that_began(root):
    """Sessions with a trace; a folder whose trace never began holds an empty file."""
    folders = [f for f in root.glob("*/sessions/*/*") if any(p.stat().st_size for p in f.iterdir())]
    return [(f.parent.name, list(read_events(f))) for f in folders]


async def test_an_unwritable_folder(tmp_path, ask, capsys):
    taken = tmp_path / "file"
    taken.write_text("not a folder")
    async with ScriptedServer([DONE]) as server, front(server.url, runs=taken) as (url, gw):
        assert (await ask(url, body("task")))[0] == 200
    assert gw.metrics.total("record_lost_total") == 1
    assert "not everything is recorded" in capsys.readouterr().err


async def test_nothing_is_written_before_there_is_something(tmp_path):
    async with ScriptedServer() as server, front(server.url, runs=tmp_path):
        pass
    assert not list(tmp_path.iterdir())


async def test_the_record_has_what_was_really_sent(record):
    ((_, trace),) = await record(
        [DONE], (body("x", temperature=0), {}), pins=(Pin("temperature", 0.7),)
    )
    (request,) = of(events.Request, trace)
    assert request.sent["temperature"] == 0.7
    assert json.dumps(request.sent)


async def test_sessions_are_listed_and_read_like_trials(record, tmp_path):
    await record([Loop(text="again and ")], (body("task", tools=[BASH]), {"User-Agent": "pi"}))
    (run,) = tmp_path.iterdir()
    (session,) = session_reports(run)
    assert session.task.startswith("pi/")
    assert (session.outcome, session.ended, session.oracle) == ("text_loop", "text_loop", "not_run")
    assert "proof grade declared" in session.detail
    assert "characters repeated" in terminal_transcript(session, run / session.path)


async def test_a_session_that_cannot_be_closed_keeps_no_other_open(tmp_path, ask, monkeypatch):
    real, failures = sessions_module.TraceWriter.close, [1]

    def once(self):
        if failures[0]:
            failures[0] -= 1
            raise InfraError("no space left on device")
        return real(self)

    async with ScriptedServer([DONE]) as server, front(server.url, runs=tmp_path) as (url, gw):
        for number in range(3):
            await ask(url, body(f"task {number}"))
        await until(lambda: gw.metrics.total("recorded_total") == 3)
        monkeypatch.setattr(sessions_module.TraceWriter, "close", once)
    assert gw.metrics.total("record_lost_total") == 1
    assert len(list(tmp_path.glob("*/sessions/*/*/events.jsonl.zst"))) == 2


def test_the_login_of_an_upstream_is_a_secret():
    known = settings("http://me:p%40ssw0rd@127.0.0.1:1", token="gateway-t0ken")
    assert {"p%40ssw0rd", "p@ssw0rd", "gateway-t0ken"} <= set(known.secrets)


EDIT = {
    "type": "function",
    "function": {
        "name": "edit",
        "description": "edit a line",
        "parameters": {"type": "object", "properties": {"n": {"type": "integer"}}},
    },
}


@pytest.mark.parametrize("observe", [True, False])
async def test_a_call_is_on_record_as_the_client_got_it(observe, tmp_path, ask):
    odd = ScriptedCall(name="Edit", fragments=('{"n":', '"5"}'), id="c1")
    said = [{"role": "assistant", "content": "x"}]
    said += [{"role": "tool", "tool_call_id": "c1", "content": "done"}]
    async with (
        ScriptedServer([CallTools(calls=(odd,)), DONE]) as server,
        front(server.url, runs=tmp_path, observe=observe) as (url, _),
    ):
        _, answer = await ask(url, body("task", tools=[EDIT]))
        await ask(url, body("task", *said, tools=[EDIT]))
    ((_, trace),) = traces(tmp_path)
    (call,) = next(event.calls for event in of(events.MessageEvent, trace) if event.calls)
    assert (call.name, call.arguments) == got(answer)
    assert (call.name == "Edit") is observe
    assert [tool.call_id for tool in of(events.Tool, trace)] == ["c1"]


def got(answer):
    """Name and arguments of the one call in a stream."""
    frames = [frame for frame in decoded(answer) if frame != "[DONE]" and frame["choices"]]
    deltas = [frame["choices"][0]["delta"].get("tool_calls") for frame in frames]
    functions = [delta[0]["function"] for delta in deltas if delta]
    names = [function["name"] for function in functions if function.get("name")]
    return names[0], "".join(function.get("arguments") or "" for function in functions)


async def test_a_call_that_was_written_anew_is_on_record_as_it_was_written(record):
    printed = Say(pieces=('<tool_call>\n{"name": "edit", "arguments": {"n": 5}}\n</tool_call>',))
    ((_, trace),) = await record([printed], (body("task", tools=[EDIT]), {}))
    (call,) = next(event.calls for event in of(events.MessageEvent, trace) if event.calls)
    assert (call.name, json.loads(call.arguments)) == ("edit", {"n": 5})


async def test_beside_a_sound_call_a_broken_one_is_on_record_too(record):
    sound = ScriptedCall(name="edit", fragments=('{"n": 5}',), id="c1")
    broken = ScriptedCall(name="edit", fragments=('{"n": oops',), id="c2")
    ((_, trace),) = await record(
        [CallTools(calls=(sound, broken))], (body("task", tools=[EDIT]), {}), observe=True
    )
    (said,) = [event for event in of(events.MessageEvent, trace) if event.role == "assistant"]
    assert [call.id for call in said.calls] == ["c1"]
    assert '{"n": oops' in said.text


async def test_what_a_retry_threw_away_is_on_record(record):
    thought = "a precious raw thought"
    empty = Say(pieces=("",), think=(thought,))
    ((_, trace),) = await record([empty, DONE], (body("task", tools=[BASH]), {}))
    (retry,) = of(events.Guard, trace)
    assert (retry.action, retry.before) == ("retry", thought)


async def test_so_are_a_broken_call_and_a_loop(record):
    broken = ScriptedCall(name="bash", fragments=('{"command": oops',), id="c1")
    traces = await record(
        [CallTools(calls=(broken,)), DONE, Loop(text="again and ")],
        (body("task", tools=[BASH]), {}),
        (body("other", tools=[BASH]), {}),
    )
    retries = [event for _, trace in traces for event in of(events.Guard, trace)]
    assert any('{"command": oops' in event.before for event in retries)
    assert any("again and again and" in event.before for event in retries)


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (Say(pieces=('<tool_call>\n{"name": "bash", "arguments": {}}\n</tool_call>',)), "rescue"),
        (
            CallTools(calls=(ScriptedCall(name="bash", fragments=('{"command": oops',)),)),
            "rescue",
        ),
        (Say(pieces=("I will now create the file:",)), "intent_without_call"),
    ],
)
async def test_a_replay_sees_what_observing_saw(answer, rule, record):
    ((_, trace),) = await record([answer], (body("task", tools=[BASH]), {}), observe=True)
    observed = {event.rule for event in of(events.Guard, trace)}
    assert rule in observed
    replayed = replay(trace, lambda: gateway_rules(GuardSpec()))
    assert (set(replayed.by_rule), replayed.unknown_tools) == (observed, 0)


async def test_declared_tools_are_on_record_once_and_redacted(record):
    key = "sk-" + "a1b2c3d4e5f6"
    tool = {"type": "function", "function": {**BASH["function"], "description": f"use {key}"}}
    asks = [body("task", tools=[tool], extra=number) for number in range(2)]
    ((_, trace),) = await record([DONE], *((ask, {"X-Session-Id": "s"}) for ask in asks))
    first, second = of(events.Request, trace)
    assert [tool.description for tool in first.tools] == ["use [redacted]"]
    assert (second.tools, second.tools_digest) == ((), first.tools_digest)


async def test_what_no_record_has_a_form_for_is_counted_and_told_once(tmp_path, ask, capsys):
    odd = [
        body("task", n=2),
        body({"role": "ipython", "content": "x"}),
        body("task", temperature="0.7"),
    ]
    async with ScriptedServer([DONE]) as server, front(server.url, runs=tmp_path) as (url, gw):
        for data in odd:
            assert (await ask(url, data))[0] == 200
        await ask(url, json.dumps({"model": "m", "prompt": "x"}), "/v1/completions")
    assert gw.metrics.total("unrecorded_total") == 4
    assert gw.metrics.total("record_lost_total") == gw.metrics.total("recorded_total") == 0
    (told,) = capsys.readouterr().err.splitlines()
    assert "not everything is recorded: a request that cannot be read: n = 2" in told


async def test_a_gateway_that_records_nothing_misses_nothing(ask, capsys):
    async with ScriptedServer([DONE]) as server, front(server.url) as (url, gw):
        await ask(url, body("task", n=2))
    assert gw.metrics.total("unrecorded_total") == 0
    assert not capsys.readouterr().err
