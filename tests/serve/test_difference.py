"""Two records, and the difference in words."""

from __future__ import annotations

from typing import Any

import pytest

from seatrial.serve.canary import Canary, Song
from seatrial.serve.difference import compare
from seatrial.serve.record import Record
from tests.serve.proving import a_testimony, record, sung, unknown, weights

LORA = {"path": "/l/heal.gguf", "scale": 1.0, "sha256": "c" * 64}
OTHER_LORA = {"path": "/l/other.gguf", "scale": 1.0, "sha256": "d" * 64}


def other(path: str = "/m/b.gguf", canary: Canary | None = None, **more: Any) -> Record:
    """A record of another file."""
    held = weights(path, sha256="b" * 64, **more)
    served = {"weights": held.sha256, "model": path, "quantization": held.quantization}
    served["parameters"] = held.parameters
    return record(served=served, weights=held, canary=canary or sung(raw=-1.0, chat=-1.0))


def said(first: Record, second: Record) -> list[str]:
    found = compare(first, second)
    assert found.verdict == ("differs" if found.differences else found.verdict)
    return [one.said for one in found.differences]


def test_the_same() -> None:
    found = compare(record(), record())
    assert (found.verdict, found.differences) == ("same", ())
    assert found.notes == ("the digests of the weights agree",)


WEIGHTS = "the weights answer differently (canary): token 1 differs by 0.90 in log-probability"


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (
            other(architecture="llama"),
            ["another model: a.gguf became b.gguf (architecture: qwen3 became llama)", WEIGHTS],
        ),
        (
            other(parameters=7),
            ["another model: a.gguf became b.gguf (parameters: 100 became 7)", WEIGHTS],
        ),
        (other(quantization="Q4_0"), ["another quantization: Q8_0 became Q4_0", WEIGHTS]),
        (
            other(),
            ["other weights: a.gguf became b.gguf, of the same kind and size", WEIGHTS],
        ),
        (
            other(canary=sung()),
            ["another file: a.gguf became b.gguf; its weights answer the same"],
        ),
        (record(served={"family": "vllm"}), ["another server: llama.cpp became vllm"]),
        (record(served={"window_tokens": 8192}), ["window 32768 became 8192"]),
        (record(served={"slots": 4}), ["requests at a time: 1 became 4"]),
        (record(served={"build": "b2"}), ["another build: b1 became b2"]),
        (
            record(served={"sampler": {"temperature": 0.0, "top_k": 40}}),
            ["sampler default temperature 0.8 became 0.0"],
        ),
        (
            record(served={"template": "t2"}, canary=sung(rendered="bb")),
            [
                "template changed",
                "the canary changed: the chat template writes another prompt",
            ],
        ),
        (record(served={"adapters": [LORA]}), ["another adapter: none became heal.gguf"]),
    ],
)
def test_what_changed(second: Record, words: list[str]) -> None:
    assert said(record(), second) == words
    assert compare(second, record()).verdict == "differs"


def test_adapters() -> None:
    first = record(served={"adapters": [LORA]})
    second = record(served={"adapters": [OTHER_LORA]}, canary=sung(raw=-1.0))
    assert said(first, second) == ["another adapter: heal.gguf became other.gguf", WEIGHTS]
    weaker = record(served={"adapters": [{**LORA, "scale": 0.5}]})
    assert said(first, weaker) == ["adapter heal.gguf: scale 1 became 0.5"]
    assert said(first, record()) == ["another adapter: heal.gguf became none"]
    moved = record(served={"adapters": [{**LORA, "path": "/elsewhere/heal.gguf"}]})
    assert compare(first, moved).verdict == "same"
    found = compare(first, record(served={"adapters": None}))
    assert "one record does not know which adapters were applied" in found.notes


def test_from_afar_the_canary_decides() -> None:
    found = compare(record(), unknown(record()))
    assert found.verdict == "same"
    assert found.notes == (
        "the proof is weaker: process became canary",
        "the canaries agree in their log-probabilities; no digest was compared",
    )
    changed = unknown(other(canary=sung(raw=-1.0)))
    assert compare(record(), changed).verdict == "differs"


def test_a_template_that_is_not_shown_is_told_by_the_canary() -> None:
    first = record(served={"template": None}, canary=sung(rendered=None))
    second = record(served={"template": None}, canary=sung(chat=-1.0, rendered=None))
    assert said(first, second)[0].startswith("template changed: the weights answer the same, but")
    later = record(
        served={"template": None},
        canary=sung(chat=-1.0, rendered=None),
        made_at="2026-01-03T00:00:00+00:00",
    )
    assert "writes the date" in said(first, later)[0]


def test_alike_is_not_the_same() -> None:
    mute = unknown(record(canary=Canary()))
    found = compare(mute, mute)
    assert (found.verdict, found.differences) == ("unproven", ())
    assert "nothing proves that they are the same" in found.notes[-1]


def test_greedy_text_alone_is_no_ground() -> None:
    song = Song(kind="text", asked="/v1/completions", text="two short")
    one = unknown(record(canary=Canary(raw=song)))
    assert compare(one, one).verdict == "unproven"
    stated = unknown(record(canary=Canary(raw=song), served={"stated_digest": "ab12"}))
    found = compare(stated, stated)
    assert found.verdict == "same"
    assert "the digest that the server states" in found.notes[-1]


def test_a_name_alone_differs_by_word_only() -> None:
    mute = unknown(record(canary=Canary()))
    renamed = unknown(record(canary=Canary(), served={"model": "/m/b.gguf"}))
    assert said(mute, renamed) == ["another model: a.gguf became b.gguf (by the server's word)"]
    assert compare(unknown(record()), unknown(record(served={"model": "/m/b.gguf"}))).verdict == (
        "same"
    )


def test_digests_that_a_server_states() -> None:
    one, two = (
        unknown(record(canary=Canary(), served={"stated_digest": digest})) for digest in "xy"
    )
    assert said(one, two) == [
        "another model: a.gguf became a.gguf (the server states another digest)"
    ]


def test_spellings_of_a_quantization() -> None:
    one = unknown(record(served={"quantization": "Q4_K - Medium"}))
    two = unknown(record(served={"quantization": "Q4_K_M"}))
    assert compare(one, two).verdict == "same"


def test_command_lines_are_noted() -> None:
    first = ("llama-server", "-m", "a", "--port", "1", "-c", "4096")
    second = ("llama-server", "-m", "a", "--port", "2", "-c", "4096", "-ctk", "q8_0")
    one, two = (
        record(testimony=a_testimony(argv=argv, worker_argv=argv)) for argv in (first, second)
    )
    found = compare(one, two)
    assert found.verdict == "same"
    assert "the command line differs: without -, with -ctk q8_0" in found.notes
