"""Raw mode: what is asked, what the client gets, and what stays with the server's own parsing."""

import asyncio
import json

import aiohttp
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from seatrial.chat.window import SoftWindow
from seatrial.core import trace as events
from seatrial.core.config import GuardSpec, LadderSpec
from seatrial.fakes import (
    After,
    CallTools,
    Drop,
    Lies,
    Loop,
    Refuse,
    Say,
    ScriptedCall,
    ScriptedServer,
    overflow,
    split,
)
from seatrial.gateway import Bounds
from tests.gateway.conftest import (
    ALL_OFF,
    BASH,
    RawServer,
    body,
    decoded,
    front,
    text_stream,
    until,
)
from tests.gateway.test_recording import of, traces
from tests.gateway.test_rules import turn
from tests.gateway.test_translation import asked

HERMES = '<tool_call>\n{"name": "bash", "arguments": {"command": "ls"}}\n</tool_call>'
NO_OPENER = 'I look.\n{"name": "bash", "arguments": {"command": "ls"}}\n</tool_call>'
BARE = '{"name": "bash", "arguments": {"command": "ls"}}'
XML = (
    "<tool_call>\n<function=bash>\n<parameter=command>\nls\n</parameter>\n</function>\n</tool_call>"
)
THOUGHT = f"The user wants a list.\n</think>\n\nI list the files.\n{HERMES}"


def request(*messages, **fields):
    fields.setdefault("tools", [BASH])
    return body(*messages, **fields)


async def served(script, ask, data=None, *, server=(), **fields):
    """Status and body of one answer, the server and the gateway."""
    fields.setdefault("raw", True)
    async with (
        ScriptedServer(script, **dict(server)) as upstream,
        front(upstream.url, **fields) as (url, gateway),
    ):
        status, answer = await ask(url, data or request("list"))
    return status, answer, upstream, gateway


