"""No text of a configuration, however wrong as a number, makes a lint fail."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.core.errors import UserError
from seatrial.serve.lint.effective import as_number
from seatrial.serve.lint.load import read_command, read_configs
from seatrial.serve.lint.rule import lint
from seatrial.serve.lint.subject import ClientConfig, Place, ServerConfig, Setting, Subject
from seatrial.serve.lint.windows import whole

HUGE = "9" * 5000
NUMBERS = st.one_of(
    st.sampled_from(
        [HUGE, "-" + HUGE, "1e999", "1e308", "-1e308", "nan", "inf", "²", "٣", "0x10", "1_000", ""]
    ),
    st.integers().map(str),
    st.integers(10**17, 10**25).map(str),
    st.floats().map(str),
    st.text("0123456789.eE+-kKmM", max_size=30),
)
YAML = """\
healthCheckTimeout: {0}
startPort: {1}
models:
  a:
    cmd: llama-server -m a.gguf -c {2} -np {3} --port ${{PORT}} -n {0} --temp {1} --cache-ram {2}
    ttl: {1}
    concurrencyLimit: {3}
    capabilities: {{context: {2}}}
    filters: {{setParams: {{temperature: {3}, max_tokens: {0}, dry_penalty_last_n: {1}}}}}
"""


def run(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(text)
    try:
        found = read_configs([folder / name for name in files])
    except UserError:
        return
    lint(
        Subject(
            servers=tuple(one for one in found if isinstance(one, ServerConfig)),
            clients=tuple(one for one in found if isinstance(one, ClientConfig)),
            extra={"concurrency": 2},
        )
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(NUMBERS, min_size=4, max_size=4))
def test_whatever_stands_where_a_number_belongs(values: list[str]) -> None:
    a, b, c, d = values
    model = f'"id": "a", "contextWindow": {a}, "maxTokens": {b}'
    client = f'{{"providers": {{"x": {{"models": [{{{model}}}]}}}}}}'
    text = json.dumps({"models": "a", "context_length": c})
    with TemporaryDirectory() as folder:
        run(Path(folder), {"config.yaml": YAML.format(a, b, c, d), "models.json": client})
        run(Path(folder), {"load.json": text})
        run(Path(folder), {"Modelfile": f"FROM a\nPARAMETER num_ctx {a}\nPARAMETER top_k {b}\n"})
        run(Path(folder), {"p.ini": f"[a]\nmodel = a.gguf\nc = {a}\nnp = {b}\ntemp = {c}\n"})
        run(Path(folder), {"ollama.env": f"OLLAMA_CONTEXT_LENGTH={a}\nOLLAMA_NUM_PARALLEL={b}\n"})
        aider = f"- name: openai/a\n  extra_params: {{max_tokens: {a}, timeout: {d}}}\n"
        run(Path(folder), {".aider.model.settings.yml": aider})


@pytest.mark.parametrize("text", [HUGE, "²", "1" * 19, "nan", "inf", "1e400", "-1"])
def test_what_is_no_number_of_tokens(text: str) -> None:
    assert whole(Setting(text, Place("x"), text)) is None


@pytest.mark.parametrize("value", [HUGE, "nan", "inf", 10**400, float("nan"), float("inf")])
def test_what_is_no_number(value: str | float) -> None:
    assert as_number(value) is None
    assert whole(Setting(value, Place("x"), "x")) is None


def test_a_long_number_on_a_command_line() -> None:
    for flag in ("-c", "-np", "-n", "--port", "--temp", "--cache-ram", "--spec-draft-n-max"):
        lint(Subject(servers=(read_command(f"llama-server -m a.gguf {flag} {HUGE}"),)))
