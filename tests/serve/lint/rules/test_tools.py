"""Rules T01 to T11: each fires on its fault, and not just beside it."""

from __future__ import annotations

import importlib.util
import struct
from pathlib import Path
from typing import Any

import pytest

from seatrial.chat.transport import Transport
from seatrial.serve import LaunchSpec, launch
from seatrial.serve.gguf import GgufArray, read_header
from seatrial.serve.lint.rule import Finding
from seatrial.serve.lint.subject import ServerConfig, Subject, Turn, Value
from tests.serve.lint.clean import client, fires, header, server
from tests.serve.tiny_gguf import write_tiny_model

CODER = "Qwen3-Coder-30B-A3B-Instruct"
FILE = "start.sh"
NAKED = "I will look.\n<function=read_file>\n<parameter=path>\na.py"


def llama(options: dict[str, Value] | None = None, name: str = CODER, **rest: Any) -> ServerConfig:
    return server(options, name=name, source=FILE, **rest)


def vllm(options: dict[str, Value], family: str = "vllm", name: str = CODER) -> ServerConfig:
    return server({"model": f"Qwen/{name}", **options}, family=family, name=name, source=FILE)


def seen(id_: str, *servers: ServerConfig, **parts: Any) -> list[Finding]:
    return fires(Subject(servers=servers, **parts), id_)


def only(id_: str, *servers: ServerConfig, **parts: Any) -> Finding:
    found = seen(id_, *servers, **parts)
    assert len(found) == 1, found
    return found[0]


def test_t01_no_template() -> None:
    found = only("T01", llama({"jinja": False}))
    assert found.edit is not None
    assert (found.edit.before, found.edit.after) == ("--no-jinja", ("--jinja",))
    assert seen("T01", llama({"chat-template": "chatml"}))
    assert not seen("T01", llama({"jinja": True, "chat-template": "{{ messages }}"}))
    assert not seen("T01", vllm({"chat-template": "chatml"}))


def test_t02_a_naked_call_was_lost() -> None:
    found = only("T02", turns=(Turn(number=3, session="s", text=NAKED),))
    assert "turn 3 of s: the text holds '<function=read_file>'" in found.seen
    assert not seen("T02", turns=(Turn(number=3, text=NAKED, tool_calls=1),))
    assert not seen("T02", turns=(Turn(number=3, text="a function= b"),))


def test_t02_a_client_that_reads_no_such_calls() -> None:
    found = only("T02", llama(), clients=(client(name="pi", model=CODER),))
    assert found.seen.startswith(f"pi talks to {CODER}")
    assert not seen("T02", llama(), clients=(client(name="aider", model=CODER),))
    assert not seen("T02", llama(), clients=(client(model=CODER),), extra={"guarded": True})
    other = llama(name="Qwen3-8B")
    assert not seen("T02", other, clients=(client(model="Qwen3-8B"),))


def test_t03_the_parser_of_another_format() -> None:
    on: dict[str, Value] = {"enable-auto-tool-choice": True}
    found = only("T03", vllm({**on, "tool-call-parser": "hermes"}))
    assert found.edit is not None
    assert found.edit.after == ("--tool-call-parser qwen3_xml",)
    assert seen("T03", vllm({**on, "tool-call-parser": "hermes"}, name="Qwen3.6-27B"))
    assert "qwen3_coder" in only("T03", vllm({"tool-call-parser": "qwen25"}, "sglang")).fix


def test_t03_tools_are_off() -> None:
    assert "--enable-auto-tool-choice --tool-call-parser qwen3_xml" in only("T03", vllm({})).fix
    found = only("T03", vllm({"tool-call-parser": "qwen3_xml"}))
    assert "without --enable-auto-tool-choice" in found.seen


def test_t03_not_with_the_right_parser_or_for_other_models() -> None:
    on: dict[str, Value] = {"enable-auto-tool-choice": True}
    assert not seen("T03", vllm({**on, "tool-call-parser": "qwen3_coder"}))
    assert not seen("T03", vllm({**on, "tool-call-parser": "hermes"}, name="Qwen3-8B"))
    assert not seen("T03", vllm({"tool-call-parser": "qwen3_coder"}, "sglang"))
    assert not seen("T03", llama())


def test_t04_the_fragile_parser() -> None:
    thinks: dict[str, Value] = {"reasoning-parser": "qwen3", "tool-call-parser": "qwen3_coder"}
    found = only("T04", vllm(thinks))
    assert found.edit is not None
    assert found.edit.after == ("--tool-call-parser qwen3_xml",)
    assert not seen("T04", vllm({**thinks, "tool-call-parser": "qwen3_xml"}))
    assert not seen("T04", vllm({"tool-call-parser": "qwen3_coder"}))
    assert not seen("T04", vllm(thinks, "sglang"))


def test_t05_a_call_in_the_thinking() -> None:
    lost = Turn(number=1, thought="I call <tool_call>\n<function=ls>")
    assert "the thinking holds '<tool_call>'" in only("T05", turns=(lost,)).seen
    assert not seen("T05", turns=(Turn(number=1, thought="I call <tool_call>", tool_calls=1),))
    assert not seen("T05", turns=(Turn(number=1, text=NAKED),))


