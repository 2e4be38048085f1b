"""SGLang: it repeats any name, so only its own information tells the model."""

from __future__ import annotations

from seatrial.serve.facts import Fact
from seatrial.serve.families import read_facts
from tests.serve.families.shapes import SGLANG
from tests.serve.families.stand import Stand


async def test_its_own_information() -> None:
    async with Stand(SGLANG) as stand:
        facts = await read_facts(stand.url, model="gpt-4")
    assert facts.family.id == "sglang"
    assert facts.family.echoes_model
    assert facts.family.reports_cached
    assert facts.model == Fact("Qwen/Qwen3-Coder-30B-A3B-Instruct", "/get_model_info")
    assert facts.version == Fact("0.5.23", "/get_server_info")
    assert facts.supports == {
        "vision": Fact(False, "/get_model_info"),
        "tools": Fact(True, "/get_server_info"),
        "thinking": Fact(False, "/get_server_info"),
    }
    assert facts.slots == Fact(48, "/get_server_info")


async def test_a_pool_that_is_smaller_than_the_context_is_the_window() -> None:
    async with Stand(SGLANG) as stand:
        facts = await read_facts(stand.url)
    assert facts.window == Fact(98304, "/get_server_info max_total_num_tokens")
    assert facts.declared_windows == (Fact(262144, "/v1/models max_model_len"),)


async def test_the_newer_names_of_its_endpoints() -> None:
    answers = {
        "/v1/models": SGLANG["/v1/models"],
        "/model_info": SGLANG["/get_model_info"],
        "/server_info": {**SGLANG["/get_server_info"], "max_total_num_tokens": 10**6},
    }
    async with Stand(answers) as stand:
        facts = await read_facts(stand.url)
    assert facts.model == Fact("Qwen/Qwen3-Coder-30B-A3B-Instruct", "/model_info")
    assert facts.window == Fact(262144, "/v1/models max_model_len")


async def test_what_does_not_answer_is_told() -> None:
    async with Stand({"/v1/models": SGLANG["/v1/models"]}) as stand:
        facts = await read_facts(stand.url)
    assert facts.model == Fact("default", "/v1/models root")
    assert any("/get_model_info does not answer" in note for note in facts.notes)
