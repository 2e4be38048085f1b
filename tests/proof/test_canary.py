"""The canary of the shipped model: the same after every restart, another after every change.

Twenty starts of the engine, then one for each change that a person could make unawares. About
half a minute on two cores.
"""

from __future__ import annotations

import struct
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from seatrial.chat.transport import Transport
from seatrial.models import adapter_path, model_path
from seatrial.serve import Adapter, LaunchSpec, attest_url, launch
from seatrial.serve.canary import Canary, difference, match_songs, match_templates
from seatrial.serve.singing import sing_anywhere
from tests.serve.requantized import Q4_0, requantize, string
from tests.serve.test_engine import engine_test

pytestmark = [pytest.mark.proof, *engine_test]

RESTARTS = 20
SECONDS = 2.0
_STRING = 8


@pytest.fixture
def spec(tmp_path: Path) -> LaunchSpec:
    return LaunchSpec(model=model_path("dinghy"), window_tokens=1024, log=tmp_path / "engine.log")


async def taken(spec: LaunchSpec) -> Canary:
    async with launch(spec) as engine, Transport(engine.url) as server:
        return await sing_anywhere(server, "llama.cpp", model=None)


def with_template(source: Path, target: Path, old: str, new: str) -> Path:
    """A copy of a GGUF file whose chat template says `new` for `old`, of the same length."""
    data = source.read_bytes()
    key = string("tokenizer.chat_template") + struct.pack("<I", _STRING)
    start = data.index(key) + len(key)
    (length,) = struct.unpack_from("<Q", data, start)
    text = data[start + 8 : start + 8 + length]
    changed = text.replace(old.encode(), new.encode())
    assert changed != text
    assert len(changed) == len(text)
    target.write_bytes(data[: start + 8] + changed + data[start + 8 + length :])
    return target


async def test_twenty_restarts(spec: LaunchSpec) -> None:
    first = await taken(spec)
    assert first.kind == "logprobs"
    for number in range(RESTARTS):
        # Slots and threads change the order of sums and nothing else.
        again = await taken(replace(spec, slots=1 + number % 2, threads=1 + number % 2))
        assert difference(first, again) is None
        assert again.fingerprint == first.fingerprint


async def test_its_cost(spec: LaunchSpec) -> None:
    async with launch(spec) as engine:
        start = time.monotonic()
        found = await attest_url(engine.url)
        assert time.monotonic() - start < SECONDS
    assert found.grade == "process"


@pytest.mark.parametrize("name", ["dinghy-raw", "dinghy-coder"])
async def test_another_model(spec: LaunchSpec, name: str) -> None:
    first, other = await taken(spec), await taken(replace(spec, model=model_path(name)))
    assert match_songs(first.raw, other.raw).parts
    assert first.fingerprint != other.fingerprint


async def test_an_adapter(spec: LaunchSpec) -> None:
    coder = replace(spec, model=model_path("dinghy-coder"))
    healed = replace(coder, adapters=(Adapter(adapter_path("dinghy-heal"), 1.0),))
    half = replace(coder, adapters=(Adapter(adapter_path("dinghy-heal"), 0.5),))
    sung = [await taken(one) for one in (coder, healed, half)]
    assert match_songs(sung[0].raw, sung[1].raw).parts
    assert match_songs(sung[1].raw, sung[2].raw).parts


async def test_another_quantization(spec: LaunchSpec, tmp_path: Path) -> None:
    small = requantize(spec.model, tmp_path / "small.gguf", Q4_0)
    first, other = await taken(spec), await taken(replace(spec, model=small))
    assert match_songs(first.raw, other.raw).parts
    assert difference(first, other)


async def test_another_template(spec: LaunchSpec, tmp_path: Path) -> None:
    model = with_template(spec.model, tmp_path / "other.gguf", "<|im_start|>", "<|im_begin|>")
    first, other = await taken(spec), await taken(replace(spec, model=model))
    assert match_songs(first.raw, other.raw).agrees
    assert match_templates(first, other).parts
    assert first.fingerprint != other.fingerprint
