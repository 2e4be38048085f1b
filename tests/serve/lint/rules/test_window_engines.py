"""W09-W15, W17: each rule fires where it should and stays silent one step beside it."""

from __future__ import annotations

from typing import Any

import pytest

from seatrial.serve.lint.rule import Severity
from seatrial.serve.lint.subject import Subject, Turn
from tests.serve.lint.clean import client, facts, fires, server

OLLAMA = "http://127.0.0.1:11434"


@pytest.mark.parametrize(
    ("options", "env", "count"),
    [
        ({}, {}, 1),
        ({"num_ctx": 4096}, {}, 1),
        ({"num_ctx": 63_999}, {}, 1),
        ({"num_ctx": 64_000}, {}, 0),
        ({}, {"OLLAMA_CONTEXT_LENGTH": "65536"}, 0),
        ({"num_ctx": 4096}, {"OLLAMA_CONTEXT_LENGTH": "65536"}, 1),  # the model's own wins
    ],
)
def test_w09_by_configuration(options: dict[str, Any], env: dict[str, Any], count: int) -> None:
    subject = Subject(servers=(server(options, family="ollama", env=env),))
    assert len(fires(subject, "W09")) == count


def test_w09_by_facts_and_card() -> None:
    assert len(fires(Subject(facts=facts("ollama", window=32_768)), "W09")) == 1
    assert fires(Subject(facts=facts("ollama", window=65_536)), "W09") == []
    assert fires(Subject(facts=facts(window=4096)), "W09") == []
    big = Subject(servers=(server(family="ollama"),), extra={"gpu_bytes": 80 << 30})
    assert fires(big, "W09") == []


@pytest.mark.parametrize(
    ("url", "key", "count"),
    [
        (f"{OLLAMA}/v1", "num_ctx", 1),
        (f"{OLLAMA}/v1/", "extra_body.options.num_ctx", 1),
        (OLLAMA, "num_ctx", 0),
        ("http://127.0.0.1:8080/v1", "num_ctx", 0),
        (f"{OLLAMA}/v1", "num_predict", 0),
    ],
)
def test_w10_num_ctx(url: str, key: str, count: int) -> None:
    sends = client(url=url, options={key: 65_536})
    assert len(fires(Subject(clients=(sends,)), "W10")) == count


def test_w11_cut() -> None:
    def cut(**turn: Any) -> int:
        subject = Subject(turns=(Turn(number=3, **turn),), facts=facts("ollama"))
        return len(fires(subject, "W11"))

    assert cut(prompt=4096, own_prompt=30_000) == 1
    assert cut(prompt=9499, own_prompt=10_000) == 1
    assert cut(prompt=9500, own_prompt=10_000) == 0
    assert cut(prompt=500, cached=9500, own_prompt=10_000) == 0
    assert cut(prompt=None, own_prompt=10_000) == 0
    turn = Turn(number=1, prompt=10, own_prompt=1000)
    assert fires(Subject(turns=(turn,), facts=facts()), "W11") == []
    assert fires(Subject(turns=(turn,), servers=(server(family="ollama"),)), "W11") != []


def test_w12_lm_studio() -> None:
    assert len(fires(Subject(facts=facts("lm-studio", window=4096)), "W12")) == 1
    assert fires(Subject(facts=facts("lm-studio", window=32_768)), "W12") == []
    wanted = server({"context-length": 65_536}, family="lm-studio")
    lowered = Subject(servers=(wanted,), facts=facts("lm-studio", window=40_000))
    (found,) = fires(lowered, "W12")
    assert "asked for 65,536" in found.seen
    believes = Subject(clients=(client(50_000),), facts=facts("lm-studio", window=40_000))
    assert len(fires(believes, "W12")) == 1


def test_w13_no_bound() -> None:
    mlx = server(family="mlx")
    assert len(fires(Subject(clients=(client(),), servers=(mlx,)), "W13")) == 1
    assert len(fires(Subject(clients=(client(),), facts=facts("mlx")), "W13")) == 1
    assert fires(Subject(clients=(client(32_768),), servers=(mlx,)), "W13") == []
    assert fires(Subject(clients=(client(),), facts=facts()), "W13") == []


@pytest.mark.parametrize(("window", "count"), [(24_576, 0), (24_577, 1), (32_768, 1)])
@pytest.mark.parametrize("family", ["vllm", "sglang"])
def test_w14_the_answer_counts(family: str, window: int, count: int) -> None:
    subject = Subject(clients=(client(window, 8192),), facts=facts(family, window=32_768))
    found = fires(subject, "W14")
    assert len(found) == count
    assert fires(subject, "W01") == []  # one finding for one mistake
    option = {"vllm": "max-model-len", "sglang": "context-length"}[family]
    by_config = Subject(
        clients=(client(window, 8192),), servers=(server({option: 32_768}, family=family),)
    )
    assert len(fires(by_config, "W14")) == count


def test_w15_too_small_for_the_client() -> None:
    def small(name: str, window: int) -> int:
        subject = Subject(clients=(client(name=name),), facts=facts(window=window))
        return len(fires(subject, "W15"))

    assert small("qwen-code", 32_767) == 1
    assert small("qwen-code", 38_200) == 0
    assert small("qwen-code", 38_199) == 1  # half of it is gone before the first word
    assert small("pi", 4096) == 0
    assert small("pi", 2048) == 1
    assert small("somebody", 2048) == 0


def test_w15_as_recorded() -> None:
    turns = (Turn(number=1, prompt=16_000), Turn(number=2, prompt=30_000))
    assert len(fires(Subject(turns=turns, facts=facts(window=32_000)), "W15")) == 1
    assert fires(Subject(turns=turns, facts=facts(window=32_768)), "W15") == []


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"ctx-size": 512}, 1),
        ({"ctx-size": 8192, "parallel": 4}, 1),
        ({"ctx-size": 4096}, 0),
        ({"ctx-size": 512, "embeddings": True}, 0),
        ({}, 0),
    ],
)
def test_w17_a_window_for_nothing(options: dict[str, Any], count: int) -> None:
    found = fires(Subject(servers=(server(options),)), "W17")
    assert [one.severity for one in found] == [Severity.INFO] * count


def test_w17_by_facts_and_for_each_server() -> None:
    assert "2,048" in fires(Subject(facts=facts(window=2048)), "W17")[0].seen
    assert not fires(Subject(facts=facts(window=4096)), "W17")
    assert not fires(Subject(facts=facts()), "W17")
    # What the server says is worth more than its settings.
    small = server({"ctx-size": 512})
    assert not fires(Subject(servers=(small,), facts=facts(window=65_536)), "W17")
    assert len(fires(Subject(servers=(small, small)), "W17")) == 2