def calls_of(answer):
    return [
        (call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in turn(answer)[1]
    ]


@pytest.mark.parametrize("text", [HERMES, NO_OPENER, XML])
async def test_a_call_is_read_from_the_text(text, ask):
    status, answer, upstream, gateway = await served([Say(pieces=(text,))], ask)
    assert status == 200
    assert calls_of(answer) == [("bash", {"command": "ls"})]
    assert turn(answer)[2] == ["tool_calls"]
    assert "<" not in turn(answer)[0]
    assert upstream.bodies("/v1/chat/completions") == []
    assert gateway.metrics.total("wire_total", wire="raw_completion") == 1
    assert gateway.metrics.total("raw_fallback_total") == 0


async def test_it_is_the_answer_of_the_servers_own_parsing(ask):
    call = ScriptedCall(name="bash", fragments=('{"command": "ls"}',))
    _, native, *_ = await served([CallTools(calls=(call,), text="I look.\n")], ask, raw=False)
    _, raw, *_ = await served([Say(pieces=(f"I look.\n{HERMES}",))], ask)
    texts, calls, finishes = zip(turn(native), turn(raw), strict=True)
    assert texts[0].strip() == texts[1].strip()
    fragments = "".join(call["function"]["arguments"] for call in calls[0])
    assert calls_of(raw) == [("bash", json.loads(fragments))]
    assert finishes[0] == finishes[1]


async def test_reasoning_that_the_template_opened_is_reasoning(ask):
    end = {"prompt_end": "<|im_start|>assistant\n<think>\n"}
    _, answer, *_ = await served([Say(pieces=(THOUGHT,))], ask, server=end)
    frames = [f["choices"][0]["delta"] for f in decoded(answer)[:-1] if f["choices"]]
    assert "".join(f.get("reasoning_content", "") for f in frames) == "The user wants a list.\n"
    assert turn(answer)[0].strip() == "I list the files."
    assert calls_of(answer) == [("bash", {"command": "ls"})]


async def test_the_template_gets_the_clients_own_bytes_and_the_completion_every_field(ask):
    extra = {
        "temperature": 0.25,
        "seed": 7,
        "stop": ["END"],
        "dry_multiplier": 0.8,
        "never_heard_of": {"a": [1]},
        "max_completion_tokens": 77,
        "chat_template_kwargs": {"enable_thinking": False},
        "stream_options": {"include_usage": True},
        "user": "somebody",
        "logprobs": False,
        "response_format": {"type": "text"},
        "top_k": None,
    }
    data = request({"role": "system", "content": "Be brief."}, "list", **extra)
    _, _, upstream, _ = await served([Say(pieces=(HERMES,))], ask, data)
    *_, rendered = upstream.bodies("/apply-template")
    (sent,) = upstream.bodies("/completion")
    assert rendered == json.loads(data)
    assert sent["prompt"].endswith("<|im_start|>user\nlist<|im_end|>\n<|im_start|>assistant\n")
    for field in ("temperature", "seed", "stop", "dry_multiplier", "never_heard_of"):
        assert sent[field] == extra[field]
    assert (sent["n_predict"], sent["stream"], sent["model"]) == (77, True, "m")
    assert "<tool_call>" in sent["preserved_tokens"]
    assert not sent.keys() & {"messages", "tools", "user", "logprobs", "top_k", "max_tokens"}
    assert not sent.keys() & {"chat_template_kwargs", "response_format", "stream_options"}


async def test_usage_timings_and_finish_are_told(ask):
    reply = Say(pieces=("All is", " well."), prompt_tokens=40, cached_tokens=30, finish="length")
    data = request("go", stream_options={"include_usage": True})
    _, answer, *_ = await served([reply], ask, data)
    *_, last, done = decoded(answer)
    assert done == "[DONE]"
    assert last["usage"] == {
        "prompt_tokens": 40,
        "completion_tokens": 2,
        "total_tokens": 42,
        "prompt_tokens_details": {"cached_tokens": 30},
    }
    assert last["timings"]["predicted_per_second"] == 100.0
    assert turn(answer)[2] == ["length"]
    _, whole, *_ = await served([reply], ask, request("go", stream=False))
    value = json.loads(whole)
    assert (value["usage"], value["timings"]) == (last["usage"], last["timings"])
    assert value["choices"][0]["finish_reason"] == "length"
    assert value["choices"][0]["message"]["content"] == "All is well."
    assert value["object"] == "chat.completion"
    assert (value["model"], value["id"][:9]) == ("scripted.gguf", "chatcmpl-")


async def test_without_usage_the_timings_stand_on_the_finish(ask):
    _, answer, *_ = await served([Say(pieces=("All is well.",))], ask)
    last = decoded(answer)[-2]
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["timings"]["predicted_n"] == 1


async def test_an_example_that_the_user_wants_to_see_is_no_call(ask):
    shown = '{"name": "bash", "arguments": {"command": "rm -rf build"}}'
    question = "Show me an example of a JSON tool call for bash. Do not run it."
    async with (
        ScriptedServer([Say(pieces=(shown,))]) as server,
        front(server.url, raw=True) as (url, _),
    ):
        _, data = await ask(url, body(question, tools=[BASH]))
    assert b"tool_calls" not in data and b"rm -rf build" in data


async def test_a_whole_answer_with_a_call(ask):
    _, answer, *_ = await served([Say(pieces=(HERMES,))], ask, request("list", stream=False))
    choice = json.loads(answer)["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"][0]["function"]["name"] == "bash"
    assert choice["message"]["content"] is None


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses"])
async def test_other_protocols(path, stream, ask):
    async with (
        ScriptedServer([Say(pieces=("I look.\n", *split(HERMES, 5, 20, 40)))]) as server,
        front(server.url, raw=True) as (url, gateway),
    ):
        status, answer = await ask(url, asked(path, stream=stream), path)
        assert server.bodies("/v1/chat/completions") == []
    assert status == 200
    assert gateway.metrics.total("wire_total", wire="raw_completion") == 1
    text = answer.decode()
    assert '"name":"bash"' in text
    assert '\\"ls\\"' in text or '"command":"ls"' in text.replace(" ", "")
    assert "tool_call>" not in text


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}


