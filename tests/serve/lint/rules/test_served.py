"""Rules on what a server says of itself."""

from __future__ import annotations

import pytest

from seatrial.serve.facts import Fact, ServerFacts
from seatrial.serve.families import traits_of
from seatrial.serve.lint.rule import lint, registered
from seatrial.serve.lint.subject import Subject


def fired(rule: str, facts: ServerFacts | None = None, **subject: object) -> list[str]:
    rules = [one for one in registered() if one.id == rule]
    assert len(rules) == 1
    return [found.seen for found in lint(Subject(facts=facts, **subject), rules).findings]


def server(family: str = "llama.cpp", **facts: object) -> ServerFacts:
    return ServerFacts(url="http://127.0.0.1:8080", family=traits_of(family), **facts)


MINE = "/models/tuned-4b-mlx"


def test_the_first_of_a_cache_is_another_model():
    others = ("org/base-4bit", MINE)
    assert fired("D30", server("mlx", listed=others)) == [
        f"/v1/models lists org/base-4bit first, the server was started with {MINE}"
    ]
    assert not fired("D30", server("mlx", listed=(MINE, "org/base-4bit")))
    assert not fired("D30", server("mlx", listed=("org/one", "org/two")))
    assert not fired("D30", server("llama.cpp", listed=others))


@pytest.mark.parametrize(
    ("name", "parameters", "lies"),
    [
        ("Qwen3-Coder-30B-A3B", 8_190_000_000, True),
        ("Qwen3-Coder-30B-A3B", 30_532_000_000, False),
        ("qwen3-8b", 8_190_000_000, False),
        ("gemma-4-E4B", 7_850_000_000, False),
        ("Qwen3-0.6B", 751_000_000, False),
        ("my-model", 8_190_000_000, False),
        ("4bit-model-7b", 7_600_000_000, False),
        ("mix-8x7B", 46_700_000_000, False),
        ("Llama-4-Scout-17B-16E", 107_800_000_000, False),
        ("internlm2-1_8b", 1_900_000_000, False),
        ("70b", 8_000_000_000, True),
    ],
)
def test_a_name_of_another_size(name, parameters, lies):
    facts = server(listed=(name,), parameters=Fact(parameters, "/v1/models"))
    assert bool(fired("D31", facts)) is lies


def test_without_a_number_the_path_tells_the_size():
    path = Fact("/models/qwen3-8b-q4.gguf", "/props")
    assert fired("D31", server(listed=("coder-30b",), model=path))
    assert not fired("D31", server(listed=("coder-8b",), model=path))
    # An id is only another name: it proves nothing about the weights.
    assert not fired("D31", server(listed=("coder-30b",), model=Fact("x-8b", "/v1/models")))


def test_numbers_that_look_like_the_window():
    window, declared = Fact(8192, "/props"), (Fact(262144, "/v1/models n_ctx_train"),)
    assert fired("D32", server(window=window, declared_windows=declared))
    assert not fired("D32", server(window=window, declared_windows=(Fact(8192, "x"),)))
    assert not fired("D32", server(declared_windows=declared))


def test_an_empty_template():
    assert fired("D33", server(template=Fact(" \n", "/props")))
    assert not fired("D33", server(template=Fact("{{ x }}", "/props")))
    assert not fired("D33", server())


def test_a_window_that_nobody_knows():
    assert fired("D34", server())
    assert not fired("D34", server(window=Fact(4096, "/props")))
    assert not fired("D34", server("mlx"))


@pytest.mark.parametrize(("device", "fires"), [("cpu", True), ("both", True), ("gpu", False)])
def test_the_device(device, fires):
    assert bool(fired("D35", server("ollama", device=Fact(device, "/api/ps")))) is fires
    assert not fired("D35", server("ollama"))


@pytest.mark.parametrize(
    ("line", "fires"),
    [
        ("warning: no usable GPU found, --gpu-layers option will be ignored", True),
        ("load_tensors: offloaded 0/37 layers to GPU", True),
        ("load_tensors: offloaded 37/37 layers to GPU", False),
        ("load_tensors: offloaded 10/37 layers to GPU", False),
    ],
)
def test_the_log(line, fires):
    assert bool(fired("D36", log=("main: starting", line))) is fires


def test_the_size_of_one_of_several_loaded_models_is_not_held_against_the_others():
    facts = server(
        "ollama",
        loaded=("qwen3:8b", "llama3:70b"),
        parameters=Fact(8_200_000_000, "/api/show"),
        model=Fact("qwen3:8b", "/api/ps"),
    )
    assert not fired("D31", facts, asked="qwen3:8b")
    assert not fired("D31", facts)
