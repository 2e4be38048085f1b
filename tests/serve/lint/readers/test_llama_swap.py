"""llama-swap files: macros, filters, groups, ports, and the line of every flag."""

import time

import pytest

from seatrial.core.errors import UserError
from seatrial.serve.lint.readers.llama_swap import is_llama_swap, read_llama_swap
from seatrial.serve.lint.readers.yaml_file import parse_yaml

TEXT = r"""healthCheckTimeout: 500
startPort: 10001
macros:
  "latest": >
    /opt/llama-server-ec9e0301
    --port ${PORT}
  "default_ctx": 4096
  "default_args": "--ctx-size ${default_ctx}  -fa on"
  "models_dir": "${env.HOME}/models"
models:
  "gpt-oss-120b":
    macros:
      "default_ctx": 16384
      "temp": 0.7
    cmd: |
      # ${latest} isn't used in a comment
      ${latest} \
      --model "${models_dir}/gpt-oss-120B.gguf"
      --temperature ${temp} ${default_args}
      --chat-template-kwargs '{"a": true}'
    env:
      - "CUDA_VISIBLE_DEVICES=0,1,2"
      - LLAMA_ARG_N_PARALLEL=2
    ttl: 60
    concurrencyLimit: 4
    checkEndpoint: /health
    filters:
      stripParams: "temperature, top_p, model"
      setParams:
        temperature: ${temp}
        stop: ["a"]
      setParamsByID:
        "${MODEL_ID}": {top_k: 1}
        "${MODEL_ID}:high":
          chat_template_kwargs:
            reasoning_effort: high
    aliases:
      - id: "gpt-4o-mini"
      - other
    capabilities: {context: "${default_ctx}"}
    timeouts:
      connect: 30
  v:
    cmd: vllm serve X --port ${PORT}
  w:
    cmd: /opt/thing --port ${PORT}
groups:
  big: {swap: false, persistent: true, members: [v, w]}
"""


def read(text, env=None):
    return {one.name: one for one in read_llama_swap(parse_yaml(text, "f.yml"), "f.yml", env)}


def models(*lines, macros=""):
    body = "\n".join(f"  m{n}:\n    cmd: {line}" for n, line in enumerate(lines))
    return f"macros:\n{macros}\nmodels:\n{body}\n" if macros else f"models:\n{body}\n"


def test_flags_of_every_level_of_macros_with_their_places():
    config = read(TEXT)["gpt-oss-120b"]
    assert (config.family, config.place.line) == ("llama-swap", 11)
    found = {name: (one.value, one.place.line, one.written) for name, one in config.options.items()}
    assert found == {
        "parallel": (2, 23, "LLAMA_ARG_N_PARALLEL=2"),
        "port": (10001, 6, "--port ${PORT}"),
        "model": ("${env.HOME}/models/gpt-oss-120B.gguf", 18,
                  '--model "${models_dir}/gpt-oss-120B.gguf"'),
        "temp": (0.7, 19, "--temperature ${temp}"),
        "ctx-size": (16384, 8, "--ctx-size ${default_ctx}"),
        "flash-attn": ("on", 8, "-fa on"),
        "chat-template-kwargs": ('{"a": true}', 20, "--chat-template-kwargs '{\"a\": true}'"),
    }  # fmt: skip
    lines = TEXT.split("\n")
    for _, line, written in found.values():
        assert written in lines[line - 1]
    assert not config.unknown


def test_filters_are_what_the_server_gets():
    config = read(TEXT)["gpt-oss-120b"]
    assert config.strips == ("temperature", "top_p")
    assert {name: one.value for name, one in config.sets.items()} == {
        "temperature": 0.7, "stop": '["a"]', "top_k": 1,
    }  # fmt: skip


def test_what_the_proxy_says():
    config = read(TEXT)["gpt-oss-120b"]
    assert {name: one.value for name, one in config.proxy.items()} == {
        "kind": "llama-swap",
        "healthCheckTimeout": 500,
        "ttl": 60,
        "checkEndpoint": "/health",
        "concurrencyLimit": 4,
        "timeouts.connect": 30,
        "capabilities.context": 16384,
        "aliases": "gpt-4o-mini,other,gpt-oss-120b:high",
    }
    assert read(TEXT)["v"].proxy["group.persistent"].value is True


def test_other_programs_keep_their_family_and_ports_count_up():
    found = read(TEXT)
    assert found["v"].family == "vllm" and found["v"].get("port") == 10002
    assert found["w"].family == "openai" and not found["w"].options
    assert found["w"].proxy["group"].value == "big"


