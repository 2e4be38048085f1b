"""Every fault shows its sign on every family that can have it; an honest server never does."""

from __future__ import annotations

import asyncio

import pytest

from seatrial.core.errors import UserError
from seatrial.fakes.personalities import FAMILIES, FAULTS, personality
from tests.fakes.personalities.client import opened
from tests.fakes.personalities.signs import SETTINGS, SIGNS

# What a fault forces on a family that another one has by nature.
_BY_NATURE = {"overflow_400": {"llama.cpp", "llama.cpp-router", "llama-swap"}}


def test_every_fault_has_a_sign() -> None:
    assert set(SIGNS) == set(FAULTS)
    assert all(fault.does.endswith(".") for fault in FAULTS.values())
    assert all(fault.families <= set(FAMILIES) and fault.families for fault in FAULTS.values())


@pytest.mark.parametrize("name", FAULTS)
async def test_the_sign_is_seen(name: str) -> None:
    families = sorted(FAULTS[name].families)
    seen = await asyncio.gather(*(_seen(name, family, name) for family in families))
    assert dict(zip(families, seen, strict=True)) == dict.fromkeys(families, True)


@pytest.mark.parametrize("name", FAULTS)
async def test_an_honest_server_shows_none(name: str) -> None:
    families = sorted(FAULTS[name].families - _BY_NATURE.get(name, set()))
    seen = await asyncio.gather(*(_seen(name, family) for family in families))
    assert dict(zip(families, seen, strict=True)) == dict.fromkeys(families, False)


async def _seen(name: str, family: str, *faults: str) -> bool:
    async with opened(family, *faults, **SETTINGS.get(name, {})) as client:
        return await SIGNS[name](client)


def test_what_does_not_exist_is_told() -> None:
    with pytest.raises(UserError, match="no personality borg"):
        personality("borg")
    with pytest.raises(UserError, match="no fault sings"):
        personality("vllm", "sings")
    with pytest.raises(UserError, match="vllm cannot have 500_on_parse_failure"):
        personality("vllm", "500_on_parse_failure")
    with pytest.raises(UserError, match="no such setting"):
        personality("vllm", colour="blue")


async def test_the_number_of_the_swap_can_be_told() -> None:
    async with opened("openai", "answers_with_other_model_after(5)") as client:
        texts = await client.texts(5, temperature=0, max_tokens=12)
    assert len(set(texts[:4])) == 1
    assert texts[4] != texts[0]
