"""A server that nobody knows: repeated, never believed."""

from __future__ import annotations

from seatrial.serve.facts import Fact
from seatrial.serve.families import read_facts
from tests.serve.families.shapes import OPENAI
from tests.serve.families.stand import Stand


async def test_what_it_lists_is_only_declared() -> None:
    async with Stand(OPENAI) as stand:
        facts = await read_facts(stand.url)
    assert facts.family.id == "openai"
    assert facts.model is None
    assert facts.window is None
    assert facts.declared_windows == (Fact(131072, "/v1/models context_length"),)
    assert facts.listed == ("m",)
    assert facts.loaded is None
    assert any("survey" in note for note in facts.notes)


async def test_of_several_models_none_is_taken_for_the_one() -> None:
    rows = [{"id": "a", "max_model_len": 1}, {"id": "b", "max_model_len": 2}]
    async with Stand({"/v1/models": {"object": "list", "data": rows}}) as stand:
        assert (await read_facts(stand.url)).declared_windows == ()
        named = await read_facts(stand.url, model="b")
    assert named.declared_windows == (Fact(2, "/v1/models max_model_len"),)
