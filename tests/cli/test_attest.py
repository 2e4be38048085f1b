"""`seatrial attest`: records on stdout or in files, differences in words, exit codes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from seatrial.cli import main
from seatrial.fakes.personalities import personality
from seatrial.models import model_path
from seatrial.serve import Engine, LaunchSpec, launch
from seatrial.serve.record import record_bytes
from seatrial.serve.witness import witness_service
from tests.serve.proving import record, sung, unknown
from tests.serve.test_engine import engine_test

Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SEATRIAL_API_KEY", raising=False)


@pytest.fixture
def kept(tmp_path: Path) -> Callable[..., str]:
    """The file of a record, closed as `make_record` does."""

    def keep(name: str, **more: Any) -> str:
        from msgspec import to_builtins
        from msgspec.structs import replace

        from seatrial.serve.record import _digest

        made = record(**more)
        closed = replace(made, digest=_digest(to_builtins(made)))
        path = tmp_path / name
        path.write_bytes(record_bytes(closed))
        return str(path)

    return keep


async def seatrial(*words: str) -> int:
    """The command, beside the servers of this test."""
    import asyncio

    return await asyncio.to_thread(main, list(words))


def test_two_records_of_one_thing(kept: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attest", "--compare", kept("a"), kept("b")]) == 0
    assert capsys.readouterr().out == "the same\n  (the digests of the weights agree)\n"


def test_two_records_of_two_things(kept: Any, capsys: pytest.CaptureFixture[str]) -> None:
    second = kept("b", served={"window_tokens": 8192, "build": "b2"})
    assert main(["attest", "--compare", kept("a"), second]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[:3] == [
        "not the same:",
        "  window 32768 became 8192",
        "  another build: b1 became b2",
    ]
    assert main(["attest", "--json", "--compare", kept("a"), second]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["differences"][0]["what"]) == ("differs", "window")


def test_a_changed_record(kept: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(kept("a"))
    path.write_text(path.read_text().replace("32768", "65536"))
    assert main(["attest", "--compare", str(path), kept("b")]) == 3
    said = capsys.readouterr()
    assert "was changed after it was written" in said.err
    assert said.out == ""


def test_records_that_prove_nothing(kept: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from seatrial.serve.canary import Canary

    mute = {"served": {"weights": None}, "weights": None, "canary": Canary(), "grade": "declared"}
    assert main(["attest", "--compare", kept("a", **mute), kept("b", **mute)]) == 3
    said = capsys.readouterr()
    assert said.out.startswith("not known:")
    assert "nothing proves that both are the same" in said.err


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["http://127.0.0.1:1", "--compare", "a", "b"],
        ["--compare", "none-a", "none-b"],
        ["http://127.0.0.1:1", "--witness-token-env", "X"],
        ["http://127.0.0.1:1", "--api-key-env", "NO_SUCH_VARIABLE"],
        ["http://127.0.0.1:1", "--check", "none"],
        ["not a url"],
    ],
)
def test_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attest", *words]) == 64
    assert capsys.readouterr().err.count("\n") <= 2


def test_nothing_listens(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attest", "http://127.0.0.1:9"]) == 69
    assert capsys.readouterr().err.startswith("error: nothing listens")


async def test_any_family_with_a_key(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KEY", "sesame")
    async with personality("vllm", "needs_key", key="sesame") as server:
        out = tmp_path / "a.json"
        options = ("--api-key-env", "KEY", "--out", str(out))
        assert await seatrial("attest", server.url, *options) == 0
        assert "proof grade: canary" in capsys.readouterr().out
        assert await seatrial("attest", server.url, *options[:2], "--check", str(out)) == 0
        assert capsys.readouterr().out.startswith("the same\n")
        assert await seatrial("attest", server.url) != 0
    assert "sesame" not in out.read_text()


async def test_the_first_id_of_a_cache_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    async with personality("mlx", "lists_cache_first", model="/models/fused") as server:
        asked = "Qwen/Qwen3-8B-MLX-4bit"
        assert await seatrial("attest", server.url, "--model", asked) == 3
        said = capsys.readouterr()
        assert "loads whatever a request names" in said.err
        assert "the tuned one, is the other one, /models/fused" in said.err
        assert said.out == ""


def test_a_server_seen_from_afar_is_the_same_by_its_canary(
    kept: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    far = unknown(record())
    more = {"served": {"weights": None}, "weights": None, "grade": far.grade}
    assert main(["attest", "--compare", kept("a"), kept("b", **more)]) == 0
    assert "no digest was compared" in capsys.readouterr().out
    changed = more | {"canary": sung(raw=-1.0)}
    assert main(["attest", "--compare", kept("a"), kept("b", **changed)]) == 1


class TestOnTheEngine:
    pytestmark = engine_test

    @pytest.fixture
    async def engine(self, tmp_path: Path) -> AsyncIterator[Engine]:
        model = model_path("dinghy")
        spec = LaunchSpec(model=model, window_tokens=1024, log=tmp_path / "log")
        async with launch(spec) as engine:
            yield engine

    async def test_for_people_and_as_a_record(
        self, engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "record.json"
        assert await seatrial("attest", engine.url, "--expect", "dinghy", "--out", str(out)) == 0
        said = capsys.readouterr()
        assert "proof grade: process" in said.out
        assert "dinghy.gguf in memory, untouched since it began" in said.out
        assert "dinghy.gguf is served: the digests agree" in said.out
        assert said.err == f"written to {out}\n"
        assert await seatrial("attest", engine.url, "--check", str(out)) == 0
        assert capsys.readouterr().out == "the same\n  (the digests of the weights agree)\n"
        assert await seatrial("attest", engine.url, "--json") == 0
        assert json.loads(capsys.readouterr().out)["grade"] == "process"

    async def test_another_model_than_expected(
        self, engine: Engine, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert await seatrial("attest", engine.url, "--expect", "dinghy-raw") == 3
        assert "dinghy-raw.gguf is expected, dinghy.gguf is served" in capsys.readouterr().err

    async def test_another_model_than_recorded(
        self, engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "record.json"
        assert await seatrial("attest", engine.url, "--out", str(out)) == 0
        spec = LaunchSpec(model=model_path("dinghy-raw"), window_tokens=512, log=tmp_path / "log")
        async with launch(spec) as other:
            assert await seatrial("attest", other.url, "--check", str(out)) == 1
        said = capsys.readouterr().out
        assert "other weights: dinghy.gguf became dinghy-raw.gguf" in said
        assert "window 1024 became 512" in said
        assert "the weights answer differently (canary)" in said

    async def test_with_a_witness(
        self,
        engine: Engine,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr("seatrial.serve.attached.is_here", lambda host: False)
        monkeypatch.setenv("TOKEN", "a token nobody can guess")
        async with witness_service("127.0.0.1", 0, "a token nobody can guess") as url:
            options = ("--witness", url, "--witness-token-env", "TOKEN")
            assert await seatrial("attest", engine.url, *options) == 0
        assert "proof grade: witness" in capsys.readouterr().out
