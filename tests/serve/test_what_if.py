"""What-if words: what they mean, what is refused, and the largest window that fits."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from seatrial.core.errors import UserError
from seatrial.serve.memory import beside_card
from seatrial.serve.what_if import Setup, estimate_of, largest_window, setup_of, what_if
from tests.serve.lint.clean import header, server
from tests.serve.test_memory import CELL, model

GIB = 1 << 30


def test_words_short_and_long() -> None:
    assert what_if("ctk=q8_0,c=262144") == Setup(cache_type_k="q8_0", ctx_size=262_144)
    assert what_if(" --cache-type-k = Q8_0 , ctx-size=256k,") == what_if("ctk=q8_0,c=262144")
    whole = what_if("np=2,ctv=q4_0,ngl=20,fa=off,kvu=on,ub=1024,swa-full=1")
    assert whole == Setup(
        parallel=2,
        cache_type_v="q4_0",
        n_gpu_layers=20,
        flash_attn=False,
        kv_unified=True,
        ubatch_size=1024,
        swa_full=True,
    )
    assert what_if("ngl=all", Setup(n_gpu_layers=4)).n_gpu_layers is None


def test_the_rest_stays() -> None:
    base = Setup(ctx_size=4096, parallel=1)
    assert what_if("c=8192", base) == msgspec.structs.replace(base, ctx_size=8192)


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("ctx=4096", "unknown key in what-if: ctx", "known: c (ctx-size)"),
        ("ctk-size=4096", "unknown key", "did you mean ctx-size?"),
        ("c", "has no value", "c=VALUE"),
        ("c=", "has no value", "c=VALUE"),
        ("c=1,ctx-size=2", "ctx-size stands twice", "once"),
        ("ctk=q3_K", "no such type: q3_K", "q8_0"),
        ("c=-1", "no number from", "c=256k"),
        ("c=99999999999", "no number from", "c=256k"),
        ("np=0", "no number from 1", ""),
        ("c=1e5", "no number from", ""),
        ("fa=maybe", "neither on nor off", "on or off"),
        ("", "nothing to change", "ctk=q8_0"),
        (",,", "nothing to change", "ctk=q8_0"),
    ],
)
def test_words_that_mean_nothing(text: str, says: str, hint: str) -> None:
    with pytest.raises(UserError) as caught:
        what_if(text)
    assert says in caught.value.message
    assert hint in (caught.value.hint or "")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("options", "setup"),
    [
        ({}, Setup()),
        ({"ctx-size": 0, "parallel": -1, "n-gpu-layers": -1}, Setup()),
        ({"ctx-size": 4096, "parallel": 2}, Setup(ctx_size=4096, parallel=2)),
        ({"flash-attn": "auto", "kv-unified": True}, Setup(kv_unified=True)),
        ({"flash-attn": "off", "n-gpu-layers": "all"}, Setup(flash_attn=False)),
        ({"cache-type-v": "q8_0", "model": "a.gguf"}, Setup(cache_type_v="q8_0")),
    ],
)
def test_of_a_configuration(options: dict[str, Any], setup: Setup) -> None:
    assert setup_of(server(options)) == setup


def test_slots_share_unless_they_are_counted() -> None:
    found = model()
    auto = estimate_of(found, Setup(ctx_size=8192))
    divided = estimate_of(found, Setup(ctx_size=8192, parallel=4))
    assert auto.likely("cache") == divided.likely("cache") == 4 * 8192 * CELL


def test_without_a_window_the_trained_one() -> None:
    assert estimate_of(model(), Setup(parallel=1)).likely("cache") == 4 * 32_768 * CELL
    with pytest.raises(UserError, match="does not say"):
        estimate_of(header({}), Setup())


def test_the_largest_window_that_fits() -> None:
    found, setup = model(layers=48), Setup(parallel=1)
    card = 5 * GIB // 2
    most = largest_window(found, setup, card)
    assert most is not None
    assert most % 256 == 0
    fitting = msgspec.structs.replace(setup, ctx_size=most)
    assert beside_card(estimate_of(found, fitting), card).verdict == "fits"
    more = msgspec.structs.replace(setup, ctx_size=most + 256)
    assert most < 32_768
    assert beside_card(estimate_of(found, more), card).verdict != "fits"
    assert largest_window(found, setup, 80 * GIB) == 32_768  # what it was trained for
    assert largest_window(found, setup, GIB) is None
    smaller = what_if("ctk=q8_0,ctv=q8_0", setup)
    assert (largest_window(found, smaller, card) or 0) > most
