"""Rule D50: what a program cannot read, and nothing that it can."""

from __future__ import annotations

import pytest

from seatrial.serve.lint.load import read_command
from seatrial.serve.lint.readers.presets import read_presets
from seatrial.serve.lint.rule import Finding, Severity
from seatrial.serve.lint.subject import Subject
from tests.serve.lint.clean import fires

BASE = "llama-server -m a.gguf --port 8080 "


def found(command: str, id_: str = "D50") -> list[Finding]:
    return fires(Subject(servers=(read_command(command),)), id_)


@pytest.mark.parametrize(
    ("words", "seen", "fix"),
    [
        ("--parallel=2", "only behind a space", "write --parallel 2"),
        ("-c=4096", "`-c=4096`", "write -c 4096"),
        ("--ctx_size=4096", "`--ctx_size=4096`", "write --ctx_size 4096"),
        ("-c abc", "a number belongs there", "--ctx-size NUMBER"),
        ("-np four", "`-np four`", "--parallel NUMBER"),
        ("-ctk q8", "no such type of cache", "q8_0"),
        ("-np 1 -c", "it has no value", "--ctx-size VALUE"),
        ("-c --metrics", "it has no value", "--ctx-size VALUE"),
    ],
)
def test_llama_server_does_not_start(words: str, seen: str, fix: str) -> None:
    (one,) = found(BASE + words)
    assert one.severity is Severity.ERROR
    assert seen in one.seen and "does not start" in one.seen
    assert fix in one.fix


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        ("-c 64k", "write --ctx-size 65536"),
        ("-c 64.000", "NUMBER, in digits"),
        ("--made-up 3", "--help"),
        ("--ctx-sizes 3", "did you mean --ctx-size?"),
        ("model.gguf", "-m"),
        ("-np auto", "--parallel NUMBER"),
    ],
)
def test_what_is_less_sure_is_a_warning(words: str, fix: str) -> None:
    command = BASE + words
    if words == "-c 64.000":  # a float of Python, an int of C
        assert found(command) == []
        return
    (one,) = found(command)
    assert one.severity is Severity.WARNING
    assert fix in one.fix


@pytest.mark.parametrize(
    "words",
    [
        "-c 65536 -np 1 -ngl all -fa on -ctk q8_0 -ctv q8_0 --no-jinja -t -1 --seed -1",
        "-ngl auto --temp .6 --top-p 1e-1",
        "-c $CTX -np ${SLOTS}",
        "--draft-max 8",
        "--draft-max=8",
        "--override-kv a=b --chat-template-kwargs '{\"a\":1}'",
    ],
)
def test_what_is_understood_or_another_rules_is_left_alone(words: str) -> None:
    assert found(BASE + words) == []
    assert found("mlx_lm.server --model a --temp=0.6 --port 8080") == []
    assert found("vllm serve a --max-model-len=64k --made-up") == []


def test_a_secret_is_not_shown() -> None:
    (one,) = found(BASE + "--api-key=verysecret")
    assert "verysecret" not in one.seen + one.fix


def test_presets_and_environment() -> None:
    servers = tuple(read_presets("[a]\nmodel = a.gguf\nc = many\nmade-up = 1\n", "p.ini"))
    assert [one.severity for one in fires(Subject(servers=servers), "D50")] == [
        Severity.ERROR,
        Severity.WARNING,
    ]
    assert "LLAMA_ARG_CTX_SIZE=x" in found("LLAMA_ARG_CTX_SIZE=x " + BASE)[0].seen


@pytest.mark.parametrize("words", ["-c abc", "-c 64k", "--ctx-size=65536", "-c=65536", "-c"])
def test_w05_does_not_say_that_no_window_is_set(words: str) -> None:
    assert found(BASE + words, "W05") == []
    assert found(BASE, "W05") and found(BASE + "-c 0", "W05")
