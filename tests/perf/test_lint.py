"""Budgets of lint: a llama-swap file of 500 lines, read and judged by every rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.serve.lint.load import read_config
from seatrial.serve.lint.rule import lint, registered
from seatrial.serve.lint.subject import ServerConfig, Subject
from tests.perf.measure import cpu_seconds

pytestmark = pytest.mark.perf

HEAD = """\
healthCheckTimeout: 500
startPort: 5801
macros:
  server: >
    /opt/llama.cpp/llama-server
    --host 127.0.0.1 --port ${PORT}
  dir: /models
  agent: "-fa on -ctk q8_0 -ctv q8_0 --jinja"
models:
"""
MODEL = """\
  "model-%d":
    cmd: |
      ${server}
      -m ${dir}/model-%d-Q4_K_M.gguf
      -c 65536 -np 1
      ${agent}
      --temp 0.6 --top-p 0.95
      --top-k 20 --min-p 0
      -n 8192
    ttl: 600
    env:
      - "CUDA_VISIBLE_DEVICES=0"
    filters:
      stripParams: "temperature, top_p"
      setParams: {temperature: 0.6}
    aliases:
      - "alias-%d"
"""


def config(folder: Path) -> Path:
    path = folder / "config.yaml"
    path.write_text(HEAD + "".join(MODEL.replace("%d", str(number)) for number in range(29)))
    assert 500 <= path.read_text().count("\n") <= 510
    return path


def test_reading_500_lines_takes_under_25_ms(tmp_path: Path) -> None:
    path = config(tmp_path)
    seconds = cpu_seconds(lambda: read_config(path))
    print(f"lint: {1000 * seconds:.1f} ms CPU to read a llama-swap file of 502 lines")
    assert seconds <= 0.025


def test_the_whole_lint_of_500_lines_takes_under_50_ms(tmp_path: Path) -> None:
    path = config(tmp_path)
    rules = registered()

    def work() -> None:
        servers = tuple(one for one in read_config(path) if isinstance(one, ServerConfig))
        assert len(servers) == 29
        assert lint(Subject(servers=servers), rules).checked

    seconds = cpu_seconds(work)
    print(f"lint: {1000 * seconds:.1f} ms CPU with {len(rules)} rules")
    assert seconds <= 0.05
