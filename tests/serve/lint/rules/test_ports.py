"""N06-N10: each rule fires where it should and stays silent one step beside it."""

from __future__ import annotations

import msgspec
import pytest

from seatrial.serve.lint.subject import ServerConfig, Subject
from tests.serve.lint.clean import client, facts, fires, server, setting, settings


def swap() -> ServerConfig:
    """A model behind llama-swap."""
    proxy = settings({"kind": "llama-swap"}, source="swap.yaml")
    return server({}, family="llama-swap", proxy=proxy)


def test_n06_one_port_for_two() -> None:
    pair = (server({"port": 8080}, name="a"), server({"port": 8080}, name="b"))
    assert len(fires(Subject(servers=pair), "N06")) == 1
    apart = (server({"port": 8080}, name="a"), server({"port": 8081}, name="b"))
    assert fires(Subject(servers=apart), "N06") == []
    hosts = (
        server({"port": 8080, "host": "10.0.0.1"}, name="a"),
        server({"port": 8080, "host": "10.0.0.2"}, name="b"),
    )
    assert fires(Subject(servers=hosts), "N06") == []
    behind = tuple(msgspec.structs.replace(one, proxy=swap().proxy) for one in pair)
    assert fires(Subject(servers=behind), "N06") == []


def test_n06_reuse_and_the_log() -> None:
    assert len(fires(Subject(servers=(server({"reuse-port": True}),)), "N06")) == 1
    assert fires(Subject(servers=(server({"reuse-port": False}),)), "N06") == []
    taken = "srv  start: couldn't bind HTTP server socket, hostname: 127.0.0.1, port: 8080"
    assert len(fires(Subject(log=(taken,)), "N06")) == 1
    assert fires(Subject(log=("listening on http://127.0.0.1:8080",)), "N06") == []


@pytest.mark.parametrize(
    ("model", "count"),
    [("default_model", 0), ("/m/tuned", 0), ("mlx-community/base", 1), ("/m/tuned/", 1)],
)
def test_n07_another_model(model: str, count: int) -> None:
    asks = client(32_768, model=model)
    tuned = server({"model": "/m/tuned"}, family="mlx", name="/m/tuned")
    assert len(fires(Subject(clients=(asks,), servers=(tuned,)), "N07")) == count
    served = facts("mlx", model="/m/tuned")
    assert len(fires(Subject(clients=(asks,), facts=served), "N07")) == count
    assert fires(Subject(clients=(asks,), facts=facts(model="/m/tuned")), "N07") == []


def test_n08_port() -> None:
    assert len(fires(Subject(servers=(server({"model": "a"}),)), "N08")) == 1
    assert fires(Subject(servers=(server({"model": "a", "port": 8080}),)), "N08") == []
    assert fires(Subject(servers=(server({"model": "a"}, family="vllm"),)), "N08") == []
    guessed = client(url="http://localhost/v1")
    assert len(fires(Subject(clients=(guessed,)), "N08")) == 1
    assert fires(Subject(clients=(client(url="https://llm.example/v1"),)), "N08") == []
    assert fires(Subject(clients=(client(),)), "N08") == []


def test_n09_loaded() -> None:
    served = facts("lm-studio", loaded=("qwen3-coder", "qwen3-coder:2"))
    wants = client(model="qwen3-coder", url=None)
    assert fires(Subject(facts=served, clients=(wants,)), "N09") == []
    other = client(model="devstral", url=None)
    assert len(fires(Subject(facts=served, clients=(other,)), "N09")) == 1
    assert len(fires(Subject(facts=served, asked="devstral"), "N09")) == 1
    assert fires(Subject(facts=facts("lm-studio"), asked="devstral"), "N09") == []


def test_n10_remapped() -> None:
    plain = swap()
    mapped = msgspec.structs.replace(
        plain, proxy={"profiles.fast": setting("a", "fast: a", source="swap.yaml")}
    )
    assert len(fires(Subject(servers=(mapped,)), "N10")) == 1
    assert fires(Subject(servers=(plain,)), "N10") == []
    noted = facts("llama-swap", notes=("profile `fast` is active",))
    assert len(fires(Subject(facts=noted), "N10")) == 1
    assert fires(Subject(facts=facts("llama-swap")), "N10") == []