@pytest.mark.parametrize(
    ("reason", "fields"),
    [
        ("constrained", {"response_format": {"type": "json_object"}}),
        ("constrained", {"json_schema": {"type": "object"}}),
        ("constrained", {"grammar": "root ::= [a-z]+"}),
        ("logprobs", {"logprobs": True}),
        ("logprobs", {"n_probs": 3}),
        ("tool_choice", {"tool_choice": "required"}),
        ("tool_choice", {"tool_choice": "none"}),
        ("tool_choice", {"tool_choice": {"type": "function", "function": {"name": "bash"}}}),
        ("one_call", {"parallel_tool_calls": False}),
        ("reasoning", {"reasoning_format": "none"}),
        ("reasoning", {"thinking_budget_tokens": 200}),
        ("answer_fields", {"return_progress": True}),
        ("prefill", {"add_generation_prompt": False}),
        ("parsing", {"parse_tool_calls": False}),
        ("unreadable", {"n": 2}),
        ("no_tools", {"tools": []}),
        ("media", {"messages": [{"role": "user", "content": [IMAGE]}]}),
        ("unreadable", {"messages": [{"role": "oracle", "content": "hi"}]}),
        (
            "prefill",
            {
                "messages": [
                    {"role": "user", "content": "hi"},
                    {"role": "assistant", "content": "It i"},
                ]
            },
        ),
    ],
)
async def test_what_raw_mode_cannot_carry_is_asked_as_ever(reason, fields, ask):
    data = json.dumps({**json.loads(request("hi")), **fields}).encode()
    status, answer, upstream, gateway = await served([Say(pieces=("All is well.",))], ask, data)
    assert status == 200
    assert turn(answer)[0] == "All is well."
    assert upstream.bodies("/completion") == []
    assert upstream.bodies("/v1/chat/completions") == [json.loads(data)]
    assert gateway.metrics.total("raw_fallback_total", reason=reason) == 1
    assert gateway.metrics.total("wire_total", wire="native") == 1


async def test_defaults_that_are_spelled_out_are_no_objection(ask):
    fields = {
        "response_format": {"type": "text"},
        "logprobs": False,
        "top_logprobs": None,
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "reasoning_format": "auto",
        "n": 1,
    }
    *_, gateway = await served([Say(pieces=(HERMES,))], ask, request("list", **fields))
    assert gateway.metrics.total("wire_total", wire="raw_completion") == 1


async def test_another_server_keeps_its_own_parsing_and_it_is_said_once(ask, capsys):
    stream = text_stream("All is well.")
    async with RawServer([stream]) as server, front(server.url, raw=True) as (url, gateway):
        answers = [await ask(url, request("hi")) for _ in range(2)]
        assert gateway.metrics.total("raw_fallback_total", reason="server_unknown") == 2
    assert answers == [(200, stream)] * 2
    told = [line for line in capsys.readouterr().err.splitlines() if "raw mode" in line]
    assert len(told) == 1 and told[0].startswith("u0: no raw mode")


async def test_a_server_that_renders_no_prompt_keeps_its_own_parsing(ask, monkeypatch, capsys):
    async def no_template(upstream):
        return False

    monkeypatch.setattr("seatrial.gateway.raw._has_template", no_template)
    _, answer, upstream, gateway = await served([Say(pieces=("All is well.",))], ask)
    assert turn(answer)[0] == "All is well."
    assert upstream.bodies("/completion") == []
    assert gateway.metrics.total("raw_fallback_total", reason="no_template") == 1
    assert "u0: no raw mode: /apply-template" in capsys.readouterr().err


