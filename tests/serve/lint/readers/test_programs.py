"""The program that a command starts, through everything that may stand in front of it."""

import pytest

from seatrial.serve.lint.load import read_command
from seatrial.serve.lint.readers.programs import read_command_words
from seatrial.serve.lint.readers.words import plain_words


def config(text):
    return read_command_words(plain_words(text), "command line")


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("llama-server -m a.gguf", "llama.cpp"),
        ("/opt/llama-server-ec9e0301 -m a.gguf", "llama.cpp"),
        ("llama-server.exe -m a.gguf", "llama.cpp"),
        (r"'C:\x\llama-server.exe' -m a.gguf", "llama.cpp"),
        ("llama serve -m a.gguf", "llama.cpp"),
        ("nohup env A=1 taskset -c 0-3 llama-server -m a.gguf", "llama.cpp"),
        ("A=1 B=2 llama-server -m a.gguf", "llama.cpp"),
        ("bash -c 'exec llama-server -m a.gguf'", "llama.cpp"),
        ("docker run -p 1:1 ghcr.io/ggml-org/llama.cpp:server-cuda -m a.gguf", "llama.cpp"),
        ("sudo docker run ghcr.io/ggml-org/llama.cpp:full --server -m a.gguf", "llama.cpp"),
        ("docker run --name llama-server my/image llama-server -m a.gguf", "llama.cpp"),
        ("docker exec box llama-server -m a.gguf", "llama.cpp"),
        ("llama-server --models-preset a.ini", "llama.cpp-router"),
        ("llama-server --models-dir /m", "llama.cpp-router"),
        ("vllm serve Q", "vllm"),
        ("python3 -m vllm.entrypoints.openai.api_server --model Q", "vllm"),
        ("uv run vllm serve Q", "vllm"),
        ("docker run vllm/vllm-openai:v0.20 --model Q", "vllm"),
        ("python -m sglang.launch_server --model-path Q", "sglang"),
        ("mlx_lm.server --model Q", "mlx"),
        ("python -m mlx_lm server --model Q", "mlx"),
        ("python3.12 -m mlx_lm.server --model Q", "mlx"),
        ("lms load Q --context-length 4096", "lm-studio"),
        ("ollama serve", "ollama"),
        ("apr serve m.apr --port 80", "apr"),
    ],
)
def test_families(text, family):
    found = config(text)
    assert found is not None and found.family == family and not found.unknown


@pytest.mark.parametrize(
    "text",
    [
        "", "echo llama-server", "killall llama-server", "llama-cli -m a", "mlx_lm generate x",
        "vllm bench", "docker stop llama-server", "ollama run q",
        "docker run --name llama-server nginx", "sudo systemctl restart llama-server",
        "cat llama-server.log", "bash -c", "bash -c \"bash -c 'x'\"",
    ],
)  # fmt: skip
def test_what_starts_no_server(text):
    assert config(text) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("llama-server -m /a/b.gguf --alias x,y", "x"),
        ("llama-server -m /a/b.gguf", "b.gguf"),
        ("llama-server -hf org/repo:Q4_K_M", "org/repo:Q4_K_M"),
        ("llama-server", "llama-server"),
        ("vllm serve org/repo --served-model-name short", "short"),
        ("vllm serve org/repo", "org/repo"),
        ("mlx_lm.server --model /m/q", "/m/q"),
    ],
)
def test_the_name_that_clients_ask_for(text, name):
    found = config(text)
    assert found is not None and found.name == name


def test_flags_come_before_the_environment():
    found = config("LLAMA_ARG_CTX_SIZE=4096 LLAMA_ARG_N_PARALLEL=3 llama-server -c 8192 -m a")
    assert found is not None
    assert (found.get("ctx-size"), found.get("parallel")) == (8192, 3)
    assert found.options["parallel"].written == "LLAMA_ARG_N_PARALLEL=3"
    assert found.number("parallel") == 3.0 and found.env["LLAMA_ARG_CTX_SIZE"].value == "4096"


def test_variables_of_a_container_and_secrets():
    found = config(
        "docker run -e LLAMA_ARG_CTX_SIZE=4096 --env HF_TOKEN=hf_1 llama.cpp:server -m a"
    )
    assert found is not None and found.get("ctx-size") == 4096
    assert "hf_1" not in str(found)


def test_a_removed_variable_is_unknown():
    found = config("LLAMA_ARG_DRAFT_MAX=16 llama-server -m a")
    assert found is not None and [one.value for one in found.unknown] == ["LLAMA_ARG_DRAFT_MAX"]


def test_the_words_of_a_process_with_its_environment():
    found = read_command(["/usr/bin/llama-server", "-m", "/a b/c.gguf"], {"LLAMA_ARG_PORT": "81"})
    assert (found.name, found.get("port")) == ("c.gguf", 81)
    assert found.options["port"].place.source == "environment"
    assert found.options["model"].place.source == "command line"
