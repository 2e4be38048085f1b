"""LM Studio: the window of the loaded instance, never the largest that a model could have."""

from __future__ import annotations

from copy import deepcopy

from seatrial.serve.facts import Fact
from seatrial.serve.families import read_facts
from tests.serve.families.shapes import LM_STUDIO, LM_STUDIO_LOST, LM_STUDIO_V0
from tests.serve.families.stand import Stand

LOADED = "/api/v1/models loaded_instances"


async def test_the_instance_in_memory() -> None:
    async with Stand(LM_STUDIO, missing=LM_STUDIO_LOST) as stand:
        facts = await read_facts(stand.url)
    assert facts.family.id == "lm-studio"
    assert facts.window == Fact(4096, LOADED)
    assert facts.declared_windows == (Fact(262144, "/api/v1/models max_context_length"),)
    assert facts.model == Fact("qwen/qwen3-coder-30b@q4_k_m", "/api/v1/models")
    assert facts.quantization == Fact("Q4_K_M", "/api/v1/models")
    assert facts.loaded == ("qwen/qwen3-coder-30b",)
    assert facts.supports["tools"] == Fact(True, "/api/v1/models")


async def test_two_instances_of_one_model_are_told_apart() -> None:
    answers = deepcopy(LM_STUDIO)
    second = {"id": "qwen/qwen3-coder-30b:2", "config": {"context_length": 65536}}
    answers["/api/v1/models"]["models"][0]["loaded_instances"].append(second)
    async with Stand(answers, missing=LM_STUDIO_LOST) as stand:
        facts = await read_facts(stand.url, model="qwen/qwen3-coder-30b:2")
        unsaid = await read_facts(stand.url)
    assert facts.window == Fact(65536, LOADED)
    assert unsaid.window is None


async def test_a_model_that_is_not_loaded() -> None:
    answers = deepcopy(LM_STUDIO)
    answers["/api/v1/models"]["models"][0]["loaded_instances"] = []
    async with Stand(answers, missing=LM_STUDIO_LOST) as stand:
        facts = await read_facts(stand.url, model="qwen/qwen3-coder-30b")
    assert facts.window is None
    assert facts.model is None
    assert facts.loaded == ()
    assert facts.declared_windows == (Fact(262144, "/api/v1/models max_context_length"),)


async def test_an_older_version() -> None:
    async with Stand(LM_STUDIO_V0, missing=LM_STUDIO_LOST) as stand:
        facts = await read_facts(stand.url)
    assert facts.family.id == "lm-studio"
    assert facts.window == Fact(8192, "/api/v0/models")
    assert facts.model == Fact("meta-llama-3.1-8b-instruct", "/api/v0/models")
    assert facts.quantization == Fact("Q4_K_M", "/api/v0/models")
    assert facts.supports["tools"] == Fact(True, "/api/v0/models")


async def test_an_older_version_that_does_not_say_the_window() -> None:
    answers = deepcopy(LM_STUDIO_V0)
    del answers["/api/v0/models"]["data"][0]["loaded_context_length"]
    async with Stand(answers, missing=LM_STUDIO_LOST) as stand:
        facts = await read_facts(stand.url)
    assert facts.window is None
    assert any("does not say the window" in note for note in facts.notes)


async def test_a_success_with_an_error_is_no_other_family() -> None:
    """It answers 200 to `/props`, `/running` and everything else that it does not know."""
    async with Stand({"/v1/models": {"object": "list", "data": []}}, missing=LM_STUDIO_LOST) as s:
        facts = await read_facts(s.url)
    assert facts.family.id == "lm-studio"
    assert facts.loaded is None
    assert "the server did not say which models are in memory" in facts.notes
