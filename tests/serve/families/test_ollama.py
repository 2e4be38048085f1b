"""Ollama: what is in memory is told apart from what could be."""

from __future__ import annotations

from seatrial.serve.facts import Fact
from seatrial.serve.families import read_facts
from tests.serve.families.shapes import OLLAMA, OLLAMA_ROW
from tests.serve.families.stand import Stand


async def test_the_model_in_memory() -> None:
    async with Stand(OLLAMA) as stand:
        facts = await read_facts(stand.url)
        assert stand.posted == [{"model": "qwen3:latest"}]
    assert facts.family.id == "ollama"
    assert facts.window == Fact(4096, "/api/ps")
    assert facts.trained_window == Fact(40960, "/api/show")
    assert facts.declared_windows == (Fact(16384, "/api/show num_ctx"),)
    assert facts.model == Fact("qwen3:latest", "/api/ps")
    assert facts.digest == Fact(OLLAMA_ROW["digest"], "/api/ps")
    assert facts.quantization == Fact("Q4_K_M", "/api/show")
    assert facts.parameters == Fact(8190735360, "/api/show")
    assert facts.version == Fact("0.33.1", "/api/version")
    assert {name: fact.value for name, fact in facts.sampler.items()} == {
        "temperature": 0.6,
        "top_k": 20,
        "repeat_penalty": 1,
    }
    assert {name: fact.value for name, fact in facts.supports.items()} == {
        "tools": True,
        "thinking": True,
        "vision": False,
    }
    assert facts.template is not None
    assert facts.listed == ("qwen3:latest", "gemma3:4b")
    assert facts.loaded == ("qwen3:latest",)


async def test_a_name_without_its_tag_is_the_same_model() -> None:
    async with Stand(OLLAMA) as stand:
        facts = await read_facts(stand.url, model="qwen3")
    assert facts.model == Fact("qwen3:latest", "/api/ps")


async def test_a_model_on_the_disk_has_a_digest_and_no_window() -> None:
    async with Stand(OLLAMA) as stand:
        facts = await read_facts(stand.url, model="gemma3:4b")
    assert facts.model is None
    assert facts.window is None
    assert facts.digest is not None
    assert facts.digest.source == "/api/tags"
    assert facts.trained_window is not None
    assert any("decides the window when it loads" in note for note in facts.notes)


async def test_nothing_in_memory() -> None:
    async with Stand({**OLLAMA, "/api/ps": {"models": []}}) as stand:
        facts = await read_facts(stand.url)
        assert stand.posted == []
    assert facts.model is None
    assert facts.loaded == ()
    assert "no model is loaded: send one request to the server, then ask again" in facts.notes


async def test_silence_about_memory_is_not_an_empty_memory() -> None:
    async with Stand({**OLLAMA, "/api/ps": (500, {"error": "x"})}) as stand:
        facts = await read_facts(stand.url)
    assert facts.loaded is None
    assert "the server did not say which models are in memory" in facts.notes


async def test_two_in_memory_and_no_name_is_no_answer() -> None:
    other = {**OLLAMA_ROW, "name": "gemma3:4b", "context_length": 8192}
    async with Stand({**OLLAMA, "/api/ps": {"models": [OLLAMA_ROW, other]}}) as stand:
        facts = await read_facts(stand.url)
    assert facts.window is None
    assert facts.notes[0] == "2 models are loaded (qwen3:latest, gemma3:4b): name one of them"
