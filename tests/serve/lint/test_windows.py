"""Which server a client means: by its address first, then by the model's id, else none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seatrial.serve.lint.load import read_config
from seatrial.serve.lint.subject import ClientConfig, ServerConfig, Subject, Value
from seatrial.serve.lint.windows import servers_of
from tests.serve.lint.clean import alarms, client, fires, server, settings

HERE = "http://127.0.0.1:8081/v1"


def local(port: int | None = 8081, name: str = "a", **options: Value) -> ServerConfig:
    given: dict[str, Value] = {"ctx-size": 65_536, "parallel": 1, **options}
    return server(given if port is None else {**given, "port": port}, name=name)


def swapped(name: str) -> ServerConfig:
    proxy = settings({"kind": "llama-swap"})
    return server({"ctx-size": 65_536, "port": 5800}, family="llama-swap", name=name, proxy=proxy)


def meant(
    one: ClientConfig, *servers: ServerConfig, others: tuple[ClientConfig, ...] = ()
) -> list[str]:
    found = servers_of(one, Subject(servers=servers, clients=(one, *others)))
    return [server.name for server in found]


@pytest.mark.parametrize(
    ("url", "host", "pairs"),
    [
        (HERE, None, True),
        ("http://localhost:8081/v1", "127.0.0.1", True),
        ("http://[::1]:8081/v1", "0.0.0.0", True),
        ("http://host.docker.internal:8081/v1", "0.0.0.0", True),
        ("http://192.168.1.5:8081/v1", "0.0.0.0", True),
        ("http://192.168.1.5:8081/v1", "192.168.1.5", True),
        ("http://gpubox:8081/v1", "192.168.1.5", True),
        (None, None, True),
        ("http://127.0.0.1:9999/v1", None, False),
        ("http://127.0.0.1/v1", None, False),
        ("http://192.168.1.5:8081/v1", "127.0.0.1", False),
        ("http://192.168.1.6:8081/v1", "192.168.1.5", False),
        ("http://127.0.0.1:8081/v1", "192.168.1.5", False),
        ("https://api.anthropic.com", None, False),
        ("https://api.deepseek.com:8081/v1", None, False),
    ],
)
def test_the_address_decides(url: str | None, host: str | None, pairs: bool) -> None:
    started = local(8081, **({"host": host} if host else {}))
    assert meant(client(model="any", url=url), started) == (["a"] if pairs else [])


def test_an_address_is_stronger_than_a_name() -> None:
    one, other = local(8081, "a"), local(8082, "b")
    assert meant(client(model="any", url=HERE), one, other) == ["a"]
    assert meant(client(model="b", url=HERE), one, other) == ["a"]
    assert meant(client(model="any", url=None), one, other) == []
    assert meant(client(model="b", url=None), one, other) == ["b"]


def test_behind_a_proxy_the_port_of_the_server_says_nothing() -> None:
    assert meant(client(model="a", url="http://127.0.0.1:8080/v1"), swapped("a")) == ["a"]
    assert meant(client(model="any", url="http://127.0.0.1:8080/v1"), swapped("a")) == ["a"]
    assert meant(client(model="a", url="https://openrouter.ai/api/v1"), swapped("a")) == []


def test_one_server_of_an_unknown_port_is_not_two() -> None:
    usual = client(model="x", url="http://127.0.0.1:8080/v1")
    other = client(model="x", url="http://127.0.0.1:9999/v1")
    assert meant(other, local(None)) == ["a"]
    assert meant(other, local(None), others=(usual,)) == []
    assert meant(usual, local(None), others=(other,)) == ["a"]


def test_a_provider_on_the_internet_needs_no_address(tmp_path: Path) -> None:
    big = {"limit": {"context": 200_000, "output": 64_000}}
    small = {"limit": {"context": 49_152, "output": 8_192}}
    path = tmp_path / "opencode.json"
    providers = {
        "local": {"options": {"baseURL": HERE}, "models": {"m": small}},
        "anthropic": {"models": {"claude": big}},
        "deepseek": {"options": {"baseURL": "https://api.deepseek.com"}, "models": {"chat": big}},
    }
    path.write_text(json.dumps({"provider": providers}))
    clients = tuple(one for one in read_config(path) if isinstance(one, ClientConfig))
    assert [one.hosted for one in clients] == [False, True, False]
    subject = Subject(servers=(local(),), clients=clients)
    assert not [one for one in alarms(subject) if "claude" in one or "200" in one or "G02" in one]
    assert fires(subject, "W01") == []


def test_pi_and_aider_name_their_providers(tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    model = [{"id": "m", "contextWindow": 1_000_000}]
    path.write_text(json.dumps({"providers": {"openrouter": {"models": model}}}))
    (pi,) = read_config(path)
    path = tmp_path / ".aider.model.metadata.json"
    path.write_text(json.dumps({"anthropic/claude": {"max_input_tokens": 200_000}}))
    (aider,) = read_config(path)
    assert isinstance(pi, ClientConfig) and isinstance(aider, ClientConfig)
    assert pi.hosted and aider.hosted
    assert fires(Subject(servers=(local(),), clients=(pi, aider)), "W01") == []
