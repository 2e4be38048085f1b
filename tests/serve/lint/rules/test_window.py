"""W01-W08 and W16: each rule fires where it should and stays silent one step beside it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from seatrial.serve.facts import Fact
from seatrial.serve.lint.subject import ServerConfig, Subject, Turn
from seatrial.serve.lint.windows import configured_window, margin, shares_pool
from tests.serve.lint.clean import (
    CLEAN,
    MODEL,
    alarms,
    client,
    facts,
    fires,
    header,
    server,
    setting,
)


@pytest.mark.parametrize("family", sorted(CLEAN))
def test_a_clean_configuration_raises_no_alarm(family: str) -> None:
    assert alarms(CLEAN[family]) == []


@pytest.mark.parametrize("family", sorted(CLEAN))
@pytest.mark.parametrize("part", ["servers", "clients", "facts", "turns", "header", "asked"])
def test_less_knowledge_raises_no_alarm(family: str, part: str) -> None:
    """What is not known is not wrong: for the rules of window, cache, streams and drafts."""
    empty = () if part in ("servers", "clients", "turns") else None
    raised = alarms(msgspec.structs.replace(CLEAN[family], **{part: empty}))
    assert [one for one in raised if one[0] in "WKNP"] == []


@pytest.mark.parametrize(
    ("options", "tokens"),
    [
        ({"ctx-size": 32768, "parallel": 4}, 8192),
        ({"ctx-size": 32768}, 32768),
        ({"ctx-size": 32768, "parallel": 1}, 32768),
        ({"ctx-size": 32768, "parallel": -1}, 32768),
        ({"ctx-size": 32768, "parallel": 4, "kv-unified": True}, 32768),
        ({"ctx-size": 32768, "kv-unified-per-slot": 8192}, 8192),
        ({"ctx-size": 300, "parallel": 3}, 256),  # as the engine did: rounded up to 256
        ({"ctx-size": 0}, None),
        ({"parallel": 4}, None),
        ({"ctx-size": "big"}, None),
    ],
)
def test_the_window_of_a_slot(options: dict[str, Any], tokens: int | None) -> None:
    window = configured_window(server(options))
    assert (window.tokens if window else None) == tokens


def test_who_shares_a_pool() -> None:
    assert shares_pool(server({}))
    assert shares_pool(server({"parallel": 2, "kv-unified": True}))
    assert not shares_pool(server({"parallel": 1, "kv-unified": True}))
    assert not shares_pool(server({"parallel": 2}))
    assert not shares_pool(server({"kv-unified-per-slot": 4096}))
    assert not shares_pool(server({"kv-unified": False}))


# W01 ------------------------------------------------------------------------------------------

_ROOM = 65_536 - 8_192 - margin(65_536)


@pytest.mark.parametrize(("window", "count"), [(_ROOM, 0), (_ROOM + 1, 1), (131_072, 1)])
def test_w01_boundary(window: int, count: int) -> None:
    found = fires(Subject(clients=(client(window, 8192),), facts=facts(window=65_536)), "W01")
    assert len(found) == count
    if count:
        assert f'contextWindow": {window}' in found[0].seen
        assert found[0].edit is not None
        assert found[0].edit.before == f'"contextWindow": {window}'
        assert found[0].edit.after == (f'"contextWindow": {_ROOM}',)


def test_w01_from_the_configuration_alone() -> None:
    subject = Subject(
        clients=(client(32_768),), servers=(server({"ctx-size": 32768, "parallel": 4}),)
    )
    (found,) = fires(subject, "W01")
    assert "8,192" in found.seen
    assert "`--ctx-size 32768 --parallel 4`" in found.seen


def test_w01_facts_are_worth_more_than_settings() -> None:
    subject = Subject(
        clients=(client(60_000),),
        servers=(server({"ctx-size": 4096}),),
        facts=facts(window=131_072),
    )
    assert fires(subject, "W01") == []


def test_w01_not_of_another_server_or_model() -> None:
    elsewhere = Subject(
        clients=(client(131_072, url="http://127.0.0.1:9000/v1"),), facts=facts(window=4096)
    )
    assert fires(elsewhere, "W01") == []
    other = Subject(
        clients=(client(131_072, model="big"),),
        facts=facts("llama-swap", window=4096),
        asked="small",
    )
    assert fires(other, "W01") == []
    localhost = Subject(
        clients=(client(131_072, url="http://localhost:8080/v1"),), facts=facts(window=4096)
    )
    assert len(fires(localhost, "W01")) == 1


def test_w01_an_answer_as_large_as_the_window() -> None:
    (found,) = fires(Subject(clients=(client(4096, 8192),), facts=facts(window=8192)), "W01")
    assert "lower the answer" in found.fix
    assert found.edit is None


# W02, W03 -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"ctx-size": 32768, "parallel": 4}, 1),
        ({"ctx-size": 131_070, "parallel": 2}, 0),  # 65,535 rounds up to 65,536
        ({"ctx-size": 130_560, "parallel": 2}, 1),
        ({"ctx-size": 131_072, "parallel": 2}, 0),
        ({"ctx-size": 32768, "parallel": 1}, 0),
        ({"ctx-size": 32768, "parallel": 4, "kv-unified": True}, 0),
        ({"ctx-size": 32768}, 0),
    ],
)
def test_w02_divided(options: dict[str, Any], count: int) -> None:
    assert len(fires(Subject(servers=(server(options),)), "W02")) == count


def test_w02_a_client_that_counts_on_the_whole() -> None:
    options = {"ctx-size": 262_144, "parallel": 2}
    alone = Subject(servers=(server(options, source="a.sh"),))
    assert fires(alone, "W02") == []
    (found,) = fires(msgspec.structs.replace(alone, clients=(client(200_000),)), "W02")
    assert "131,072 tokens, not 262,144" in found.seen
    assert found.edit is not None
    assert found.edit.after == ("--parallel 1",)


def two_clients() -> Any:
    return (client(), client(name="opencode"))


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"ctx-size": 65536}, 1),
        ({"ctx-size": 65536, "parallel": 1}, 0),
        ({"ctx-size": 65536, "parallel": 2}, 0),
        ({"ctx-size": 65536, "parallel": 2, "kv-unified": True}, 1),
        ({"ctx-size": 65536, "kv-unified-per-slot": 32768}, 0),
    ],
)
def test_w03_two_clients(options: dict[str, Any], count: int) -> None:
    subject = Subject(servers=(server(options),), clients=two_clients())
    assert len(fires(subject, "W03")) == count


def test_w03_one_client_is_no_crowd_but_a_failure_is() -> None:
    subject = Subject(servers=(server({"ctx-size": 65536}),), clients=(client(),))
    assert fires(subject, "W03") == []
    failed = Turn(number=7, status=500, error="Context size has been exceeded.")
    (found,) = fires(msgspec.structs.replace(subject, turns=(failed,)), "W03")
    assert "turn 7" in found.seen


def test_w03_by_facts() -> None:
    shared = facts(window=65_536, slots=4, shared_pool=True)
    assert len(fires(Subject(facts=shared, clients=two_clients()), "W03")) == 1
    assert fires(Subject(facts=shared, clients=(client(),)), "W03") == []
    own = facts(window=65_536, slots=4, shared_pool=False)
    assert fires(Subject(facts=own, clients=two_clients()), "W03") == []


# W04, W05 -------------------------------------------------------------------------------------

_TRAINED = header({"general.architecture": "qwen3", "qwen3.context_length": 40_960})


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"ctx-size": 40_960}, 0),
        ({"ctx-size": 41_216}, 1),
        ({"ctx-size": 81_920, "parallel": 2}, 0),
        ({"ctx-size": 131_072, "rope-scaling": "yarn", "rope-scale": 4}, 0),
    ],
)
def test_w04_trained(options: dict[str, Any], count: int) -> None:
    found = fires(Subject(servers=(server(options),), header=_TRAINED), "W04")
    assert len(found) == count
    by_facts = Subject(servers=(server(options),), facts=facts(trained_window=40_960))
    assert len(fires(by_facts, "W04")) == count


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"model": "a.gguf"}, 1),
        ({"model": "a.gguf", "ctx-size": 0}, 1),
        ({"hf-repo": "a/b", "fit-ctx": 8192}, 1),
        ({"model": "a.gguf", "fit-ctx": 32_768}, 0),
        ({"model": "a.gguf", "fit": "off"}, 0),
        ({"model": "a.gguf", "ctx-size": 4096}, 0),
        ({"models-dir": "/models"}, 0),
    ],
)
def test_w05_unset(options: dict[str, Any], count: int) -> None:
    assert len(fires(Subject(servers=(server(options),)), "W05")) == count
    other = Subject(servers=(server(options, family="vllm"),))
    assert fires(other, "W05") == []


# W06-W08 --------------------------------------------------------------------------------------


def test_w06_the_number_of_the_training() -> None:
    served = facts(window=32_768, trained_window=Fact(262_144, "/props"))
    (found,) = fires(Subject(clients=(client(262_144),), facts=served), "W06")
    assert "/props" in found.seen
    assert fires(Subject(clients=(client(262_143),), facts=served), "W06") == []
    whole = facts(window=262_144, trained_window=262_144)
    assert fires(Subject(clients=(client(262_144),), facts=whole), "W06") == []
    declared = facts("lm-studio", window=4096, declared_windows=(Fact(131_072, "max"),))
    assert len(fires(Subject(clients=(client(131_072),), facts=declared), "W06")) == 1


def test_w07_nobody_was_named() -> None:
    unnamed = facts("llama-swap", listed=("a", "b"))
    (found,) = fires(Subject(facts=unnamed), "W07")
    assert "a, b" in found.fix
    assert fires(Subject(facts=unnamed, asked="a"), "W07") == []
    assert fires(Subject(facts=facts("llama-swap", window=4096)), "W07") == []
    assert fires(Subject(facts=facts()), "W07") == []


def swapped(declared: int, **options: Any) -> ServerConfig:
    return server(
        {"ctx-size": 32_768, **options},
        family="llama-swap",
        proxy={"capabilities.context": setting(declared, f"context: {declared}", source="s.yaml")},
    )


def test_w08_declared() -> None:
    (found,) = fires(Subject(servers=(swapped(131_072),)), "W08")
    assert found.edit is not None
    assert (found.edit.before, found.edit.after) == ("context: 131072", ("context: 32768",))
    assert fires(Subject(servers=(swapped(32_768),)), "W08") == []
    assert len(fires(Subject(servers=(swapped(32_768),), facts=facts(window=8192)), "W08")) == 1
    (split,) = fires(Subject(servers=(swapped(32_768, parallel=2),)), "W08")
    assert split.edit is None  # first -c and -np, then this
    two = Subject(servers=(swapped(32_768), server(name="b")), facts=facts(window=8192))
    assert fires(two, "W08") == []


def test_w16_two_numbers() -> None:
    pair = (client(131_072), client(65_536, name="opencode", url="http://localhost:8080/v1"))
    (found,) = fires(Subject(clients=pair), "W16")
    assert "65536" in found.fix
    assert found.place is not None
    assert found.place.source == "opencode.json"
    assert fires(Subject(clients=(client(65_536), client(65_536, name="b"))), "W16") == []
    other = client(1, name="b", model="another")
    assert fires(Subject(clients=(client(65_536), other)), "W16") == []
    assert MODEL in found.seen
