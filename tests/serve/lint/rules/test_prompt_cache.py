"""Rules C01 to C06: each fires on its fault, and not just beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seatrial.serve.lint.load import read_config
from seatrial.serve.lint.rule import Finding
from seatrial.serve.lint.subject import ServerConfig, Subject, Turn, Value
from tests.serve.lint.clean import client, fires, header, server, setting

FILE = "swap.yaml"


def seen(id_: str, *servers: ServerConfig, **parts: Any) -> list[Finding]:
    return fires(Subject(servers=servers, **parts), id_)


def only(id_: str, *servers: ServerConfig, **parts: Any) -> Finding:
    found = seen(id_, *servers, **parts)
    assert len(found) == 1, found
    return found[0]


def turns(*rows: tuple[int, int], session: str = "") -> tuple[Turn, ...]:
    """Turns by prompt and cached tokens."""
    return tuple(
        Turn(number=n, session=session, prompt=prompt, cached=cached)
        for n, (prompt, cached) in enumerate(rows, 1)
    )


def proxied(name: str, **keys: Value) -> ServerConfig:
    proxy = {
        key.replace("_", "."): setting(value, f"{key}: {value}", source=FILE, line=5)
        for key, value in keys.items()
    }
    return server({"model": f"/m/{name}.gguf"}, name=name, source=FILE, proxy=proxy)


def test_c01_the_same_short_beginning_every_time() -> None:
    rows = turns((9000, 0), (9500, 310), (10_000, 310), (10_500, 310), session="a")
    found = only("C01", turns=rows)
    assert "turns 2, 3, 4 of a each reuse the first 310 tokens" in found.seen


def test_c01_not_when_all_or_nothing_is_reused() -> None:
    assert not seen("C01", turns=turns((9000, 0), (9500, 8990), (10_000, 9490)))
    # Nothing at all is C05: another request may have taken the slot.
    assert not seen("C01", turns=turns((9000, 0), (9500, 0), (10_000, 0)))
    assert not seen("C01", turns=turns((9000, 0), (9500, 310), (10_000, 9490)))
    assert not seen("C01", turns=turns((400, 0), (500, 310), (600, 310)))


def test_c02_reuse_that_does_nothing() -> None:
    reuse: dict[str, Value] = {"cache-reuse": 256}
    found = only("C02", server(reuse, name="Qwen3.6-27B", source=FILE))
    assert "Qwen3.6-27B has recurrent layers" in found.seen
    assert found.edit is not None
    assert found.edit.after == ("--cache-reuse 0",)
    images = server({**reuse, "mmproj": "mmproj.gguf"})
    assert "sees images" in only("C02", images).seen
    oss = header({"general.architecture": "gpt-oss", "gpt-oss.attention.sliding_window": 128})
    assert "sliding windows" in only("C02", server(reuse), header=oss).seen
    assert "gpt-oss has sliding" in only("C02", server(reuse, name="gpt-oss-20b")).seen
    hybrid = header({"general.architecture": "harbour", "harbour.ssm.state_size": 128})
    assert seen("C02", server(reuse), header=hybrid)
    assert seen("C02", log=("cache_reuse is not supported by this context, it will be disabled",))


def test_c02_not_with_plain_attention() -> None:
    reuse: dict[str, Value] = {"cache-reuse": 256}
    assert not seen("C02", server(reuse))
    assert not seen("C02", server({"cache-reuse": 0}, name="Qwen3.6-27B"))
    assert not seen("C02", server({**reuse, "mmproj": False}))
    assert not seen("C02", server({**reuse, "swa-full": True}, name="gpt-oss-20b"))
    old = header({"general.architecture": "llama", "llama.attention.sliding_window": 4096})
    assert not seen("C02", server(reuse), header=old)


def test_c03_no_room_for_what_is_pushed_out() -> None:
    small = server({"parallel": 1, "cache-ram": 2047}, source=FILE)
    found = only("C03", small)
    assert found.edit is not None
    assert found.edit.after == ("--cache-ram 8192",)
    assert seen("C03", server({"parallel": 1, "cache-ram": 0}))
    assert not seen("C03", server({"parallel": 1, "cache-ram": 2048}))
    assert not seen("C03", server({"parallel": 1, "cache-ram": -1}))
    assert not seen("C03", server({"parallel": 2, "cache-ram": 0}))
    assert not seen("C03", server({"parallel": 1}))


def test_c04_a_model_that_is_unloaded() -> None:
    found = only("C04", proxied("a", ttl=299))
    assert "a: `ttl: 299` unloads it after 299 s" in found.seen
    assert found.edit is not None
    assert found.edit.after == ("ttl: 0",)
    assert found.place is not None
    assert (found.place.source, found.place.line) == (FILE, 5)
    assert seen("C04", proxied("a", globalTTL=60))
    assert seen("C04", proxied("a", ttl=-1, globalTTL=60))
    assert not seen("C04", proxied("a", ttl=0, globalTTL=60))
    assert not seen("C04", proxied("a", ttl=300))
    assert not seen("C04", proxied("a", ttl=0))
    assert not seen("C04", proxied("a", ttl=-1))


def test_c04_two_models_that_take_turns() -> None:
    pair = (proxied("a", group_swap=True), proxied("b", group_swap=True))
    both = (client(model="a"), client(name="opencode", model="b"))
    assert "clients use a and b" in only("C04", *pair, clients=both).seen
    assert not seen("C04", *pair, clients=both[:1])
    together = (proxied("a", group_swap=False), proxied("b", group_swap=True))
    assert not seen("C04", *together, clients=both)


def swapped(tmp_path: Path, text: str) -> tuple[ServerConfig, ...]:
    path = tmp_path / "config.yaml"
    cmd = "cmd: llama-server --port ${PORT} -c 65536 -np 1 -m"
    path.write_text(f"models:\n  a:\n    {cmd} a.gguf\n  b:\n    {cmd} b.gguf\n{text}")
    return tuple(one for one in read_config(path) if isinstance(one, ServerConfig))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "llama-swap's default group"),
        ("groups:\n  g: {members: [a, b]}\n", "group g (swap: true by default)"),
        ("groups:\n  g: {members: [a]}\n", "g (exclusive)"),
        ("groups:\n  g: {swap: false, members: [a, b]}\n", None),
        ("groups:\n  g: {exclusive: false, persistent: true, members: [a]}\n", None),
        ("matrix:\n  vars: {x: a, y: b}\n  sets: {both: x & y}\n", None),
    ],
)
def test_c04_the_groups_of_a_file(tmp_path: Path, text: str, said: str | None) -> None:
    servers = swapped(tmp_path, text)
    both = (client(model="a"), client(name="opencode", model="b"))
    found = seen("C04", *servers, clients=both)
    assert [said] == [said for one in found if said and said in one.seen] if said else not found
    side = client(name="opencode", model="a", options={"small_model": "local/b"})
    assert bool(seen("C04", *servers, clients=(side,))) == (said is not None)
    assert not seen("C04", *servers, clients=both[:1])


def test_c05_read_again_every_time() -> None:
    found = only("C05", turns=turns((9000, 0), (9500, 0), (10_000, 0), (10_500, 0), session="a"))
    assert "from turn 3 of a on, 0 of 20500 prompt tokens" in found.seen


def test_c05_not_when_the_cache_works() -> None:
    assert not seen("C05", turns=turns((9000, 0), (9500, 8990), (10_000, 9490), (10_500, 9990)))
    # A long tool result is new text and no fault of the cache.
    assert not seen("C05", turns=turns((2000, 0), (2500, 1990), (9000, 2490), (30_000, 8990)))
    # A compaction begins a new prompt.
    assert not seen("C05", turns=turns((9000, 0), (9500, 8990), (3000, 500), (3500, 2990)))
    assert not seen("C05", turns=turns((9000, 0), (9500, 0), (10_000, 0)))
    assert not seen("C05", turns=turns((100, 0), (200, 0), (300, 0), (400, 0)))


def test_c06_sglang_keeps_it_to_itself() -> None:
    assert seen("C06", server(family="sglang"))
    assert not seen("C06", server({"enable-cache-report": True}, family="sglang"))
    assert not seen("C06", server(family="vllm"))