def test_t06_blamed_on_the_server() -> None:
    error = "Failed to parse input at pos 12: <function"
    bad = Turn(number=2, status=500, error=error, fault_boundary="infra")
    assert "was counted as infra" in only("T06", turns=(bad,)).seen
    right = Turn(number=2, status=500, error=error, fault_boundary="format")
    assert not seen("T06", turns=(right, Turn(number=3, status=500, error=error)))
    other = Turn(number=2, status=500, error="out of memory", fault_boundary="infra")
    assert not seen("T06", turns=(other,))


def test_t07_a_schema_that_is_no_grammar() -> None:
    bad = Turn(number=1, status=400, error="failed to parse grammar")
    assert "'failed to parse grammar'" in only("T07", turns=(bad,)).seen
    assert seen("T07", log=("srv  error: failed to parse grammar",))
    assert not seen("T07", turns=(Turn(number=1, status=400, error="bad JSON"),))
    assert not seen("T07", log=("srv  init: grammar ready",))


def test_t08_the_general_format() -> None:
    assert seen("T08", log=("srv  params: Chat format: Generic",))
    assert not seen("T08", log=("srv  params: Chat format: Content-only",))
    assert not seen("T08", log=("srv  params: Chat format: peg-native",))


def test_t09_one_call_at_a_time() -> None:
    turns = tuple(Turn(number=n, tool_calls=1) for n in range(1, 11))
    assert "10 of 10 turns" in only("T09", llama(), turns=turns).seen
    assert not seen("T09", llama(), turns=turns[:9])
    assert not seen("T09", llama(), turns=(*turns, Turn(number=11, tool_calls=2)))
    asks = client(model=CODER, options={"parallel_tool_calls": True})
    assert not seen("T09", llama(), clients=(asks,), turns=turns)
    assert not seen("T09", vllm({}), turns=turns)


def test_t10_the_template_beside_the_file(tmp_path: Path) -> None:
    metadata: dict[str, Any] = {"tokenizer.chat_template": "{{ old }}"}
    model = header(metadata, path=tmp_path / "model.gguf")
    assert not seen("T10", llama(), header=model)
    beside = tmp_path / "chat_template.jinja"
    beside.write_text("{{ new }}\n")
    assert str(beside) in only("T10", llama(), header=model).fix
    own = llama({"chat-template-file": "mine.jinja"})
    assert not seen("T10", own, header=model)
    beside.write_text("{{ old }}\n")
    assert not seen("T10", llama(), header=model)


def vocabulary(kind: int) -> Any:
    return header(
        {
            "tokenizer.ggml.tokens": GgufArray(1000, ("<|im_end|>", "<tool_call>")),
            "tokenizer.ggml.token_type": GgufArray(1000, (3, kind)),
        }
    )


def test_t11_marks_that_are_not_printed() -> None:
    raw = llama({"skip-chat-parsing": True})
    assert "<tool_call> is a control token" in only("T11", raw, header=vocabulary(3)).seen
    assert not seen("T11", raw, header=vocabulary(4))
    assert not seen("T11", llama(), header=vocabulary(3))
    shown = llama({"skip-chat-parsing": True, "special": True})
    assert not seen("T11", shown, header=vocabulary(3))
    assert not seen("T11", raw, header=header({}))


def with_type(model: Path, token: str, kind: int) -> None:
    """Change the type of one token in a GGUF file."""
    tokens = read_header(model).metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, GgufArray)
    data = bytearray(model.read_bytes())
    names = data.index(b"tokenizer.ggml.tokens") + len(b"tokenizer.ggml.tokens")
    at = names + 4 + 4 + 8
    index = 0
    while True:
        (length,) = struct.unpack_from("<Q", data, at)
        if bytes(data[at + 8 : at + 8 + length]) == token.encode():
            break
        at += 8 + length
        index += 1
    key = b"tokenizer.ggml.token_type"
    start = data.index(key) + len(key) + 4 + 4 + 8
    struct.pack_into("<i", data, start + 4 * index, kind)
    model.write_bytes(data)


@pytest.mark.engine
@pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None, reason="xllamacpp is not installed"
)
@pytest.mark.parametrize(("kind", "shown"), [(3, False), (4, True)])
async def test_t11_is_what_the_engine_does(tmp_path: Path, kind: int, shown: bool) -> None:
    model = write_tiny_model(tmp_path / "tiny.gguf", context=1024)
    with_type(model, "<tool_call>", kind)
    spec = LaunchSpec(model=model, window_tokens=512, log=tmp_path / "engine.log")
    body = {
        "messages": [{"role": "user", "content": "go"}],
        "max_tokens": 8,
        "temperature": 0,
        "logit_bias": [["<tool_call>", 50.0]],
    }
    async with launch(spec) as engine, Transport(engine.url) as at:
        answer = await at.post_json("/v1/chat/completions", body, dict[str, Any])
    text = answer["choices"][0]["message"]["content"] or ""
    assert ("<tool_call>" in text) is shown
    assert answer["usage"]["completion_tokens"] == 8
