"""apr serve: little is said, and little is claimed."""

from __future__ import annotations

from seatrial.serve.facts import Fact
from seatrial.serve.families import apr, read_facts
from tests.serve.families.shapes import APR
from tests.serve.families.stand import Stand, process


async def test_what_it_says() -> None:
    async with Stand(APR) as stand:
        facts = await read_facts(stand.url)
    assert facts.family.id == "apr"
    assert facts.version == Fact("0.31.0", "/")
    assert facts.model is None
    assert facts.window is None
    assert facts.family.knobs == frozenset()
    assert any("does not say its window" in note for note in facts.notes)


async def test_the_older_form_names_the_model() -> None:
    root = {"name": "apr-serve", "version": "0.4.0", "model_id": "qwen"}
    async with Stand({"/": root}) as stand:
        facts = await read_facts(stand.url)
    assert facts.family.id == "apr"
    assert facts.model == Fact("qwen", "/")


async def test_its_command_line(monkeypatch) -> None:
    async def owner(url: str):
        return process("/bin/apr", "serve", "run", "/m/q.gguf", "--context-length", "8192")

    monkeypatch.setattr(apr, "owner_of", owner)
    async with Stand(APR) as stand:
        facts = await read_facts(stand.url)
    assert facts.model == Fact("/m/q.gguf", "argv")
    assert facts.declared_windows == (Fact(8192, "argv"),)
    assert facts.window is None
