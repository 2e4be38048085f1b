"""Attesting servers that were there before us: what is proven, and what is refused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from seatrial.chat.transport import Transport
from seatrial.core.errors import EngineError, SeatrialError, UnattestedError, UserError
from seatrial.core.schema import sha256_hex
from seatrial.fakes.personalities import personality
from seatrial.serve import Adapter, Attestation, Engine, LaunchSpec, attached, attest_url, launch
from seatrial.serve.answered import claim, other_model
from seatrial.serve.attached import is_here
from seatrial.serve.difference import compare
from seatrial.serve.record import make_record
from tests.serve.test_engine import engine_test
from tests.serve.tiny_gguf import CHAT_TEMPLATE, write_tiny_adapter, write_tiny_model

TUNED = "/models/fused-phase33"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


class TestOnTheEngine:
    pytestmark = engine_test

    @pytest.fixture
    def spec(self, tmp_path: Path) -> LaunchSpec:
        return LaunchSpec(
            model=write_tiny_model(tmp_path / "tiny.gguf"),
            adapters=(Adapter(write_tiny_adapter(tmp_path / "adapter.gguf"), 0.5),),
            window_tokens=512,
            log=tmp_path / "engine.log",
        )

    @pytest.fixture
    async def engine(self, spec: LaunchSpec) -> AsyncIterator[Engine]:
        async with launch(spec) as engine:
            yield engine

    async def test_process_file_and_word_agree(self, engine: Engine, spec: LaunchSpec) -> None:
        start = time.monotonic()
        found = await attest_url(engine.url + "/v1")
        assert time.monotonic() - start < 2.0
        assert (found.grade, found.reasons) == ("process", ())
        assert found.volatile["pid"] == engine.pid
        served = found.served
        assert served["weights"] == sha256_hex(spec.model.read_bytes())
        assert served["template"] == sha256_hex(CHAT_TEMPLATE.encode())
        assert (served["window_tokens"], served["slots"]) == (512, 1)
        assert served["sampler"]["temperature"] == 0.8
        adapter = spec.adapters[0].path
        assert served["adapters"] == [
            {"path": str(adapter), "scale": 0.5, "sha256": sha256_hex(adapter.read_bytes())}
        ]
        assert found.weights is not None
        assert (found.weights.architecture, found.weights.quantization) == ("qwen3", "F32")
        assert found.facts().wire == "raw_completion"
        assert found.canary.kind == "logprobs"
        assert msgspec.json.decode(msgspec.json.encode(found), type=Attestation) == found

    async def test_a_file_that_was_replaced_is_not_what_is_served(
        self, engine: Engine, spec: LaunchSpec
    ) -> None:
        first = await attest_url(engine.url)
        write_tiny_model(spec.model.with_name("other"), seed=7).replace(spec.model)
        found = await attest_url(engine.url)
        assert (found.grade, found.served["weights"]) == ("canary", None)
        assert "tiny.gguf" in found.reasons[0]
        compared = compare(make_record(first), make_record(found))
        assert compared.verdict == "same"

    @pytest.mark.parametrize("expected", ["tiny", "{model}", "{digest}"])
    async def test_what_is_expected(self, engine: Engine, spec: LaunchSpec, expected: str) -> None:
        digest = sha256_hex(spec.model.read_bytes())
        meant = expected.format(model=spec.model, digest=digest)
        found = await attest_url(engine.url, expected=meant)
        assert found.expectation is not None
        assert found.expectation.met is True

    async def test_what_is_not_expected(self, engine: Engine, tmp_path: Path) -> None:
        other = write_tiny_model(tmp_path / "other.gguf", seed=9)
        for meant in ("qwen", "ab" * 32, str(other)):
            with pytest.raises(UnattestedError, match="not the expected model") as caught:
                await attest_url(engine.url, expected=meant)
            assert caught.value.exit_code == 3

    async def test_a_process_that_changes_under_way(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(attached, "_holder", lambda host, port: (1, 1, False))
        found = await attest_url(engine.url)
        assert found.grade == "canary"
        assert "changed while it was looked at" in found.reasons[0]

    async def test_an_adapter_and_a_scale_told_in_words(
        self, engine: Engine, spec: LaunchSpec
    ) -> None:
        first = make_record(await attest_url(engine.url))
        async with Transport(engine.url) as server:
            await server.post_json("/lora-adapters", [{"id": 0, "scale": 1.0}], dict[str, Any])
        second = make_record(await attest_url(engine.url))
        said = [one.said for one in compare(first, second).differences]
        assert said[0] == "adapter adapter.gguf: scale 0.5 became 1"
        assert said[1].startswith("the weights answer differently (canary)")


async def first_id(url: str) -> str:
    async with Transport(url) as server:
        listed = await server.get_json("/v1/models", dict[str, Any])
    return str(listed["data"][0]["id"])


async def test_the_first_id_of_a_cache_is_refused() -> None:
    """Two cached models stand first, in any order; the tuned one is last and is not the one."""
    async with personality("mlx", "lists_cache_first", model=TUNED) as server:
        asked = await first_id(server.url)
        assert asked != TUNED
        with pytest.raises(UnattestedError) as caught:
            await attest_url(server.url, model=asked)
        assert caught.value.message == (
            "mlx_lm.server loads whatever a request names, and a client that asks for "
            f"{asked}, the first id of /v1/models, gets that one: the model that this server was "
            f"started with, the tuned one, is the other one, {TUNED}"
        )
        assert TUNED in (caught.value.hint or "")
        assert caught.value.exit_code == 3
        # Asking would have loaded the wrong model: nothing was generated.
        assert server.bodies("/v1/chat/completions") == []
        assert server.bodies("/v1/completions") == []


@pytest.mark.parametrize("asked", [None, "default_model", TUNED])
async def test_the_tuned_model_of_a_cache_is_attested(asked: str | None) -> None:
    async with personality("mlx", "lists_cache_first", model=TUNED) as server:
        found = await attest_url(server.url, model=asked)
        assert (found.grade, found.asked) == ("canary", asked or "default_model")
        names = {body["model"] for body in server.bodies("/v1/chat/completions")}
        assert names == {found.asked}


async def test_two_models_behind_one_name_are_told_apart_by_the_canary() -> None:
    async with personality("mlx", "lists_cache_first", model=TUNED) as server:
        tuned = make_record(await attest_url(server.url))
        asked = await first_id(server.url)
        cached = make_record(await attest_url(server.url, model=asked, expected=asked))
    found = compare(tuned, cached)
    assert found.verdict == "differs"
    assert any("the weights answer differently" in one.said for one in found.differences)


@pytest.mark.parametrize(
    "family", ["llama.cpp", "vllm", "sglang", "ollama", "lm-studio", "mlx", "llama-swap", "openai"]
)
async def test_every_family_is_told_from_itself_by_nothing(family: str) -> None:
    async with personality(family) as server:
        first = await attest_url(server.url)
        second = await attest_url(server.url)
    assert first.grade == "canary"
    assert first.served["family"] == family
    assert compare(make_record(first), make_record(second)).verdict == "same"


async def test_an_answer_of_another_model_is_found() -> None:
    async with personality("vllm", "answers_with_other_model_after(2)") as server:
        bodies = []
        async with Transport(server.url) as transport:
            for _ in range(4):
                body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 4}
                body["model"] = "harbour-labs/harbour-4b"
                answer = transport.post_json("/v1/chat/completions", body, dict[str, Any])
                bodies.append(await answer)
    texts = {str(body["choices"][0]["message"]["content"]) for body in bodies}
    # The name stays: only a canary taken again tells.
    assert other_model(claim(body) for body in bodies) is None
    assert len(texts) > 1


async def test_nothing_listens() -> None:
    with pytest.raises(EngineError) as caught:
        await attest_url("http://127.0.0.1:9")
    assert caught.value.exit_code == 69


@pytest.mark.parametrize("fault", ["not_an_llm", "needs_key"])
async def test_what_is_no_open_server(fault: str) -> None:
    async with personality("openai", fault) as server:
        with pytest.raises(SeatrialError) as caught:
            await attest_url(server.url)
    assert "\n" not in caught.value.message
    assert caught.value.hint


async def test_a_server_that_never_ends_costs_a_bounded_time() -> None:
    async with personality("openai", "hangs_forever") as server, asyncio.timeout(30):
        found = await attest_url(server.url, canary_seconds=0.5)
    assert found.grade == "declared"
    assert "no canary: no answer in 0.5 s" in found.reasons


async def test_not_a_url() -> None:
    with pytest.raises(UserError):
        await attest_url("harbour")


def test_addresses_of_this_machine() -> None:
    assert is_here("127.0.0.1")
    assert is_here("localhost")
    assert not is_here("192.0.2.1")
    assert not is_here("no-such-host.invalid")
