"""vLLM: `root` and `max_model_len`; its parsers only by its command line."""

from __future__ import annotations

from seatrial.serve.facts import Fact
from seatrial.serve.families import read_facts, vllm
from tests.serve.families.shapes import VLLM
from tests.serve.families.stand import Stand, process


async def test_what_it_lists() -> None:
    async with Stand(VLLM) as stand:
        facts = await read_facts(stand.url)
    assert facts.family.id == "vllm"
    assert facts.window == Fact(65536, "/v1/models max_model_len")
    assert facts.family.refuses_by_cap
    assert facts.model == Fact("Qwen/Qwen3-Coder-30B-A3B-Instruct-FP8", "/v1/models root")
    assert facts.version == Fact("0.33.0", "/version")
    assert facts.supports == {}
    assert facts.sampler == {}


async def test_an_adapter_has_the_window_of_its_model() -> None:
    async with Stand(VLLM) as stand:
        facts = await read_facts(stand.url, model="tuned")
    assert facts.model == Fact("/loras/tuned", "/v1/models root")
    assert facts.window == Fact(65536, "/v1/models max_model_len")
    assert "tuned is an adapter over Qwen/Qwen3-Coder-30B-A3B-Instruct-FP8" in facts.notes


async def test_a_name_that_it_does_not_have() -> None:
    async with Stand(VLLM) as stand:
        facts = await read_facts(stand.url, model="gpt-4")
    assert facts.model is None
    assert "no loaded model is called gpt-4; loaded now: coder, tuned" in facts.notes


async def test_its_command_line(monkeypatch) -> None:
    words = ("python", "-m", "vllm.entrypoints.openai.api_server", "--max-num-seqs", "8")
    parser = ("--enable-auto-tool-choice", "--tool-call-parser", "qwen3_coder")

    async def owner(url: str):
        return process(*words, *parser, "--enable-prompt-tokens-details")

    monkeypatch.setattr(vllm, "owner_of", owner)
    async with Stand(VLLM) as stand:
        facts = await read_facts(stand.url)
    assert facts.supports == {"tools": Fact(True, "argv"), "thinking": Fact(False, "argv")}
    assert facts.slots == Fact(8, "argv")
    assert facts.family.reports_cached
    assert facts.pid == Fact(4242, "process")


async def test_a_process_that_is_not_vllm_says_nothing_about_it(monkeypatch) -> None:
    async def owner(url: str):
        return process("gateway", "--max-num-seqs", "8")

    monkeypatch.setattr(vllm, "owner_of", owner)
    async with Stand(VLLM) as stand:
        facts = await read_facts(stand.url)
    assert facts.supports == {}
    assert facts.slots is None
