"""The real embedded engine with the shipped models: no false accusation, and in time."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from seatrial.chat.transport import Transport
from seatrial.models import model_path
from seatrial.serve import LaunchSpec, launch
from seatrial.serve.survey.run import FAILED, survey
from seatrial.serve.survey.survey import Depth, Survey
from tests.serve.survey.asking import llama_facts, verdicts

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(
        importlib.util.find_spec("xllamacpp") is None, reason="xllamacpp is not installed"
    ),
]

WINDOW = 4096


async def asked(model: str, tmp_path: Path, depth: Depth, slots: int = 1) -> Survey:
    spec = LaunchSpec(
        model=model_path(model), window_tokens=WINDOW, slots=slots, log=tmp_path / "engine.log"
    )
    async with launch(spec) as engine, Transport(engine.url) as server:
        facts = llama_facts(engine.url, window=WINDOW, command=engine.argv)
        found = await survey(server, facts, depth=depth)
    assert not [reason for reason in found.skipped.values() if reason.startswith(FAILED)]
    return found


@pytest.mark.parametrize("model", ["dinghy", "dinghy-raw", "dinghy-coder"])
async def test_quick_accuses_nobody_and_takes_seconds(model: str, tmp_path: Path) -> None:
    found = await asked(model, tmp_path, "quick")
    assert verdicts(found, "bad") == {}
    assert found.seconds < 10
    print(f"\n{model}: {found.requests} requests in {found.seconds:.2f} s")
    known = verdicts(found, "good")
    for id_ in ("sampler.greedy_repeats", "sampler.seed_repeats", "sampler.seeds_differ"):
        assert id_ in known
    for knob in ("temperature", "top_k", "top_p", "min_p", "repeat_penalty"):
        assert f"sampler.knob.{knob}" in known
    for id_ in ("cache.prefix", "system.reaches_model", "tools.reach_model", "stops.string"):
        assert id_ in known


@pytest.mark.parametrize("slots", [1, 2])
async def test_all_of_it_learns_the_real_window(slots: int, tmp_path: Path) -> None:
    found = await asked("dinghy", tmp_path, "overflow", slots)
    assert verdicts(found, "bad") == {}
    window, shape = found.find("overflow.window"), found.find("overflow.shape")
    assert window is not None and shape is not None
    assert window.values["learnt_tokens"] == WINDOW
    assert shape.values["shape"] == "refuses"
    known = verdicts(found, "good")
    for knob in ("presence_penalty", "frequency_penalty", "dry_multiplier", "xtc_probability"):
        assert f"sampler.knob.{knob}" in known
    assert {"sampler.knob.mirostat", "window.whole_prompt", "conc.two"} <= set(known)
    deep = found.find("speed.90")
    assert deep is not None
    assert 3_400 < deep.values["context_tokens"] < WINDOW


async def test_a_window_that_is_smaller_than_stated_is_found(tmp_path: Path) -> None:
    spec = LaunchSpec(model=model_path("dinghy"), window_tokens=1024, log=tmp_path / "engine.log")
    async with launch(spec) as engine, Transport(engine.url) as server:
        facts = llama_facts(engine.url, window=WINDOW, command=engine.argv)
        found = await survey(server, facts, only={"overflow", "depth"})
    window = found.bad("overflow.window")
    assert window is not None
    assert window.values == {"stated_tokens": WINDOW, "learnt_tokens": 1024}
    assert found.bad("window.whole_prompt") is not None
