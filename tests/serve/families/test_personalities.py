"""The servers that are shipped for testing, read by the families: a second opinion on both."""

from __future__ import annotations

import pytest

from seatrial.core.errors import SeatrialError
from seatrial.fakes.personalities import FAMILIES, personality
from seatrial.serve.families import read_facts

PROVES_ITS_MODEL = (
    "llama.cpp",
    "llama.cpp-router",
    "llama-swap",
    "ollama",
    "lm-studio",
    "vllm",
    "sglang",
)


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_healthy_server_of_each_family(family: str) -> None:
    async with personality(family) as server:
        facts = await read_facts(server.url)
        window = server.machine.window
    assert facts.family.id == family
    known = family in PROVES_ITS_MODEL
    assert (facts.window.value if facts.window else None) == (window if known else None)
    assert (facts.model is not None) == known
    assert (facts.loaded is not None) == known


@pytest.mark.parametrize("family", FAMILIES)
async def test_reading_facts_generates_nothing(family: str) -> None:
    async with personality(family) as server:
        await read_facts(server.url)
        assert server.machine.generations == 0
        assert {one.path for one in server.received if one.method == "POST"} <= {"/api/show"}


@pytest.mark.parametrize("fault", ["not_an_llm", "big_body"])
@pytest.mark.parametrize("family", FAMILIES)
async def test_what_cannot_be_read_is_one_line_and_a_hint(family: str, fault: str) -> None:
    async with personality(family, fault) as server:
        try:
            facts = await read_facts(server.url)
        except SeatrialError as error:
            assert error.exit_code == 64
            assert "\n" not in error.message
            assert error.hint
        else:  # it still greets by name; what it pads is not believed and not awaited
            assert fault == "big_body"
            assert facts.window is None
            assert facts.loaded is None


@pytest.mark.parametrize("family", FAMILIES)
async def test_with_its_key_a_locked_server_is_read_as_any_other(family: str) -> None:
    async with personality(family, "needs_key") as server:
        try:
            locked = await read_facts(server.url)
        except SeatrialError as error:
            assert "wants a key" in error.message
        else:
            assert any("key" in note for note in locked.notes)
        facts = await read_facts(server.url, api_key=server.machine.settings.key)
    assert facts.family.id == family
    assert facts.listed


async def test_the_first_id_of_a_cache_is_no_model() -> None:
    async with personality("mlx", "lists_cache_first") as server:
        facts = await read_facts(server.url, model=None)
    assert len(facts.listed) > 1
    assert facts.model is None


@pytest.mark.parametrize(
    "family", ["llama.cpp", "llama.cpp-router", "llama-swap", "vllm", "sglang"]
)
async def test_an_alias_that_lies_does_not_become_the_model(family: str) -> None:
    async with personality(family, "alias_lies") as server:
        facts = await read_facts(server.url)
        lie = server.machine.settings.other_model
    assert facts.listed == (lie,)
    assert facts.model is not None
    assert lie not in facts.model.value