async def test_observing_asks_as_ever(ask):
    _, _, upstream, gateway = await served([Say(pieces=(HERMES,))], ask, observe=True)
    assert upstream.bodies("/completion") == []
    assert gateway.metrics.total("wire_total", wire="native") == 1


async def test_an_overflow_is_told_as_every_client_knows_it(ask):
    status, answer, *_ = await served([overflow(9000, 4096)], ask)
    error = json.loads(answer)["error"]
    assert status == 400
    assert (error["code"], error["n_ctx"]) == ("context_length_exceeded", 4096)


async def test_a_refusal_is_passed_on_as_it_came(ask):
    refusal = {"error": {"code": 400, "message": "bad grammar", "type": "invalid_request_error"}}
    status, answer, *_ = await served([Refuse(status=400, body=refusal)], ask)
    assert (status, json.loads(answer)) == (400, refusal)


LONG = tuple(f"sentence number {n} says something new. " for n in range(60))


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("end", ["cut", "garbage", "error_frame", "no_done"])
async def test_a_stream_that_breaks_ends_with_an_error(end, stream, ask):
    reply = Say(pieces=LONG, end=end)
    status, answer, *_ = await served([reply], ask, request("hi", stream=stream))
    if stream:
        *frames, last = decoded(answer)
        assert status == 200 and "error" in last
        assert all(f["choices"][0]["finish_reason"] is None for f in frames)
    else:
        assert status >= 500 and "error" in json.loads(answer)


async def test_a_server_that_dies_before_the_answer(ask):
    status, answer, *_ = await served([Drop()], ask)
    assert status == 502 and json.loads(answer)["error"]["type"] == "server_error"


async def test_a_client_that_leaves_stops_the_server(http):
    pieces = tuple(f"{n} " for n in range(500))
    async with (
        ScriptedServer([Say(pieces=pieces, pause_seconds=0.02)]) as server,
        front(server.url, raw=True) as (url, gateway),
    ):
        with pytest.raises((TimeoutError, aiohttp.ClientError)):
            async with asyncio.timeout(0.5):
                async with http.post(url + "/v1/chat/completions", data=request("hi")) as answer:
                    await answer.read()
        await until(server.left.is_set)
        await until(lambda: gateway.metrics.total("cancelled_total") == 1)


async def test_a_slow_prompt_is_bridged_by_comments(ask):
    slow = After(0.5, Say(pieces=("All is well.",)))
    _, answer, *_ = await served([slow], ask, bounds=Bounds(keep_alive_seconds=0.1))
    assert answer.startswith(b": keep-alive\n\n")
    assert turn(answer)[0] == "All is well."


async def test_a_loop_is_asked_again_with_a_prompt_of_its_own(ask):
    script = [Loop(text="again and "), Say(pieces=("All tests pass now.",))]
    _, answer, upstream, _ = await served(script, ask, request("go", temperature=0))
    first, second = upstream.bodies("/completion")
    assert turn(answer)[0] == "All tests pass now."
    assert first["prompt"] != second["prompt"]


BROKEN = '<tool_call>\n{"name": "bash", "arguments": {"command": "a" "b"}}\n</tool_call>'


async def test_a_call_that_cannot_be_read_is_asked_for_again(ask):
    script = [Say(pieces=(BROKEN,)), Say(pieces=(HERMES,))]
    _, answer, upstream, _ = await served(script, ask)
    assert calls_of(answer) == [("bash", {"command": "ls"})]
    assert len(upstream.bodies("/completion")) == 2


