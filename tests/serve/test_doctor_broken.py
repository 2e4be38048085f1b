"""Verdicts of the doctor where a server is broken, flaky, cold, or not the same all the time."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from seatrial.fakes.personalities import personality
from seatrial.report.examination import examination_text
from seatrial.serve import doctor
from seatrial.serve.doctor import Visit, examine
from seatrial.serve.facts import ServerFacts
from seatrial.serve.families import read_facts
from seatrial.serve.families.folder import with_folder
from seatrial.serve.families.openai import TRAITS, _of_llama_cpp_python
from seatrial.serve.survey import session as asking
from seatrial.serve.survey.survey import Observation, Survey
from tests.serve.survey.bent import Bend, Body, bent


def _survey(**verdicts: str) -> Survey:
    seen = [
        Observation(id=id_.replace("_", "."), verdict=verdict, said="said")
        for id_, verdict in verdicts.items()
    ]
    return Survey(depth="quick", observations=tuple(seen), requests=9, seconds=1.0)


def test_nothing_is_sound_whose_core_was_not_judged():
    judged = doctor._not_judged
    assert judged(_survey(answers_chat="good", answers_stream="good")) is None
    assert judged(_survey(answers_chat="good", answers_stream="unknown")) == "said"
    assert judged(_survey(answers_chat="unknown", answers_stream="good")) == "said"
    assert judged(_survey(answers_chat="good")) is not None
    assert judged(None) is not None


@pytest.mark.parametrize("bend", [Bend(frames=3), Bend(pings=True)], ids=["cut", "pings"])
async def test_broken_streams_are_never_sound(bend, monkeypatch):
    monkeypatch.setattr(asking, "_LEAST_PATIENCE_SECONDS", 0.5)
    async with bent(bend) as url:
        found = await examine(Visit(url=url))
    assert found.verdict == "faulty"
    assert "D01" in [one.rule for one in found.report.findings]


async def test_a_model_that_changes_while_it_is_asked_is_not_attested():
    names = iter(range(10_000))

    def another(body: Body) -> None:
        if "model" in body and next(names) > 12:
            body["model"] = "another"

    async with bent(Bend(body=another, frame=another)) as url:
        found = await examine(Visit(url=url))
    assert found.verdict == "unattested"
    assert "another" in found.line and found.hint


async def test_a_cold_server_is_read_again_once_it_has_loaded_the_model():
    """Before the first request such a server cannot say what it will have."""
    read = []

    async def cold_first(server, *, model=None):
        facts = await read_facts(server, model=model)
        read.append(model)
        if len(read) == 1:
            facts = replace(facts, loaded=(), model=None, window=None, parameters=None)
        return facts

    async with personality("ollama") as server:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(doctor, "read_facts", cold_first)
            found = await examine(Visit(url=server.url))
    assert found.verdict == "sound" and len(read) == 2
    assert found.facts is not None
    assert found.facts.loaded and found.facts.window is not None


async def test_the_first_song_of_a_server_with_a_cache_does_not_count():
    """A prompt that is new is computed in other pieces than one that was there before."""
    songs = [0]

    def rounded(body: Body) -> None:
        songs[0] += 1
        told = body["choices"][0].get("logprobs") or {}
        for row in told.get("content") or [] if songs[0] <= 2 else []:
            for one in row["top_logprobs"]:
                one["logprob"] -= 0.1
        if songs[0] <= 2 and told.get("top_logprobs"):
            told["top_logprobs"] = [
                {name: value - 0.1 for name, value in row.items()} for row in told["top_logprobs"]
            ]

    async with bent(Bend(body=rounded), "sglang") as url:
        found = await examine(Visit(url=url))
    assert found.verdict == "sound", found.line
    assert found.attestation is not None and found.attestation.canary.kind == "logprobs"


async def test_a_silent_server_is_left_soon(monkeypatch):
    monkeypatch.setattr(doctor, "CANARY_SECONDS", {"quick": 0.3})
    monkeypatch.setattr(doctor, "_FIRST_SECONDS", {"quick": 0.3})
    async with bent(Bend(hangs=True)) as url:
        found = await examine(Visit(url=url))
    assert found.verdict == "faulty" and found.seconds < 15


def test_llama_cpp_python_is_known_by_its_command_line():
    facts = ServerFacts(url="http://127.0.0.1:8000", family=TRAITS)
    words = ("python", "-m", "llama_cpp.server", "--model", "/m/a.gguf", "--n_ctx", "2048")
    known = _of_llama_cpp_python(facts, words)
    assert known.window is not None and known.window.value == 2048
    assert known.model is not None and known.model.value == "/m/a.gguf"
    assert _of_llama_cpp_python(facts, ("python", "-m", "other", "--n_ctx", "9")) == facts


def test_the_folder_of_a_model_says_what_its_server_does_not(tmp_path: Path):
    config = {"max_position_embeddings": 4096, "quantization": {"bits": 4, "group_size": 64}}
    (tmp_path / "config.json").write_bytes(msgspec.json.encode(config))
    (tmp_path / "tokenizer_config.json").write_text('{"chat_template": "{{ x }}"}')
    facts = ServerFacts(url="http://127.0.0.1:8000", family=TRAITS)
    known = with_folder(facts, str(tmp_path))
    assert known.trained_window is not None and known.trained_window.value == 4096
    assert known.quantization is not None and known.quantization.value.startswith("4-bit")
    assert known.template is not None and known.template.value == "{{ x }}"
    assert known.window is None
    assert with_folder(facts, "mlx-community/some") == facts
    (tmp_path / "config.json").write_text("[" * 5000)
    assert with_folder(facts, str(tmp_path)).trained_window is None


async def test_speed_is_shown_with_the_cache_types_that_decide_it():
    async with personality("llama-swap", command=("-fa", "on", "-ctk", "q8_0")) as server:
        text = examination_text(await examine(Visit(url=server.url)))
    assert "KV cache q8_0/f16, flash attention on" in text
