"""N01-N05: each rule fires where it should and stays silent one step beside it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from seatrial.serve.lint.rule import lint, registered
from seatrial.serve.lint.subject import Subject, Turn
from seatrial.serve.survey.survey import Observation, Survey
from tests.serve.lint.clean import client, facts, fires, header, server, settings


def survey(**values: float) -> Survey:
    one = Observation(id="speed.shallow", verdict="good", said="", values=values)
    return Survey(depth="quick", observations=(one,), requests=1, seconds=1.0)


@pytest.mark.parametrize(
    ("patience", "speed", "count"),
    [
        (300, 100, 1),  # 60,000 tokens take 600 s
        (300, 201, 0),  # 299 s
        (301, 100, 0),
        (30, 2000, 0),  # read in half a minute
        (30, 900, 1),
    ],
)
def test_n01_patience(patience: int, speed: int, count: int) -> None:
    subject = Subject(
        clients=(client(60_000, timeout_seconds=patience),),
        survey=survey(prompt_tokens_per_second=speed, context_tokens=2048),
        facts=facts(window=65_536),
    )
    assert len(fires(subject, "N01")) == count


@pytest.mark.parametrize(("speed", "count"), [(49, 1), (51, 0)])
def test_n01_a_short_prompt_says_little(speed: int, count: int) -> None:
    """Long ones may be read four times as fast: 60,000 tokens in 300 s are 200 tokens/s."""
    subject = Subject(
        clients=(client(60_000, timeout_seconds=300),),
        survey=survey(prompt_tokens_per_second=speed, context_tokens=150),
        facts=facts(window=65_536),
    )
    found = fires(subject, "N01")
    assert len(found) == count
    if count:
        assert "a short one was read at 49 tokens/s" in found[0].seen


def test_n01_as_recorded() -> None:
    gone = Turn(number=4, seconds=300.2, timeout_seconds=300.0)
    assert len(fires(Subject(turns=(gone,)), "N01")) == 1
    came = msgspec.structs.replace(gone, status=200, finish="stop")
    assert fires(Subject(turns=(came,)), "N01") == []
    patient = Turn(number=4, seconds=900.2, timeout_seconds=900.0)
    assert fires(Subject(turns=(patient,)), "N01") == []


def test_n02_blind_retry() -> None:
    gone = Turn(number=1, prompt=None, own_prompt=20_000, error="Request timed out.")
    again = Turn(number=2, own_prompt=20_000, status=200)
    assert len(fires(Subject(turns=(gone, again)), "N02")) == 1
    shorter = msgspec.structs.replace(again, own_prompt=9_000)
    assert fires(Subject(turns=(gone, shorter)), "N02") == []
    elsewhere = msgspec.structs.replace(again, session="other")
    assert fires(Subject(turns=(gone, elsewhere)), "N02") == []
    answered = msgspec.structs.replace(gone, error=None, status=200)
    assert fires(Subject(turns=(answered, again)), "N02") == []


def swap(**proxy: Any) -> Any:
    kept = settings({"kind": "llama-swap", **proxy}, source="swap.yaml")
    return server({}, family="llama-swap", proxy=kept)


@pytest.mark.parametrize(
    ("timeout", "gigabytes", "count"),
    [(None, 12, 1), (None, 11.9, 0), (300, 29, 0), (300, 30, 1)],
)
def test_n03_size_of_the_file(timeout: int | None, gigabytes: float, count: int) -> None:
    proxy = {} if timeout is None else {"healthCheckTimeout": timeout}
    model = header({}, file_bytes=int(gigabytes * 1e9))
    subject = Subject(servers=(swap(**proxy),), header=model)
    assert len(fires(subject, "N03")) == count
    bare = msgspec.structs.replace(subject, servers=(server({}),))
    assert fires(bare, "N03") == []


def test_n03_by_the_log() -> None:
    line = "[WARN] <qwen> health check timed out after 120s"
    assert len(fires(Subject(servers=(swap(),), log=(line,)), "N03")) == 1
    assert fires(Subject(servers=(swap(),), log=("<qwen> health check passed",)), "N03") == []


@pytest.mark.parametrize(("concurrency", "count"), [(4, 0), (5, 1)])
def test_n04_slots(concurrency: int, count: int) -> None:
    extra = {"concurrency": concurrency}
    by_config = Subject(servers=(server({"parallel": 4}),), extra=extra)
    assert len(fires(by_config, "N04")) == count
    assert len(fires(Subject(facts=facts(slots=4), extra=extra), "N04")) == count


def test_n04_needs_a_number_to_compare() -> None:
    subject = Subject(servers=(server({"parallel": 4}),), facts=facts(slots=4))
    report = lint(subject, [one for one in registered() if one.id == "N04"])
    assert report.checked == ()
    assert report.not_checked == {"N04": "concurrency or turns"}


def test_n04_the_limit_of_llama_swap() -> None:
    assert fires(Subject(servers=(swap(),), extra={"concurrency": 10}), "N04") == []
    assert len(fires(Subject(servers=(swap(),), extra={"concurrency": 11}), "N04")) == 1
    raised = swap(concurrencyLimit=20)
    assert fires(Subject(servers=(raised,), extra={"concurrency": 20}), "N04") == []
    turns = (Turn(number=1, status=200), Turn(number=2, status=429))
    assert len(fires(Subject(turns=turns), "N04")) == 1


@pytest.mark.parametrize(("speed", "count"), [(10, 1), (27.2, 1), (27.4, 0)])
def test_n05_turn_budget(speed: float, count: int) -> None:
    subject = Subject(
        clients=(client(65_536, 8192, timeout_seconds=300),),
        survey=survey(generated_tokens_per_second=speed),
    )
    assert len(fires(subject, "N05")) == count


def test_n05_as_recorded() -> None:
    slow = Turn(number=1, completion=100, seconds=10.0, max_tokens=10_000, timeout_seconds=900.0)
    (found,) = fires(Subject(turns=(slow,)), "N05")
    assert "1000 s" in found.seen
    fine = msgspec.structs.replace(slow, max_tokens=9_000)
    assert fires(Subject(turns=(fine,)), "N05") == []
    short = msgspec.structs.replace(slow, completion=49)
    assert fires(Subject(turns=(short,)), "N05") == []
