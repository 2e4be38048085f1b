"""Facts, testimonies and records for tests that judge and compare them."""

from __future__ import annotations

from typing import Any

import msgspec

from seatrial.serve.canary import Canary, Song, Step
from seatrial.serve.facts import Fact, ServerFacts, Traits
from seatrial.serve.record import Record
from seatrial.serve.testimony import SeenModel, Testimony
from seatrial.serve.weights import Weights

SUNG = Canary(
    raw=Song(kind="logprobs", asked="/completion", steps=(Step("1", {"1": -0.1}),)),
    chat=Song(kind="logprobs", asked="/completion", steps=(Step("2", {"2": -0.2}),)),
    rendered="aa",
)


def sung(raw: float = -0.1, chat: float = -0.2, rendered: str | None = "aa") -> Canary:
    """A canary of one token each."""
    songs = [
        Song(kind="logprobs", asked="/completion", steps=(Step("1", {"1": value}),))
        for value in (raw, chat)
    ]
    return Canary(raw=songs[0], chat=songs[1], rendered=rendered)


def facts(family: str = "llama.cpp", model: str | None = "/m/a.gguf", **more: Any) -> ServerFacts:
    traits: dict[str, Any] = {"title": family, "ports": (), "listing": "loaded"}
    if family == "mlx":
        traits |= {"title": "mlx_lm.server", "listing": "cache"}
        traits |= {"echoes_model": True, "loads_on_request": True}
    known = Traits(id=family, overflow="unknown", **traits)
    named = None if model is None else Fact(model, "/props")
    return ServerFacts(url="http://127.0.0.1:1", family=known, model=named, **more)


def weights(path: str = "/m/a.gguf", **more: Any) -> Weights:
    given: dict[str, Any] = {"files": (path,), "sha256": "a" * 64, "size_bytes": 10}
    given |= {"architecture": "qwen3", "quantization": "Q8_0", "parameters": 100}
    return Weights(path=path, **(given | more))


def seen(path: str = "/m/a.gguf", *, memory: bool = True, untouched: bool = True) -> SeenModel:
    return SeenModel(weights=weights(path), names=(path,), in_memory=memory, untouched=untouched)


def a_testimony(*models: SeenModel, **more: Any) -> Testimony:
    given: dict[str, Any] = {"made_at": "2026-01-02T03:04:05+00:00", "hostname": "box"}
    given |= {"boot_id": "b", "port": 1, "pid": 5, "argv": ("llama-server",), "worker": 5}
    given |= {"worker_argv": ("llama-server",), "started_at": None, "several": False}
    return Testimony(models=models, **(given | more))


def record(**more: Any) -> Record:
    """A record of `/m/a.gguf`; `served` is taken over the usual values."""
    served = {
        "family": "llama.cpp",
        "weights": "a" * 64,
        "model": "/m/a.gguf",
        "parameters": 100,
        "adapters": [],
        "quantization": "Q8_0",
        "build": "b1",
        "template": "t1",
        "window_tokens": 32768,
        "slots": 1,
        "sampler": {"temperature": 0.8, "top_k": 40},
        "eos": "<|im_end|>",
    }
    given: dict[str, Any] = {"made_at": "2026-01-02T03:04:05+00:00", "seatrial": "0"}
    given |= {"url": "http://x", "asked": None, "grade": "process", "seen": (), "missing": ()}
    given |= {"weights": weights(), "testimony": None, "canary": SUNG, "fingerprint": "f"}
    given |= {"expectation": None}
    return Record(served=served | more.pop("served", {}), **(given | more))


def unknown(one: Record) -> Record:
    """The same server, seen from far away."""
    served = {**one.served, "weights": None}
    return msgspec.structs.replace(one, served=served, weights=None, grade="canary")