def test_a_known_variable_is_put_in():
    assert read(TEXT, {"HOME": "/h"})["gpt-oss-120b"].get("model") == "/h/models/gpt-oss-120B.gguf"


def test_a_matrix_and_the_new_place_of_groups():
    base = models("llama-server -m a", "llama-server -m b")
    matrix = "matrix:\n  vars: {a: m0, b: m1}\n  sets: {x: a & b, y: +x}\n"
    assert read(base + matrix)["m0"].proxy["matrix.sets"].value == "x,y"
    router = "routing: {router: {use: group, settings: {groups: {g: {swap: true, members: [m1]}}}}}"
    found = read(base + router)
    assert found["m1"].proxy["group.swap"].value is True and "group" not in found["m0"].proxy


@pytest.mark.parametrize(
    ("macros", "said"),
    [
        ('  a: "${b}"\n  b: "${a}"', "the macro a holds itself: a -> b -> a"),
        ('  a: "x ${a}"', "the macro a holds itself: a -> a"),
        ('  c: "${a}"\n  a: "${b}"\n  b: "${c}"', "holds itself: a -> b -> c -> a"),
        ('  a: "${b}"\n  b: "-c 1"', "the macro a uses ${b}, which is declared after it"),
        ('  a: "${nope}"', "the macro ${nope} is not declared"),
    ],
)
def test_macros_with_which_llama_swap_does_not_start(macros, said):
    for cmd in ("llama-server ${a}", "llama-server --alias=x${a}"):
        with pytest.raises(UserError) as raised:
            read(models(cmd, macros=macros))
        assert said in raised.value.message and raised.value.hint
        assert "model m0" in raised.value.message


def test_macros_that_multiply_are_bounded():
    macros = '  a0: "x x"\n' + "\n".join(
        f'  a{n}: "${{a{n - 1}}} ${{a{n - 1}}}"' for n in range(1, 60)
    )
    started = time.process_time()
    for cmd in ("llama-server ${a59}", "llama-server --alias=${a59}"):
        with pytest.raises(UserError, match="unfold into more than"):
            read(models(cmd, macros=macros))
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models: {}", "no models"),
        ("models: {a: 1}", "model a is no mapping"),
        ("models: {a: {ttl: 1}}", "model a has no cmd"),
        ('models:\n  a:\n    cmd: "llama-server \'x"', "a quote is not closed"),
        ("models: [1]", "no models"),
    ],
)
def test_broken_files_say_where(text, said):
    with pytest.raises(UserError) as raised:
        read(text)
    assert said in raised.value.message and raised.value.hint and "\n" not in raised.value.message


def test_a_folded_cmd_and_a_plain_one_over_several_lines():
    for style in (">", "|", ">-", ""):
        text = f"models:\n  m:\n    cmd: {style}\n      llama-server\n      -m a\n      -c 4096\n"
        assert read(text)["m"].options["ctx-size"].place.line == 6


def test_which_yaml_is_a_llama_swap_file():
    assert is_llama_swap(parse_yaml(TEXT, "f"))
    assert not is_llama_swap(parse_yaml("models: [a]", "f"))
    assert not is_llama_swap(parse_yaml("model: x\nservices: {}", "f"))


def test_a_matrix_of_sets_that_hold_each_other_ends():
    text = models("llama-server -m a") + "matrix: {vars: {a: m0}, sets: {x: +y, y: +x & a}}"
    assert read(text)["m0"].proxy["matrix.sets"].value == "x,y"


def test_text_without_quotes_that_becomes_several_words():
    found = read(models("llama-server -m a ${x}", macros='  x: "-c 4096 -np 2"'))["m0"]
    assert (found.get("ctx-size"), found.get("parallel")) == (4096, 2)
    assert found.options["ctx-size"].place.line == 2


def test_profiles_and_selectors_give_names_another_meaning():
    text = models("llama-server -m a", "llama-server -m b", "llama-server -m c")
    text += "profiles: {coding: {pins: {m0: m1, m2: m2}}}\n"
    text += "selectors:\n  any:\n    strategy: warm\n    targets: [m1]\n"
    found = read(text)
    assert found["m0"].proxy["profile.coding"].value == "m0 -> m1"
    assert found["m1"].proxy["profile.coding"].written == "m0: m1"
    assert found["m1"].proxy["selector.any"].value == "warm"
    assert set(found["m2"].proxy) == {"kind"}
