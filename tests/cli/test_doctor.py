"""`seatrial doctor`: what it prints, its exit codes, what it asks and what it leaves alone."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from seatrial.cli import main
from seatrial.fakes.personalities import personality

CACHED = "Qwen/Qwen3-8B-MLX-4bit"


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SEATRIAL_API_KEY", raising=False)


async def seatrial(*words: str) -> int:
    """The command, beside the servers of this test."""
    return await asyncio.to_thread(main, list(words))


async def test_a_sound_server_reads_well(capsys):
    async with personality("llama.cpp") as server:
        assert await seatrial("doctor", server.url) == 0
    out, err = capsys.readouterr()
    assert out.startswith("SOUND: ") and "window" in out and "proof" in out
    assert "asks a first question" in err and "asks a first question" not in out


async def test_a_faulty_server_gives_findings_and_one(capsys):
    async with personality("llama.cpp", "tools_dropped") as server:
        assert await seatrial("doctor", server.url) == 1
    out = capsys.readouterr().out
    assert out.startswith("FAULTY: ") and "error D05: tools do not reach the model" in out
    assert all(word in out for word in ("seen:", "why:", "fix:"))


async def test_json_is_the_whole_examination(capsys):
    async with personality("vllm") as server:
        assert await seatrial("doctor", "--json", server.url) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema_version"] == 1 and found["verdict"] == "sound"
    assert found["facts"]["window"]["source"] and found["survey"]["observations"]
    assert set(found["report"]) == {"findings", "checked", "not_checked"}


async def test_another_model_is_three(capsys):
    async with personality("mlx", "lists_cache_first", model="/models/tuned") as server:
        assert await seatrial("doctor", server.url, "--model", CACHED) == 3
    assert capsys.readouterr().out.startswith("NOT THE MODEL YOU MEAN: ")


def test_only_settings(tmp_path, capsys):
    config = tmp_path / "start.sh"
    config.write_text("llama-server -m model.gguf -c 32768 -np 4 --port 8080 -n 4096\n")
    assert main(["doctor", "--config", str(config)]) == 1
    assert "W02" in capsys.readouterr().out


async def test_the_client_and_the_server_disagree_about_the_window(tmp_path, capsys):
    async with personality("llama.cpp") as server:
        config = tmp_path / "models.json"
        model = {"id": "harbour-4b-q8_0.gguf", "contextWindow": 999_999, "maxTokens": 4096}
        provider = {"baseUrl": f"{server.url}/v1", "api": "openai-completions", "models": [model]}
        config.write_text(json.dumps({"providers": {"local": provider}}))
        assert await seatrial("doctor", "--config", str(config)) == 1
        assert server.received
    assert "W01" in capsys.readouterr().out


def test_another_machine_is_asked_only_with_permission(tmp_path, capsys):
    config = tmp_path / "models.json"
    model = {"id": "m", "contextWindow": 8192, "maxTokens": 1024}
    provider = {"baseUrl": "http://192.0.2.1:8080/v1", "api": "openai-completions"}
    config.write_text(json.dumps({"providers": {"there": {**provider, "models": [model]}}}))
    main(["doctor", "--config", str(config)])
    assert "not asked: http://192.0.2.1:8080 is another machine" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--gpu", "large", "http://127.0.0.1:9"],
        ["ftp://127.0.0.1"],
        ["--config", "/nowhere/config.yaml"],
        ["--log", "/nowhere/server.log", "--command", "llama-server -m a.gguf"],
        ["--what-if", "c=4096"],
        ["--run", "/nowhere", "http://127.0.0.1:9"],
        ["--quick", "--full", "http://127.0.0.1:9"],
    ],
)
def test_wrong_usage_is_one_line_and_a_hint(words, capsys):
    assert main(["doctor", *words]) == 64
    err = capsys.readouterr().err.splitlines()
    errors = [line for line in err if line.startswith("error: ")]
    assert len(errors) == 1 and any(line.startswith("hint: ") for line in err)


def test_nothing_listens(capsys):
    assert main(["doctor", "http://127.0.0.1:9"]) == 69


def test_json_holds_the_error_too(capsys):
    assert main(["doctor", "--json", "http://127.0.0.1:9"]) == 69
    out, err = capsys.readouterr()
    assert set(json.loads(out)) == {"error", "hint"} and "error: " in err


async def test_a_wanted_key_names_the_ways_to_give_it(capsys):
    async with personality("openai", "needs_key") as server:
        assert await seatrial("doctor", "--json", server.url) != 0
    hint = json.loads(capsys.readouterr().out)["hint"]
    assert "SEATRIAL_API_KEY" in hint and "--api-key-env" in hint
