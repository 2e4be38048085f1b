"""Rules R01 to R09: each fires on its fault, and not just beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seatrial.serve.lint.effective import routes
from seatrial.serve.lint.load import read_config
from seatrial.serve.lint.rule import Finding
from seatrial.serve.lint.subject import ServerConfig, Subject, Turn, Value
from seatrial.serve.survey.survey import Observation, Survey
from tests.serve.lint.clean import client, facts, fires, header, server, setting

QWEN36 = "Qwen3.6-35B-A3B"
FILE = "start.sh"
OFF = "'{\"enable_thinking\": false}'"


def llama(options: dict[str, Value] | None = None, name: str = QWEN36, **rest: Any) -> ServerConfig:
    return server(options, name=name, source=FILE, **rest)


def vllm(options: dict[str, Value] | None = None, name: str = QWEN36) -> ServerConfig:
    return server({"model": f"Qwen/{name}", **(options or {})}, family="vllm", name=name)


def kwargs(text: str) -> dict[str, Any]:
    return {"chat-template-kwargs": setting(text, f"--chat-template-kwargs '{text}'", source=FILE)}


def with_kwargs(text: str, name: str = QWEN36) -> ServerConfig:
    place = llama(name=name).place
    return ServerConfig(family="llama.cpp", name=name, place=place, options=kwargs(text))


def seen(id_: str, *servers: ServerConfig, **parts: Any) -> list[Finding]:
    return fires(Subject(servers=servers, **parts), id_)


def only(id_: str, *servers: ServerConfig, **parts: Any) -> Finding:
    found = seen(id_, *servers, **parts)
    assert len(found) == 1, found
    return found[0]


def test_r01_thinking_without_a_budget() -> None:
    found = only("R01", llama({"n-predict": 16_383}))
    assert "Qwen3.6-35B-A3B thinks before it answers" in found.seen
    assert "--reasoning-budget 4096" in found.fix
    assert "thinking_token_budget" in only("R01", vllm(), clients=(client(None, 8192),)).fix


@pytest.mark.parametrize(
    "options",
    [
        {"n-predict": 16_384},
        {"n-predict": 8192, "reasoning-budget": 4096},
        {"n-predict": 8192, "reasoning-budget": 0},
        {"n-predict": 8192, "reasoning-effort": "low"},
        {"n-predict": 8192, "reasoning": "off"},
        {},
    ],
)
def test_r01_not_with_a_budget_or_room(options: dict[str, Value]) -> None:
    assert not seen("R01", llama(options))


def test_r01_not_where_thinking_is_off_or_unknown() -> None:
    talker = (client(None, 8192, model=QWEN36, options={"compat.enable_thinking": False}),)
    assert not seen("R01", llama(), clients=talker)
    for word in ("reasoning_effort", "thinking_budget_tokens"):
        asks = client(None, 8192, model=QWEN36, options={f"extra.{word}": "low"})
        assert not seen("R01", llama(), clients=(asks,))
    other = client(None, 8192, model=QWEN36, options={"extra.effort_of_the_day": "low"})
    assert seen("R01", llama(), clients=(other,))
    assert not seen("R01", llama({"n-predict": 8192}, "Qwen3-Coder-30B-A3B-Instruct"))
    assert not seen("R01", llama({"n-predict": 8192}, "harbour-8b"))
    assert seen("R01", llama({"n-predict": 8192, "reasoning": "on"}, "harbour-8b"))


def test_r02_a_budget_without_a_message() -> None:
    assert "`--reasoning-budget 4096`" in only("R02", llama({"reasoning-budget": 4096})).seen
    told: dict[str, Value] = {"reasoning-budget": 4096, "reasoning-budget-message": "Enough."}
    assert not seen("R02", llama(told))
    assert not seen("R02", llama({"reasoning-budget": 0}))
    assert not seen("R02", llama({"reasoning-budget": -1}))


def test_r03_the_budget_begins_again() -> None:
    loose: dict[str, Value] = {"reasoning-budget": 4096, "n-predict": 16_385}
    assert "16385 tokens" in only("R03", llama(loose)).seen
    assert "has no limit" in only("R03", llama({"reasoning-budget": 4096})).seen
    assert not seen("R03", llama({**loose, "n-predict": 16_384}))
    assert not seen("R03", llama({"reasoning-budget": 8192, "n-predict": 32_767}))
    assert not seen("R03", llama(loose), extra={"guarded": True})


def test_r04_the_answer_is_not_bounded() -> None:
    found = only("R04", llama({"reasoning-budget": 4096}))
    assert found.severity == "info"
    assert not seen("R04", llama({"reasoning-budget": 0}))
    assert not seen("R04", llama({"reasoning-budget": 4096}), extra={"guarded": True})


def test_r05_thoughts_in_the_text() -> None:
    found = only("R05", llama({"reasoning-format": "none"}))
    assert found.edit is not None
    assert found.edit.after == ("--reasoning-format auto",)
    assert "--reasoning-parser qwen3" in only("R05", vllm()).fix
    assert seen("R05", turns=(Turn(number=1, text="<think>Hm"),))
    tagged = Observation(id="reasoning.key", verdict="bad", said="in the text")
    survey = Survey(depth="quick", observations=(tagged,), requests=1, seconds=1.0)
    assert only("R05", survey=survey).seen == "in the text"


def test_r05_not_where_it_is_meant_or_parsed() -> None:
    raw: dict[str, Value] = {"reasoning-format": "none", "skip-chat-parsing": True}
    assert not seen("R05", llama(raw))
    assert not seen("R05", llama({"reasoning-format": "none"}, "Qwen3-Coder-30B-A3B-Instruct"))
    assert not seen("R05", llama({"reasoning-format": "auto"}))
    assert not seen("R05", vllm({"reasoning-parser": "qwen3"}))
    assert not seen("R05", turns=(Turn(number=1, text="I think"),))


def test_r06_a_word_for_a_boolean() -> None:
    found = only("R06", with_kwargs('{"enable_thinking": "false"}'))
    assert found.edit is not None
    assert found.edit.after == ("--chat-template-kwargs '{\"enable_thinking\": false}'",)
    sent = client(model=QWEN36, options={"compat.chat_template_kwargs.enable_thinking": "false"})
    assert seen("R06", llama(), clients=(sent,))
    assert not seen("R06", with_kwargs('{"enable_thinking": false}'))
    assert not seen("R06", with_kwargs("not JSON"))


def test_r06_for_those_who_ask_by_another_name(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "models:\n  q:\n    cmd: llama-server -m q.gguf --port ${PORT} -c 65536\n    filters:\n"
        "      setParamsByID:\n        q:quick:\n          chat_template_kwargs:\n"
        "            enable_thinking: 'false'\n          temperature: 0.1\n"
    )
    (model,) = read_config(path)
    assert isinstance(model, ServerConfig)
    assert "enable_thinking" in only("R06", model).seen
    # What it sets holds for that name alone.
    (quick,) = routes(Subject(servers=(model,), clients=(client(model="q:quick"),)))
    (plain,) = routes(Subject(servers=(model,), clients=(client(model="q"),)))
    held = quick.held("temperature"), plain.held("temperature")
    assert [one.value for one in held if one is not None] == [0.1, 0.8]


def test_r07_the_soft_switch_of_qwen3() -> None:
    told = client(model=QWEN36, options={"systemPrompt": "Be short. /no_think"})
    assert "is told /no_think" in only("R07", llama(), clients=(told,)).seen
    assert seen("R07", server({"system": "/nothink"}, family="ollama", name="qwen3.5:35b"))
    assert not seen("R07", server({"system": "/no_think"}, family="ollama", name="qwen3:8b"))
    for path in ("/no_thinking.md", "/prompts/no_think/a.md", "/a/no_think"):
        reads = client(model=QWEN36, options={"file": path})
        assert not seen("R07", llama(), clients=(reads,))


def test_r08_thoughts_are_thrown_away() -> None:
    off = llama({"reasoning-preserve": False})
    assert "`--no-reasoning-preserve`" in only("R08", off).seen
    assert seen("R08", with_kwargs('{"preserve_thinking": false}'))
    assert "neither server nor client" in only("R08", vllm()).seen
    line = "srv  load: chat template supports preserving reasoning, consider enabling it via x"
    assert seen("R08", facts=facts(model=QWEN36), log=(line,))
    assert not seen("R08", facts=facts(model="GLM-4.7"), log=(line,))


def test_r08_not_where_they_are_kept_or_nobody_knows() -> None:
    assert not seen("R08", llama())
    assert not seen("R08", with_kwargs('{"preserve_thinking": true}'))
    assert not seen("R08", llama({"reasoning-preserve": False, "reasoning": "off"}))
    assert not seen("R08", llama({"reasoning-preserve": False}, "Qwen3.5-35B-A3B"))
    sent = {"extra.chat_template_kwargs.preserve_thinking": True}
    assert not seen("R08", vllm(), clients=(client(model=QWEN36, options=dict(sent)),))


def test_r09_thinking_off_with_the_stock_template() -> None:
    found = only("R09", with_kwargs('{"enable_thinking": false}', "Qwen3.5-35B-A3B"))
    assert "enable_thinking" in found.seen
    assert seen("R09", llama({"reasoning": "off"}, "Qwen3-8B"))
    assert seen("R09", llama({"reasoning-budget": 0}, "Qwen3-8B"))


def test_r09_not_with_another_template_or_model() -> None:
    own: dict[str, Value] = {"reasoning": "off", "chat-template-file": "mine.jinja"}
    assert not seen("R09", llama(own, "Qwen3-8B"))
    assert not seen("R09", llama({"reasoning": "off"}))
    assert not seen("R09", llama({"reasoning": "off"}, "Qwen3-Coder-30B-A3B-Instruct"))
    assert not seen("R09", llama({"reasoning": "on"}, "Qwen3-8B"))
    named = header({"general.architecture": "gemma4", "general.name": "Gemma 4 31B it"})
    assert not seen("R09", llama({"reasoning": "off"}, "chat"), header=named)
