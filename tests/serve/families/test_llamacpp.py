"""llama.cpp: what stands in its answers, and the real engine."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from seatrial.chat.transport import Transport
from seatrial.core.errors import EngineError
from seatrial.models import model_path
from seatrial.serve import LaunchSpec, launch, read_header
from seatrial.serve.facts import Fact
from seatrial.serve.families import llamacpp, read_facts
from tests.serve.families.shapes import LLAMA_CPP, META, PROPS, TEMPLATE
from tests.serve.families.stand import Stand, process

engine = pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None, reason="xllamacpp is not installed"
)


async def test_every_fact_of_its_answers() -> None:
    async with Stand(LLAMA_CPP) as stand:
        facts = await read_facts(stand.url)
    assert facts.family.id == "llama.cpp"
    assert facts.window == Fact(8192, "/props")
    assert facts.slots == Fact(4, "/props")
    assert facts.trained_window == Fact(262144, "/v1/models")
    assert facts.model == Fact("/models/Qwen3-Coder-30B-Q4_K_M.gguf", "/props")
    assert facts.quantization == Fact("Q4_K - Medium", "/props")
    assert facts.parameters == Fact(30532122624, "/v1/models")
    assert facts.template == Fact(TEMPLATE, "/props")
    assert facts.eos == Fact("<|im_end|>", "/props")
    assert facts.version == Fact("b11549-0c1e57098", "/props")
    assert facts.listed == facts.loaded == ("qwen",)
    assert facts.supports["tools"] == Fact(True, "/props")
    assert facts.supports["parallel_tools"] == Fact(False, "/props")
    assert facts.supports["vision"] == Fact(False, "/props")
    assert facts.notes == ()


async def test_a_sampler_is_told_in_the_numbers_that_were_meant() -> None:
    async with Stand(LLAMA_CPP) as stand:
        facts = await read_facts(stand.url)
    values = {name: fact.value for name, fact in facts.sampler.items()}
    assert values["temperature"] == 0.8
    assert values["top_p"] == 0.95
    assert values["top_k"] == 40
    assert values["max_tokens"] == -1
    assert values["samplers"] == "penalties;dry;top_k;temperature"
    assert not {"seed", "stream", "lora"} & values.keys()


async def test_the_smallest_window_counts_where_it_contradicts_itself() -> None:
    slots = [{"n_ctx": 8192}, {"n_ctx": 4096}]
    async with Stand({**LLAMA_CPP, "/slots": slots}) as stand:
        facts = await read_facts(stand.url)
    assert facts.window == Fact(4096, "/slots")
    assert any("states a window of 8192 tokens and /slots of 4096, 8192" in n for n in facts.notes)


async def test_a_server_that_wants_a_key_for_its_properties() -> None:
    denied = (401, {"error": {"code": 401, "message": "Invalid API Key"}})
    async with Stand({**LLAMA_CPP, "/props": denied, "/slots": denied}) as stand:
        facts = await read_facts(stand.url)
    assert facts.window == Fact(8192, "/v1/models")
    assert facts.model == Fact("qwen", "/v1/models")
    assert facts.template is None
    assert any("wants a key" in note for note in facts.notes)


async def test_a_server_that_still_loads() -> None:
    loading = {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}
    async with Stand({}, missing=(503, loading)) as stand:
        with pytest.raises(EngineError, match="still loading") as caught:
            await read_facts(stand.url)
    assert caught.value.hint == "wait until it is loaded, then try again"


async def test_an_adapter_is_told() -> None:
    loaded = [{"id": 0, "path": "/loras/a.gguf", "scale": 0.5}]
    async with Stand({**LLAMA_CPP, "/lora-adapters": loaded}) as stand:
        facts = await read_facts(stand.url)
    assert facts.notes == ("an adapter is loaded over the model: /loras/a.gguf, scale 0.5",)


@pytest.mark.parametrize(
    ("words", "window", "trained", "shared"),
    [
        (("-c", "32768", "-np", "4"), 8192, 262144, Fact(False, "argv")),
        (("--ctx-size=32768",), 32768, 262144, Fact(True, "argv")),
        (("-c", "32768", "-np", "4", "-kvu"), 32768, 262144, Fact(True, "argv")),
        (("-c", "10000", "-np", "4"), 2560, 262144, Fact(False, "argv")),
        # 4 x 32768 out of 262144: a pool, or slots that are capped; the numbers do not say.
        (("-c", "262144"), 32768, 32768, None),
        (("-np", "4"), 8192, 262144, None),
        ((), 8192, 262144, None),
    ],
)
def test_whether_slots_share_a_pool(words, window, trained, shared) -> None:
    props = {**PROPS, "default_generation_settings": {"n_ctx": window}}
    listing = {"data": [{"id": "m", "meta": {**META, "n_ctx_train": trained}}]}
    facts = llamacpp.described(
        "http://h", props=props, listing=listing, slots=None, words=("llama-server", *words)
    )
    assert facts.shared_pool == shared


def test_one_slot_shares_with_nobody() -> None:
    facts = llamacpp.described(
        "http://h", props={**PROPS, "total_slots": 1}, listing=None, slots=None, words=()
    )
    assert facts.shared_pool == Fact(False, "/props")


async def test_what_the_command_line_asks_for_is_only_declared(monkeypatch) -> None:
    async def owner(url: str):
        return process("llama-server", "-c", "65536")

    monkeypatch.setattr(llamacpp, "owner_of", owner)
    async with Stand(LLAMA_CPP) as stand:
        facts = await read_facts(stand.url)
    assert facts.declared_windows == (Fact(65536, "argv"),)
    assert facts.window == Fact(8192, "/props")
    assert facts.command == Fact(("llama-server", "-c", "65536"), "process")


@pytest.mark.engine
@engine
async def test_every_fact_of_the_real_engine(tmp_path: Path) -> None:
    model = model_path("dinghy")
    header = read_header(model)
    spec = LaunchSpec(model=model, window_tokens=1024, slots=2, log=tmp_path / "log")
    async with launch(spec) as running:
        facts = await read_facts(running.url)
        async with Transport(running.url) as server:
            assert (await read_facts(server, model="whatever")).window == facts.window
    assert facts.family.id == "llama.cpp"
    assert facts.window == Fact(1024, "/props")
    assert facts.slots == Fact(2, "/props")
    assert facts.shared_pool == Fact(False, "argv")
    assert facts.declared_windows == (Fact(2048, "argv"),)
    assert facts.trained_window == Fact(4096, "/v1/models")
    assert facts.model == Fact(str(model), "/props")
    assert facts.listed == facts.loaded == (str(model),)
    assert facts.quantization == Fact("Q8_0", "/props")
    assert facts.template == Fact(header.chat_template, "/props")
    assert facts.eos == Fact("<|im_end|>", "/props")
    assert facts.sampler["temperature"] == Fact(0.8, "/props")
    assert facts.sampler["dry_penalty_last_n"] == Fact(64, "/props")
    assert facts.supports["tools"] == Fact(True, "/props")
    assert facts.pid == Fact(running.pid, "process")
    assert facts.command is not None
    assert "seatrial.serve.embedded" in facts.command.value
    assert facts.notes == ()
