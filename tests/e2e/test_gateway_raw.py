"""Raw mode in front of the real engine: the calls that the engine's own parsing gives, and more."""

from __future__ import annotations

import json
import shutil
import urllib.request
from typing import Any

import msgspec
import pytest

from seatrial.chat.endpoint import CallEvent
from seatrial.gateway import Bounds, UpstreamSpec
from seatrial.gateway.output import Output
from seatrial.gateway.raw_attempt import RawAttempt
from seatrial.gateway.requests import read_inbound
from seatrial.gateway.upstream import Upstream
from seatrial.models import model_path, profile_for
from seatrial.store import read_events
from seatrial.suites import Instance, generate
from tests.gateway import load
from tests.gateway.conftest import decoded
from tests.serve.lint.rules.test_tools import with_type

pytestmark = pytest.mark.engine

PROFILE = profile_for("dinghy")
INSTANCES = generate(1, 12)
TURNS = 3


@pytest.fixture(scope="module")
def engine():
    with load.process("seatrial", "serve", "dinghy", "--parsing", "server", "--json") as (url, _):
        yield url


def request_body(messages: list[dict[str, Any]], **fields: Any) -> bytes:
    body = {
        "model": "dinghy",
        "stream": True,
        "temperature": 0,
        "max_tokens": 512,
        "cache_prompt": False,
        "messages": messages,
        "tools": [tool.openai() for tool in PROFILE.schemas],
        "stream_options": {"include_usage": True},
        **fields,
    }
    return json.dumps(body).encode()


def ask(url: str, messages: list[dict[str, Any]]) -> bytes:
    headers = {"Content-Type": "application/json"}
    data = request_body(messages)
    request = urllib.request.Request(url + "/v1/chat/completions", data, headers)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return answer.read()


def said(stream: bytes) -> dict[str, Any]:
    """An answer, joined: text, calls, finish, tokens."""
    *frames, done = decoded(stream)
    assert done == "[DONE]"
    calls: dict[int, dict[str, str]] = {}
    text, finish, usage = "", None, {}
    for frame in frames:
        usage = frame.get("usage") or usage
        for choice in frame["choices"]:
            finish = choice["finish_reason"] or finish
            text += choice["delta"].get("content") or ""
            for piece in choice["delta"].get("tool_calls") or ():
                call = calls.setdefault(piece["index"], {"id": "", "name": "", "arguments": ""})
                call["id"] += piece.get("id") or ""
                call["name"] += piece["function"].get("name") or ""
                call["arguments"] += piece["function"].get("arguments") or ""
    tokens = (usage["prompt_tokens"], usage["completion_tokens"])
    return {"text": text, "calls": list(calls.values()), "finish": finish, "tokens": tokens}


def alike(answer: dict[str, Any]) -> dict[str, Any]:
    """What must be the same; ids are whoever's who parsed."""
    calls = [(call["name"], json.loads(call["arguments"])) for call in answer["calls"]]
    return {**answer, "calls": calls, "text": answer["text"].strip()}


def result_of(instance: Instance, call: dict[str, str]) -> str:
    path = json.loads(call["arguments"]).get("path", "")
    return instance.files.get(path, f"error: no such file: {path}")


def after(messages: list[dict[str, Any]], answer: dict[str, Any], instance: Instance):
    calls = [
        {
            "id": call["id"],
            "type": "function",
            "function": {"name": call["name"], "arguments": call["arguments"]},
        }
        for call in answer["calls"]
    ]
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": result_of(instance, call)}
        for call in answer["calls"]
    ]
    assistant = {"role": "assistant", "content": answer["text"], "tool_calls": calls}
    return [*messages, assistant, *results]


def test_the_same_greedy_conversations_give_the_same_calls(engine, tmp_path):
    called = 0
    with (
        load.gateway(engine, "--no-record") as (native, _),
        load.gateway(engine, "--raw", "--runs", str(tmp_path)) as (raw, _),
    ):
        for instance in INSTANCES:
            messages = [
                {"role": "system", "content": PROFILE.system},
                {"role": "user", "content": instance.instruction},
            ]
            for _turn in range(TURNS):
                one, other = said(ask(native, messages)), said(ask(raw, messages))
                assert alike(one) == alike(other)
                if not other["calls"]:
                    break
                called += len(other["calls"])
                messages = after(messages, other, instance)
        with urllib.request.urlopen(raw + "/metrics", timeout=10) as answer:
            metrics = answer.read().decode()
    assert called >= len(INSTANCES)
    assert "raw_fallback_total 0" in metrics
    assert 'wire_total{wire="raw_completion"}' in metrics
    assert 'wire_total{wire="native"}' not in metrics
    for folder in tmp_path.glob("*/sessions/*/*"):
        wires = {event.wire for event in read_events(folder) if type(event).__name__ == "Request"}
        assert wires == {"raw_completion"}


@pytest.fixture
def control_engine(tmp_path):
    """dinghy with its marks for calls as control tokens, which raw text leaves out."""
    model = tmp_path / "control.gguf"
    shutil.copyfile(model_path("dinghy"), model)
    for mark in ("<tool_call>", "</tool_call>"):
        with_type(model, mark, 3)
    words = ("seatrial", "serve", str(model), "--parsing", "client", "--json")
    with load.process(*words) as (url, _):
        yield url


def test_marks_that_are_control_tokens_are_not_lost(control_engine):
    messages = [
        {"role": "system", "content": PROFILE.system},
        {"role": "user", "content": INSTANCES[0].instruction},
    ]
    lost = said(ask(control_engine, messages))
    with load.gateway(control_engine, "--raw", "--no-record") as (url, _):
        found = said(ask(url, messages))
    assert "<tool_call>" not in lost["text"] and not lost["calls"]
    assert found["calls"]
    assert found["finish"] == "tool_calls"


async def test_a_forced_call_is_a_call_whatever_the_model_would_say(engine):
    messages = [{"role": "user", "content": "Say hello, and nothing else."}]
    raw = request_body(messages, temperature=0, cache_prompt=True)
    inbound = read_inbound(raw)
    upstream = Upstream(UpstreamSpec("u", engine), Bounds())
    output = Output(_nobody)
    attempt = RawAttempt(upstream, inbound, [], output, keep_credentials=True)
    assert inbound.request is not None
    forced = msgspec.structs.replace(inbound.request, tool_choice="required")
    try:
        events = [event async for event in attempt.generate(forced)]
    finally:
        attempt.close()
        await upstream.aclose()
    calls = [event.call for event in events if isinstance(event, CallEvent)]
    assert [call.name in {tool.name for tool in PROFILE.schemas} for call in calls] == [True]


async def _nobody(_message: dict[str, Any]) -> None:
    raise AssertionError("nothing is sent here")