async def test_the_last_retry_forces_a_call_by_a_schema(ask):
    ladder = LadderSpec(rungs=("nudge", "tool_choice"))
    broken = Say(pieces=(f"hm\n</think>\n\n{BROKEN}",))
    end = {"prompt_end": "<|im_start|>assistant\n<think>\n"}
    _, answer, upstream, _ = await served(
        [broken, broken, Say(pieces=(BARE,))],
        ask,
        server=end,
        guard=GuardSpec(ladder=ladder),
    )
    *_, second, third = upstream.bodies("/completion")
    assert "json_schema" not in second
    names = [one["properties"]["name"] for one in third["json_schema"]["anyOf"]]
    assert names == [{"const": "bash"}]
    assert third["prompt"].endswith("<think>\n\n</think>\n\n")
    assert calls_of(answer) == [("bash", {"command": "ls"})]


@pytest.mark.parametrize("stream", [True, False])
async def test_and_without_rules_it_does_not_look_like_an_answer(stream, ask):
    data = request("list", stream=stream)
    status, answer, *_ = await served([Say(pieces=(BROKEN,))], ask, data, guard=ALL_OFF)
    assert status == 503
    assert json.loads(answer)["error"]["code"] == "guard_stopped"


async def test_without_rules_an_answer_is_written_all_the_same(ask):
    _, answer, *_ = await served([Say(pieces=(HERMES,))], ask, guard=ALL_OFF)
    assert calls_of(answer) == [("bash", {"command": "ls"})]


async def test_a_call_that_was_cut_is_not_passed_on(ask):
    cut = Say(
        pieces=('<tool_call>\n{"name": "bash", "arguments": {"command": "ec',), finish="length"
    )
    for fields in ({}, {"guard": ALL_OFF}):
        _, answer, *_ = await served([cut], ask, **fields)
        assert b"tool_calls" not in answer


async def test_the_session_names_the_wire_and_keeps_the_raw_text(ask, tmp_path):
    await served([Say(pieces=(XML,))], ask, runs=tmp_path)
    ((_, trace),) = traces(tmp_path)
    (sent,), (response,) = of(events.Request, trace), of(events.Response, trace)
    assert sent.wire == "raw_completion"
    assert "prompt" not in sent.sent
    assert response.raw == XML
    (said,) = [m for m in of(events.MessageEvent, trace) if m.role == "assistant"]
    assert [call.name for call in said.calls] == ["bash"]


async def test_near_the_soft_window_the_prompt_is_counted(ask):
    words = "w " * 2500
    limit = SoftWindow(prompt_tokens=1500)
    lies = {"lies": Lies(window=100_000)}
    status, answer, upstream, gateway = await served(
        [Say()], ask, request(words), server=lies, soft_window=limit
    )
    error = json.loads(answer)["error"]
    assert (status, error["code"], error["n_ctx"]) == (400, "context_length_exceeded", 1500)
    assert error["n_prompt_tokens"] > 2500
    assert upstream.bodies("/completion") == []
    assert gateway.metrics.total("soft_window_total", mode="enforce") == 1
    assert gateway.metrics.total("upstream_errors_total") == 0
    assert gateway.upstreams[0].measured("m").window_tokens == 100_000


@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cuts=st.lists(st.integers(1, len(THOUGHT) - 1), max_size=12, unique=True))
def test_however_the_text_is_cut_the_answer_is_the_same(cuts):
    async def one():
        pieces = split(THOUGHT, *sorted(cuts))
        async with (
            ScriptedServer([Say(pieces=pieces)], prompt_end="<think>\n") as server,
            front(server.url, raw=True) as (url, _),
            aiohttp.ClientSession() as http,
            http.post(url + "/v1/chat/completions", data=request("list")) as answer,
        ):
            return await answer.read()

    answer = asyncio.run(one())
    frames = [f["choices"][0]["delta"] for f in decoded(answer)[:-1] if f["choices"]]
    assert "".join(f.get("reasoning_content", "") for f in frames) == "The user wants a list.\n"
    assert turn(answer)[0].strip() == "I list the files."
    assert calls_of(answer) == [("bash", {"command": "ls"})]
    assert turn(answer)[2] == ["tool_calls"]
