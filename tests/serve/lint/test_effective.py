"""Who has the last word on a value, which pairs are looked at, and what nobody knows."""

from __future__ import annotations

from typing import Any

import pytest

from seatrial.serve.facts import Fact
from seatrial.serve.lint.effective import (
    Route,
    as_number,
    build_of,
    guarded,
    plain,
    routes,
    served,
    shown,
)
from seatrial.serve.lint.subject import Subject, Value
from tests.serve.lint.clean import client, facts, header, server, setting

FORCED = {"temperature": setting(0.1, "temperature: 0.1", source="swap.yaml", line=3)}
SENT: dict[str, Value] = {"temperature": 0.2}
FLAG: dict[str, Value] = {"temp": 0.3}
IN_FILE = header({"general.sampling.temp": 0.4})
SAID = facts(sampler={"temperature": Fact(0.5, "/props")})


def temperature(**parts: Any) -> tuple[Value, str] | None:
    held = Route(**parts).held("temperature")
    return None if held is None else (held.value, held.origin)


def test_the_order_of_the_last_word() -> None:
    sender, flagged = client(sampling=SENT), server(FLAG)
    everything = {"client": sender, "header": IN_FILE, "facts": SAID}
    forced = server(FLAG, sets=FORCED)
    assert temperature(server=forced, **everything) == (0.1, "proxy")
    assert temperature(server=flagged, **everything) == (0.2, "client")
    stripped = server(FLAG, strips=("temperature",))
    assert temperature(server=stripped, **everything) == (0.3, "server")
    assert temperature(server=flagged, header=IN_FILE, facts=SAID) == (0.3, "server")
    assert temperature(server=server(), header=IN_FILE, facts=SAID) == (0.4, "gguf")
    assert temperature(server=server(), facts=SAID) == (0.5, "facts")
    assert temperature(server=server()) == (0.8, "default")
    assert temperature(server=server(family="mlx")) == (0.0, "default")


@pytest.mark.parametrize("family", ["vllm", "sglang", "ollama", "lm-studio", "apr"])
def test_what_nobody_knows_is_none(family: str) -> None:
    assert temperature(server=server(family=family)) is None
    assert Route(server=server(family=family)).cap() is None


def test_vllm_without_the_files_of_the_model_is_neutral() -> None:
    neutral = server({"generation-config": "vllm"}, family="vllm")
    assert temperature(server=neutral) == (1.0, "default")
    own: dict[str, Value] = {"generation-config": "vllm", "override-generation-config": "{}"}
    assert temperature(server=server(own, family="vllm")) is None


def test_a_field_that_the_endpoint_ignores_is_not_what_holds() -> None:
    sender = client(sampling={"top_k": 5})
    ollama = server({"top_k": 64}, family="ollama")
    held = Route(server=ollama, client=sender, facts=facts("ollama")).held("top_k")
    assert held is not None
    assert held.value == 64


def test_only_llama_reads_values_of_the_file() -> None:
    assert temperature(server=server(family="vllm"), header=IN_FILE) is None


def cap(**parts: Any) -> Value:
    held = Route(**parts).cap()
    return None if held is None else held.value


def test_the_bound_of_an_answer() -> None:
    assert cap(server=server({"n-predict": 4096}), client=client(None, 8192)) == 4096
    assert cap(server=server({"n-predict": 16384}), client=client(None, 8192)) == 8192
    assert cap(server=server(), client=client(None, 8192)) == 8192
    assert cap(server=server(), client=client(name="pi")) == 16_384
    assert cap(server=server(), client=client(name="aider")) == -1
    assert cap(server=server(), client=client(name="harbour")) is None
    assert cap(server=server({"n-predict": 4096}), client=client(name="harbour")) == 4096
    assert cap(server=server({"max-tokens": 9}, family="mlx"), client=client(None, 8192)) == 8192
    assert cap(server=server(family="mlx")) == 512


def test_clients_go_with_the_server_they_name() -> None:
    one, two = server(name="one"), server(name="two")
    subject = Subject(
        servers=(one, two), clients=(client(model="two"), client(model="three")), facts=SAID
    )
    pairs = [(r.server and r.server.name, r.client and r.client.model) for r in routes(subject)]
    assert pairs == [("two", "two"), (None, "three"), ("one", None)]
    assert [r.server.name for r in served(subject) if r.server] == ["one", "two"]


def test_the_facts_belong_to_one_server_only() -> None:
    one, two = server(name="one"), server(name="two")
    alone = list(served(Subject(servers=(one,), facts=SAID, header=IN_FILE)))
    assert alone[0].facts is SAID
    assert alone[0].header is IN_FILE
    asked = list(served(Subject(servers=(one, two), facts=SAID, header=IN_FILE, asked="two")))
    assert [route.facts for route in asked] == [None, SAID]
    assert [route.header for route in asked] == [None, IN_FILE]
    assert [route.facts for route in served(Subject(facts=SAID))] == [SAID]
    assert not list(served(Subject()))


@pytest.mark.parametrize(
    ("version", "build"),
    [("b11549-0c1e57098", 11549), ("11549", 11549), ("0.3.36", None), ("", None), ("v1.2", None)],
)
def test_the_build_number(version: str, build: int | None) -> None:
    assert build_of(Route(facts=facts(version=version))) == build
    assert build_of(Route(facts=facts("vllm", version=version))) is None


def test_numbers() -> None:
    assert as_number("0.7") == 0.7
    assert as_number(True) is None
    assert as_number("warm") is None
    assert plain(0.699999988079071) == "0.7"
    assert plain(8192) == "8192"


def test_a_value_is_shown_where_only_its_key_stands_on_the_line() -> None:
    assert shown(setting('["<think>"]', "stop")) == '`stop` = ["<think>"]'
    assert shown(setting(0.2, "temperature: 0.2")) == "`temperature: 0.2`"
    assert shown(setting(True, "--context-shift")) == "`--context-shift`"


def test_a_guard_must_be_known() -> None:
    assert guarded(Subject(extra={"guarded": True}))
    assert not guarded(Subject(extra={"guarded": "yes"}))
