"""Taking the canary: which requests, of which server, and what it tells apart on a real engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from seatrial.chat.failures import RefusedError
from seatrial.chat.transport import Transport
from seatrial.core.errors import EngineError
from seatrial.serve import Adapter, LaunchSpec, launch, singing
from seatrial.serve.canary import Canary, difference, match_songs, match_templates
from seatrial.serve.singing import sing, sing_anywhere, writes_dates
from tests.serve.requantized import Q4_0, Q8_0, requantize
from tests.serve.test_engine import engine_test
from tests.serve.tiny_gguf import CHAT_TEMPLATE, write_tiny_adapter, write_tiny_model


class Answering:
    """A server whose answers a function gives."""

    url = "http://x"

    def __init__(self, answer: Callable[[str, dict[str, Any]], dict[str, Any]]) -> None:
        self.answer = answer
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def post_json(self, path: str, body: dict[str, Any], *_: Any, **__: Any) -> Any:
        self.asked.append((path, body))
        return self.answer(path, body)


def refused(status: int = 400) -> RefusedError:
    return RefusedError(f"answered {status}", status=status, body=b"")


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"completion_probabilities": []},
        {"completion_probabilities": [{"id": 1}]},
        {"completion_probabilities": [{"id": 1, "top_logprobs": []}]},
        {"completion_probabilities": [{"id": 1, "top_logprobs": [{"id": 1, "logprob": None}]}]},
        {"content": "text alone"},
    ],
)
async def test_llama_cpp_without_probabilities_is_an_error(answer: dict[str, Any]) -> None:
    with pytest.raises(EngineError, match="canary"):
        await sing(Answering(lambda *_: answer))


async def test_an_openai_server_is_asked_greedily_under_the_name_that_is_meant() -> None:
    server = Answering(lambda *_: {"choices": [{"text": "a", "message": {"content": "b"}}]})
    found = await sing_anywhere(server, "vllm", model="m")
    assert [path for path, _ in server.asked] == [
        "/v1/completions",
        "/v1/completions",
        "/v1/chat/completions",
        "/v1/chat/completions",
    ]
    for _, body in server.asked:
        assert (body["model"], body["temperature"], body["max_tokens"]) == ("m", 0.0, 16)
    assert found.raw is not None
    assert found.chat is not None
    assert (found.kind, found.raw.kind, found.chat.kind) == ("text", "text", "text")


async def test_fields_that_are_refused_are_left_out() -> None:
    def picky(path: str, body: dict[str, Any]) -> dict[str, Any]:
        if "logprobs" in body:
            raise refused()
        return {"choices": [{"text": "a"}]}

    found = await sing_anywhere(Answering(picky), "openai", model="m")
    assert found.raw is not None
    assert found.raw.kind == "text"


async def test_ollama_is_asked_for_a_raw_prompt() -> None:
    server = Answering(lambda *_: {"response": "a"})
    await sing_anywhere(server, "ollama", model="m")
    path, body = server.asked[0]
    assert (path, body["raw"]) == ("/api/generate", True)


async def test_a_server_without_any_of_the_paths_has_no_canary() -> None:
    def nothing(*_: object) -> dict[str, Any]:
        raise refused(404)

    assert await sing_anywhere(Answering(nothing), "openai", model="m") == Canary()


async def test_a_wrong_key_is_told() -> None:
    def locked(*_: object) -> dict[str, Any]:
        raise refused(401)

    with pytest.raises(RefusedError):
        await sing_anywhere(Answering(locked), "openai", model="m")


async def test_a_server_that_strays_from_its_own_text_is_unsteady() -> None:
    texts = iter("abcd")
    server = Answering(lambda *_: {"choices": [{"text": next(texts)}]})
    found = await sing_anywhere(server, "openai", model="m")
    assert found.raw is not None
    assert not found.raw.steady
    assert found.kind is None


async def test_the_spread_of_two_songs_is_kept() -> None:
    values = iter([-0.5, -0.503, -0.5, -0.5])

    def answer(*_: object) -> dict[str, Any]:
        value = next(values)
        row = {"token": "a", "logprob": value, "top_logprobs": [{"token": "a", "logprob": value}]}
        return {"choices": [{"logprobs": {"content": [row]}}]}

    found = await sing_anywhere(Answering(answer), "openai", model="m")
    assert found.raw is not None
    assert (found.raw.spread, found.raw.steady) == (0.003, True)


def test_a_template_that_writes_the_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(singing, "_now", lambda: datetime(2026, 3, 4, 23, 59, tzinfo=UTC))
    assert singing._day("{{ strftime_now('%d %b %Y') }}") == "2026-03-04"
    assert singing._day(CHAT_TEMPLATE) is None
    assert singing._day(None) is None
    assert not writes_dates(CHAT_TEMPLATE)


async def taken(spec: LaunchSpec) -> Canary:
    async with launch(spec) as engine, Transport(engine.url) as server:
        return await sing_anywhere(server, "llama.cpp", model=None)


@pytest.fixture
def spec(tmp_path: Path) -> LaunchSpec:
    model = write_tiny_model(tmp_path / "tiny.gguf")
    return LaunchSpec(model=model, window_tokens=512, log=tmp_path / "engine.log")


class TestOnTheEngine:
    pytestmark = engine_test

    async def test_restarts_and_slots_do_not_change_it(self, spec: LaunchSpec) -> None:
        first = await taken(spec)
        assert (first.kind, first.rendered is not None) == ("logprobs", True)
        for _ in range(3):
            again = await taken(spec)
            assert difference(first, again) is None
            assert again.fingerprint == first.fingerprint

    async def test_it_is_quick(self, spec: LaunchSpec) -> None:
        async with launch(spec) as engine, Transport(engine.url) as server:
            start = time.process_time(), time.monotonic()
            await sing_anywhere(server, "llama.cpp", model=None)
            assert time.monotonic() - start[1] < 2.0

    async def test_another_model(self, spec: LaunchSpec) -> None:
        first = await taken(spec)
        write_tiny_model(spec.model, seed=7)
        assert (await taken(spec)).fingerprint != first.fingerprint

    async def test_an_adapter_and_its_scale(self, spec: LaunchSpec, tmp_path: Path) -> None:
        adapter = write_tiny_adapter(tmp_path / "adapter.gguf")
        found = [
            await taken(LaunchSpec(model=spec.model, window_tokens=512, log=spec.log, adapters=one))
            for one in ((), (Adapter(adapter, 1.0),), (Adapter(adapter, 0.5),))
        ]
        assert difference(found[0], found[1])
        assert difference(found[1], found[2])

    @pytest.mark.parametrize("kind", [Q8_0, Q4_0])
    async def test_another_quantization(self, spec: LaunchSpec, tmp_path: Path, kind: int) -> None:
        other = requantize(spec.model, tmp_path / "other.gguf", kind)
        first = await taken(spec)
        second = await taken(LaunchSpec(model=other, window_tokens=512, log=spec.log))
        assert match_songs(first.raw, second.raw).parts
        assert difference(first, second)

    async def test_another_template_and_the_same_weights(
        self, spec: LaunchSpec, tmp_path: Path
    ) -> None:
        template = CHAT_TEMPLATE.replace("assistant\n{% endif", "assistant\n<think>\n{% endif")
        other = write_tiny_model(tmp_path / "other.gguf", chat_template=template)
        first = await taken(spec)
        second = await taken(LaunchSpec(model=other, window_tokens=512, log=spec.log))
        assert match_songs(first.raw, second.raw).agrees
        assert match_songs(first.chat, second.chat).parts
        assert match_templates(first, second).said == "the chat template writes another prompt"
        assert first.fingerprint != second.fingerprint
