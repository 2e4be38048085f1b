"""Recommended configurations as files: read and judged, they give no error and no warning."""

import json

import pytest

from seatrial.serve.lint.load import read_configs
from seatrial.serve.lint.rule import Severity, lint
from seatrial.serve.lint.subject import ClientConfig, ServerConfig, Subject

MODEL = "Devstral-Small-2-24B-Instruct-2512"
FLAGS = f"-m /models/{MODEL}-Q4_K_M.gguf -c 65536 -np 1 -ngl 99 -fa on --temp 0.15 -n 8192"

FILES = {
    "llama.cpp": {
        "start.sh": "#!/bin/sh\nexec llama-server \\\n"
        f"  {FLAGS} \\\n  --alias {MODEL} --host 127.0.0.1 --port 8080 --timeout 3600\n",
    },
    "llama-swap": {
        "llama-swap.yaml": f"""\
healthCheckTimeout: 600
macros:
  server: llama-server --host 127.0.0.1 --port ${{PORT}}
models:
  {MODEL}:
    cmd: |
      ${{server}}
      {FLAGS}
    ttl: 0
    capabilities: {{context: 65536}}
groups:
  agents: {{swap: false, persistent: true, members: [{MODEL}]}}
""",
    },
    "router": {
        "router.sh": "llama-server --models-preset presets.ini --host 127.0.0.1 --port 8080\n",
        "presets.ini": f"""\
version = 1
[*]
c = 65536
np = 1
n-gpu-layers = 99
flash-attn = on
n-predict = 8192
[{MODEL}]
model = /models/{MODEL}-Q4_K_M.gguf
temp = 0.15
""",
    },
    "ollama": {
        "Modelfile": "FROM devstral-small-2\nPARAMETER num_ctx 65536\nPARAMETER num_predict 8192\n"
        "PARAMETER temperature 0.15\n",
        "ollama.env": "OLLAMA_CONTEXT_LENGTH=65536\nOLLAMA_NUM_PARALLEL=1\n",
    },
    "lm-studio": {"load.json": json.dumps({"model": MODEL, "context_length": 65536})},
    "vllm": {
        "serve.sh": f"vllm serve mistralai/{MODEL} --served-model-name {MODEL} "
        "--max-model-len 65536 --enable-auto-tool-choice --tool-call-parser mistral "
        "--generation-config vllm --host 127.0.0.1 --port 8080\n",
    },
    "sglang": {
        "serve.sh": f"python -m sglang.launch_server --model-path mistralai/{MODEL} "
        f"--served-model-name {MODEL} --context-length 65536 --tool-call-parser mistral "
        "--enable-cache-report --host 127.0.0.1 --port 8080\n",
    },
    "mlx": {
        "serve.sh": f"mlx_lm.server --model {MODEL} --max-tokens 8192 --temp 0.15 "
        "--host 127.0.0.1 --port 8080\n",
    },
}
CLIENT = {
    "providers": {
        "local": {
            "baseUrl": "http://127.0.0.1:8080/v1",
            "api": "openai-completions",
            "apiKey": "none",
            "models": [
                {
                    "id": MODEL,
                    "contextWindow": 49152,
                    "maxTokens": 8192,
                    "samplingParams": {"temperature": 0.15},
                }
            ],
        }
    }
}


# vLLM takes no default sampler on its command line: alone it is not what the card recommends.
CASES = [(kind, True) for kind in FILES] + [(kind, False) for kind in FILES if kind != "vllm"]


@pytest.mark.parametrize(("kind", "with_client"), CASES)
def test_a_recommended_configuration_is_clean(tmp_path, kind, with_client):
    files = dict(FILES[kind])
    if with_client:
        files["models.json"] = json.dumps(CLIENT, indent=2)
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    found = read_configs([tmp_path / name for name in files])
    report = lint(
        Subject(
            servers=tuple(one for one in found if isinstance(one, ServerConfig)),
            clients=tuple(one for one in found if isinstance(one, ClientConfig)),
        )
    )
    assert len(report.checked) > 10
    assert [
        (one.rule, one.seen) for one in report.findings if one.severity is not Severity.INFO
    ] == []
