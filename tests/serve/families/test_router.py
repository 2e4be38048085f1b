"""The router of llama.cpp: it is asked about a model, and never made to load one."""

from __future__ import annotations

from seatrial.serve.facts import Fact
from seatrial.serve.families import read_facts
from tests.serve.families.shapes import PROPS, ROUTER
from tests.serve.families.stand import Stand

GEMMA = "ggml-org/gemma-3-4b-it-GGUF:Q4_K_M"


async def test_the_model_that_is_loaded() -> None:
    async with Stand(ROUTER) as stand:
        facts = await read_facts(stand.url)
        asked = list(stand.asked)
    assert facts.family.id == "llama.cpp-router"
    assert facts.window == Fact(8192, f"/props?model={GEMMA}")
    assert facts.model == Fact("/cache/gemma-3-4b-it-Q4_K_M.gguf", f"/props?model={GEMMA}")
    assert facts.loaded == (GEMMA,)
    assert facts.listed == (GEMMA, "qwen3-coder")
    assert facts.command is not None
    assert facts.command.value[:2] == ("llama-server", "--port")
    assert facts.declared_windows == (Fact(32768, "argv"),)
    with_model = [path for path in asked if "model=" in path]
    assert with_model
    assert all("autoload=false" in path for path in with_model)


async def test_no_secret_of_its_arguments_is_kept() -> None:
    async with Stand(ROUTER) as stand:
        facts = await read_facts(stand.url)
    assert "s3cret" not in str(facts)


async def test_a_model_that_is_not_loaded_is_not_asked() -> None:
    async with Stand(ROUTER) as stand:
        facts = await read_facts(stand.url, model="qwen3-coder")
        assert not [path for path in stand.asked if "model=" in path]
    assert facts.model is None
    assert facts.window is None
    assert f"no loaded model is called qwen3-coder; loaded now: {GEMMA}" in facts.notes


async def test_the_properties_of_the_router_are_not_those_of_a_model() -> None:
    """A router that answers `/props` with somebody's settings is asked by model all the same."""
    wrong = {**PROPS, "role": "router", "default_generation_settings": {"n_ctx": 0}}
    async with Stand({**ROUTER, "/props": wrong}) as stand:
        facts = await read_facts(stand.url, model=GEMMA)
    assert facts.window == Fact(8192, f"/props?model={GEMMA}")


async def test_a_model_whose_properties_do_not_come() -> None:
    only = {"/props": ROUTER["/props"], "/v1/models": ROUTER["/v1/models"]}
    async with Stand({**only, "/props": (200, {"role": "router"})}) as stand:
        facts = await read_facts(stand.url)
    assert facts.window is None
    assert facts.model == Fact("/cache/gemma-3-4b-it-Q4_K_M.gguf", "/v1/models")
