"""What a file is, files that belong together, and files that must not be read."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.core.errors import UserError
from seatrial.serve.lint.load import read_command, read_config, read_configs
from seatrial.serve.lint.readers.document import MAX_BYTES
from seatrial.serve.lint.subject import ClientConfig, ServerConfig
from tests.serve.lint.readers import test_clients as client_texts

SWAP = "models:\n  m:\n    cmd: llama-server -m a.gguf -c 4096\n"
FILES = {
    "config.yaml": (SWAP, "llama-swap"),
    "Modelfile": ("FROM a\nPARAMETER num_ctx 4096\n", "ollama"),
    "x.modelfile": ("FROM a\n", "ollama"),
    "start.sh": ("llama-server -m a\n", "llama.cpp"),
    "start": ("#!/bin/sh\nexec llama-server -m a\n", "llama.cpp"),
    "command.txt": ("llama-server -m a \\\n -c 4096\n", "llama.cpp"),
    "x.service": ("[Service]\nExecStart=/usr/bin/llama-server -m a\n", "llama.cpp"),
    "override.conf": ('[Service]\nEnvironment="OLLAMA_CONTEXT_LENGTH=1"\n', "ollama"),
    ".env": ("OLLAMA_NUM_PARALLEL=2\n", "ollama"),
    "compose.yml": ("services:\n  a:\n    image: x\n    command: vllm serve m\n", "vllm"),
    "presets.ini": ("[a]\nc = 4096\n", "llama.cpp-router"),
    "q.json": ('{"model": "q", "context_length": 4096}', "lm-studio"),
    "models.json": (client_texts.PI, "pi"),
    "opencode.jsonc": (client_texts.OPENCODE, "opencode"),
    "settings.json": (client_texts.QWEN, "qwen-code"),
    ".aider.conf.yml": ("model: openai/m\n", "aider"),
    ".aider.model.settings.yml": ("- name: m\n  use_temperature: 0.1\n", "aider"),
    "meta.json": ('{"openai/m": {"max_input_tokens": 3}}', "aider"),
    "swap": (SWAP, "llama-swap"),
}


def kind(config):
    return config.family if isinstance(config, ServerConfig) else config.client


@pytest.mark.parametrize("name", FILES)
def test_the_kind_of_a_file(tmp_path, name):
    text, expected = FILES[name]
    path = tmp_path / name
    path.write_text(text)
    found = read_config(path)
    assert {kind(one) for one in found} == {expected}
    assert all(one.place.source == str(path) for one in found)
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert {kind(one) for one in read_config(path)} == {expected}


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.yaml", b"x: 1\n", "cannot tell what"),
        ("a.json", b"{}", "cannot tell what"),
        ("notes.txt", b"it's nothing\n", "cannot tell what"),
        ("empty", b"", "cannot tell what"),
        ("a.yaml", b"\xff\xfe\x00", "is not UTF-8 text"),
        ("a.yaml", b"a\x00b", "is not text"),
        ("m.gguf", b"GGUF\x03", "is a model"),
        ("models.json", b'{"providers": {"a": {"models": []}}}', "declares no model"),
        ("Dockerfile", b"FROM debian\nRUN x\n", "cannot tell what"),
        ("start.sh", b"echo 'hi", "a quote is not closed"),
    ],
)
def test_what_is_refused_and_why(tmp_path, name, data, said):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(UserError) as raised:
        read_config(path)
    assert said in raised.value.message and "\n" not in raised.value.message
    assert raised.value.hint and "\n" not in raised.value.hint


def test_a_large_file_is_refused_by_its_size(tmp_path):
    path = tmp_path / "a.yaml"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    with pytest.raises(UserError, match=f"more than {MAX_BYTES:,} bytes"):
        read_config(path)


def test_what_is_no_file(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        read_config(tmp_path / "no")
    with pytest.raises(UserError, match="is a folder"):
        read_config(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="is no plain file"):
        read_config(tmp_path / "pipe")


def test_the_environment_of_ollama_goes_to_its_models(tmp_path):
    (tmp_path / "Modelfile").write_text("FROM a\n")
    (tmp_path / "ollama.env").write_text("OLLAMA_CONTEXT_LENGTH=65536\n")
    (one,) = read_configs([tmp_path / "Modelfile", tmp_path / "ollama.env"])
    assert isinstance(one, ServerConfig)
    assert one.get("from") == "a" and one.env["OLLAMA_CONTEXT_LENGTH"].value == "65536"


def test_the_command_line_of_a_router_is_stronger_than_its_presets(tmp_path):
    (tmp_path / "p.ini").write_text("[*]\nc = 1\nnp = 2\n[a]\nc = 3\n")
    (tmp_path / "r.sh").write_text("llama-server --models-preset /etc/p.ini -c 4096 --port 80\n")
    router, model = read_configs([tmp_path / "r.sh", tmp_path / "p.ini"])
    assert isinstance(router, ServerConfig) and isinstance(model, ServerConfig)
    assert (model.name, model.get("ctx-size"), model.get("parallel")) == ("a", 4096, 2)
    assert model.get("port") is None and router.get("port") == 80


def test_files_of_aider_are_one_client(tmp_path):
    for name in (".aider.conf.yml", ".aider.model.settings.yml", "meta.json"):
        (tmp_path / name).write_text(FILES[name][0])
    (one,) = read_configs(sorted(tmp_path.iterdir()))
    assert isinstance(one, ClientConfig)
    assert one.window is not None and one.window.value == 3 and one.sampling


def test_a_command_as_text():
    config = read_command("cd /x && CUDA=1 llama-server -m 'a b.gguf' -c 4096 > log")
    assert config.get("model") == "a b.gguf" and config.place.line is None
    assert config.options["ctx-size"].place.source == "command line"
    with pytest.raises(UserError, match="no server is started by: ls"):
        read_command("ls")
    with pytest.raises(UserError, match="a quote is not closed"):
        read_command("llama-server 'x")


NAMES = st.sampled_from([*FILES, "x.bat", "x.ps1", "unknown", "a.container"])
PIECES = st.sampled_from(
    ["llama-server", " -c ", "${a}", "$A", "{", "}", "[", "]", ":", "\n", "  ", "- ", "|", "'", '"',
     "models", "cmd", "macros", "FROM x\n", "PARAMETER ", "[*]\n", "=", "&a ", "*a", "services",
     "image", "providers", "\\", "#", "<<EOF\n", "EOF\n", "vllm serve ", "env", "filters", "null",
     "1e999", "\x85", "\u2028", "=(", ")", "\t", "%", "!x ", "---\n", "groups", "matrix", "sets"]
)  # fmt: skip


def check(path, name, text):
    target = path / name
    target.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        found = read_config(target, {"HOME": "/h"})
    except UserError as error:
        assert "\n" not in error.message and "\n" not in (error.hint or "")
    else:
        assert found and all(isinstance(one, (ServerConfig, ClientConfig)) for one in found)


RELAXED = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@RELAXED
@given(NAMES, st.text(max_size=300))
def test_random_text_is_read_or_refused(tmp_path, name, text):
    check(tmp_path, name, text)


@RELAXED
@given(NAMES, st.lists(PIECES, max_size=60))
def test_random_pieces_are_read_or_refused(tmp_path, name, pieces):
    check(tmp_path, name, "".join(pieces))


@RELAXED
@given(st.sampled_from(list(FILES)), st.data())
def test_damaged_files_are_read_or_refused(tmp_path, name, data):
    text = FILES[name][0]
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    check(tmp_path, name, text[:start] + data.draw(st.text(max_size=5)) + text[end:])


@given(st.text(max_size=200))
def test_random_commands_are_read_or_refused(text):
    try:
        read_command(text)
    except UserError as error:
        assert error.hint
