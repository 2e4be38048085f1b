"""systemd units, Compose files and lists of variables."""

from seatrial.serve.lint.readers.services import (
    are_variables,
    is_compose,
    read_compose,
    read_unit,
    read_variables,
)
from seatrial.serve.lint.readers.yaml_file import parse_yaml

COMPOSE = """services:
  llm:
    image: ghcr.io/ggml-org/llama.cpp:server-cuda
    environment: {LLAMA_ARG_CTX_SIZE: 4096}
    command: ["-m", "/m/x.gguf", "-np", "4"]
  v:
    image: vllm/vllm-openai:latest
    command: >
      --model x
      --max-model-len 32K
  o:
    image: ollama/ollama
    environment:
      - OLLAMA_CONTEXT_LENGTH=4096
      - OLLAMA_API_KEY=secret1
  own:
    image: me/own
    entrypoint: [llama-server]
    command: -m y.gguf
  web:
    image: nginx
"""


def test_a_unit_with_a_continued_command():
    text = "[Service]\nEnvironment=LLAMA_ARG_PORT=1\n"
    text += "ExecStart=-/usr/bin/llama-server -m x \\\n  -c 1\n"
    (config,) = read_unit(text, "u.service")
    assert (config.get("port"), config.get("model"), config.get("ctx-size")) == (1, "x", 1)
    assert [config.options[name].place.line for name in ("port", "model", "ctx-size")] == [2, 3, 4]


def test_an_override_of_ollama():
    text = '[Service]\nEnvironment="OLLAMA_CONTEXT_LENGTH=65536" "OLLAMA_FLASH_ATTENTION=1"\n'
    (config,) = read_unit(text, "override.conf")
    assert config.family == "ollama" and config.env["OLLAMA_CONTEXT_LENGTH"].value == "65536"
    assert config.env["OLLAMA_CONTEXT_LENGTH"].place.line == 2


def test_compose_services():
    root = parse_yaml(COMPOSE, "c.yml")
    assert is_compose(root)
    llama, vllm, ollama, own = read_compose(root, "c.yml")
    assert (llama.family, llama.get("ctx-size"), llama.get("parallel")) == ("llama.cpp", 4096, 4)
    assert llama.options["parallel"].written == '"-np", "4"'
    assert (vllm.family, vllm.get("max-model-len")) == ("vllm", 32768)
    assert vllm.options["max-model-len"].place.line == 10
    assert ollama.env["OLLAMA_CONTEXT_LENGTH"].place.line == 14 and "secret1" not in str(ollama)
    assert own.get("model") == "y.gguf" and own.place.line == 16


def test_variables():
    text = '# of the daemon\nOLLAMA_NUM_PARALLEL=4\nexport LLAMA_ARG_CTX_SIZE="4096"\n'
    assert are_variables(text) and not are_variables("# only\n") and not are_variables("a b\nA=1")
    ollama, llama = read_variables(text, ".env")
    assert ollama.env["OLLAMA_NUM_PARALLEL"].place.line == 2
    assert llama.get("ctx-size") == 4096
    assert read_variables("A=1", ".env") == []
