"""Faults of proxies and broken servers: each is named, and nothing else is concluded from it."""

from __future__ import annotations

from typing import Any

import pytest

from seatrial.chat.transport import Transport
from seatrial.serve.facts import Fact
from seatrial.serve.families import read_facts
from seatrial.serve.survey import session as asking
from seatrial.serve.survey.run import survey
from seatrial.serve.survey.survey import Survey
from tests.serve.survey.asking import verdicts
from tests.serve.survey.bent import Bend, Body, bent


async def found(bend: Bend, family: str = "llama.cpp", **how: Any) -> Survey:
    async with bent(bend, family) as url, Transport(url) as server:
        return await survey(server, await read_facts(server), **how)


def accused(seen: Survey) -> set[str]:
    bad = (one for one in seen.observations if one.verdict == "bad")
    return {one.id for one in bad if not one.values.get("documented")}


async def test_a_proxy_that_bends_nothing_is_not_accused() -> None:
    assert accused(await found(Bend())) == set()


async def test_streams_that_break_off_are_named_and_the_rest_is_asked_in_one_piece() -> None:
    seen = await found(Bend(frames=4))
    assert accused(seen) == {"answers.stream"}
    assert "broke off after" in verdicts(seen, "bad")["answers.stream"]
    assert {"speed.shallow", "system.reaches_model", "cache.prefix"} <= set(verdicts(seen, "good"))


async def test_a_stream_of_comments_is_no_stream_and_costs_one_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(asking, "_LEAST_PATIENCE_SECONDS", 0.5)
    seen = await found(Bend(pings=True))
    assert accused(seen) == {"answers.stream"}
    assert "brought no text" in verdicts(seen, "bad")["answers.stream"]
    assert seen.seconds < 5


def _ends(body: Body) -> None:
    for choice in body.get("choices", []):
        if choice.get("finish_reason"):
            choice["finish_reason"] = "stop"


async def test_a_cut_answer_that_says_stop_is_named() -> None:
    assert accused(await found(Bend(body=_ends, frame=_ends))) == {"stops.length"}
    assert "stops.length" in accused(await found(Bend(frame=_ends)))


def _hides(body: Body) -> None:
    for choice in body.get("choices", []):
        if (choice.get("delta") or {}).get("content"):
            choice["delta"]["reasoning"] = choice["delta"].pop("content")


async def test_text_under_another_key_in_a_stream_is_named() -> None:
    seen = await found(Bend(frame=_hides))
    assert "stops.paths_agree" in accused(seen)
    assert "reasoning" in verdicts(seen, "bad")["stops.paths_agree"]


@pytest.mark.parametrize("every", [3, 4, 5])
async def test_failures_that_come_and_go_are_one_finding(every: int) -> None:
    seen = await found(Bend(fails_every=every), depth="full")
    assert accused(seen) == {"answers.steady"}
    said = verdicts(seen, "bad")["answers.steady"]
    assert "out of memory" in said and f"of {seen.requests} requests" in said


async def test_a_usage_of_zeros_is_its_own_finding() -> None:
    def zero(body: Body) -> None:
        if body.get("usage"):
            body["usage"] = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}

    seen = await found(Bend(body=zero, frame=zero))
    assert accused(seen) == {"usage.counts"}
    assert "tools.reach_model" in verdicts(seen, "unknown")


async def test_far_too_slow_for_its_size_is_named_without_a_command_line() -> None:
    def slow(body: Body) -> None:
        if "timings" in body:
            body["timings"] |= {"prompt_per_second": 12.0, "predicted_per_second": 2.1}

    async with bent(Bend(body=slow, frame=slow)) as url, Transport(url) as server:
        facts = await read_facts(server)
        small = _sized(facts, 3_000_000)
        large = _sized(facts, 4_000_000_000)
        assert "speed.device" in accused(await survey(server, small, only={"device"}))
        assert "speed.device" not in accused(await survey(server, large, only={"device"}))


def _sized(facts: Any, parameters: int) -> Any:
    from msgspec.structs import replace

    return replace(facts, parameters=Fact(parameters, "/v1/models"), command=None)


async def test_an_empty_answer_that_spent_its_cap_is_not_called_silence() -> None:
    def empty(body: Body) -> None:
        for choice in body.get("choices", []):
            part = choice.get("message") or choice.get("delta") or {}
            part.pop("content", None)
            choice["finish_reason"] = "length"

    seen = await found(Bend(body=empty, frame=empty))
    assert "answers.chat" in verdicts(seen, "unknown")
    assert "answers.chat" not in accused(seen)


async def test_a_server_that_hangs_costs_two_short_waits() -> None:
    seen = await found(Bend(hangs=True), request_seconds=0.3)
    assert seen.seconds < 3 and "answers.chat" in accused(seen)
    assert seen.skipped["sampler"] == "the chat endpoint does not answer"
