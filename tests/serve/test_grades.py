"""What proves what, and what does not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from seatrial.serve.canary import Canary, Song
from seatrial.serve.grades import Proof, judge
from tests.serve.proving import SUNG, a_testimony, facts, seen, weights


def judged(*models: Any, family: str = "llama.cpp", **more: Any) -> Proof:
    here = more.pop("here", True)
    asked = more.pop("asked", None)
    told = a_testimony(*models, **more)
    return judge(facts(family), told, SUNG, here=here, asked=asked)


def test_a_process_that_has_the_file() -> None:
    proof = judged(seen())
    assert (proof.grade, proof.missing, proof.weights) == ("process", (), weights())
    assert proof.seen == (
        "process 5 alone holds port 1",
        "it has a.gguf in memory, untouched since it began",
        "a canary was taken (log-probabilities)",
    )


def test_the_same_from_afar_is_never_a_process() -> None:
    assert judged(seen(), here=False).grade == "witness"


@pytest.mark.parametrize(
    ("models", "more", "why"),
    [
        ((), {}, "no model file is seen"),
        ((seen(untouched=False),), {}, "was touched after the process began"),
        ((seen(),), {"several": True}, "several processes behind the port have a model each"),
        ((seen(),), {"worker": 6}, "has no model itself and passes requests on"),
        ((), {"unread": ("/m/a.gguf: damaged",)}, "no digest: /m/a.gguf: damaged"),
        ((seen("/m/b.gguf", memory=False),), {}, "the server names /m/a.gguf, the process has b"),
        ((seen(),), {"argv": ("/usr/bin/docker-proxy",)}, "docker-proxy, which only forwards it"),
    ],
)
def test_what_is_no_proof(models: Any, more: Any, why: str) -> None:
    proof = judged(*models, **more)
    assert proof.grade == "canary"
    assert why in proof.missing[0]
    assert proof.weights is None
    assert proof.contradictions == ()


def test_the_server_names_another_file_than_the_process_has() -> None:
    proof = judged(seen("/m/b.gguf"))
    assert proof.contradictions == ("the server names /m/a.gguf, the process has b.gguf",)
    assert (proof.grade, proof.weights) == ("canary", None)


def test_the_one_of_two_files_that_the_server_names() -> None:
    assert judged(seen("/m/draft.gguf"), seen()).weights == weights()


def test_two_files_and_a_server_that_names_neither() -> None:
    told = a_testimony(seen("/m/a.gguf"), seen("/m/b.gguf"))
    proof = judge(facts("ollama", "qwen3:4b"), told, SUNG, here=True)
    assert proof.missing == ("the process has 2 models: which one answers is not seen",)


def test_a_child_has_the_model_where_that_is_how_the_family_works() -> None:
    proof = judged(seen(), family="llama-swap", worker=6)
    assert proof.grade == "process"
    assert "its child 6 has the model" in proof.seen


def test_started_with_a_folder() -> None:
    told = a_testimony(seen("/m/fused", memory=False))
    proof = judge(facts("vllm", "/m/fused"), told, SUNG, here=True)
    assert proof.grade == "process"
    assert "it was started with fused, untouched since it began" in proof.seen


@pytest.mark.parametrize(
    ("asked", "grade"),
    [("default_model", "process"), ("/m/fused", "process"), ("other/model", "canary")],
)
def test_what_a_request_loads_is_not_what_the_process_was_started_with(
    asked: str, grade: str
) -> None:
    told = a_testimony(seen("/m/fused", memory=False))
    assert judge(facts("mlx", "/m/fused"), told, SUNG, here=True, asked=asked).grade == grade


def test_adapters_that_are_seen() -> None:
    lora = seen("/m/lora.gguf", memory=False)
    adapter = weights("/m/lora.gguf", kind="adapter")
    proof = judged(seen(), type(lora)(**{**_fields(lora), "weights": adapter}))
    assert proof.adapters == (adapter,)


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__struct_fields__}


@pytest.mark.parametrize(
    ("canary", "grade", "why"),
    [
        (SUNG, "canary", None),
        (Canary(chat=Song(kind="text", asked="/x", text="a")), "canary", None),
        (Canary(), "declared", "no canary: the server gave nothing to compare"),
        (
            Canary(chat=Song(kind="text", asked="/x", text="a", steady=False)),
            "declared",
            "no canary: the server does not answer the same twice, even greedily",
        ),
    ],
)
def test_without_a_testimony(canary: Canary, grade: str, why: str | None) -> None:
    proof = judge(facts(), None, canary, here=False, unseen="it is far away")
    assert proof.grade == grade
    assert proof.missing == ("it is far away", *([why] if why else []))


def test_a_model_that_is_not_loaded_is_not_the_one_in_memory() -> None:
    told = a_testimony(seen("/blobs/a"), worker=6)
    here = facts("ollama", None, loaded=("a:latest",))
    swaps = msgspec.structs.replace(here.family, loads_on_request=True)
    proof = judge(
        msgspec.structs.replace(here, family=swaps), told, SUNG, here=True, asked="b:cloud"
    )
    assert (proof.grade, proof.weights) == ("canary", None)
    assert proof.missing == ("b:cloud was not loaded when the process was looked at",)


@pytest.mark.parametrize("family", ["vllm", "mlx"])
def test_a_draft_or_an_adapter_on_the_command_line_is_not_the_model(family: str) -> None:
    told = a_testimony(seen("/m/draft", memory=False))
    proof = judge(facts(family, "Qwen/Qwen3-8B"), told, SUNG, here=True)
    assert (proof.grade, proof.weights) == ("canary", None)
    assert "nothing says that it answers" in proof.missing[0]


def test_the_name_leads_to_another_file_than_is_in_memory() -> None:
    proof = judged(seen("/m/v1/a.gguf"), seen(memory=False))
    assert (proof.grade, proof.weights) == ("canary", None)
    assert "that is /m/v1/a.gguf" in proof.missing[0]
