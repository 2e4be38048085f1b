"""Whatever a server answers: no family raises, and no fact has the wrong type."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.core.errors import SeatrialError
from seatrial.serve import sockets
from seatrial.serve.facts import ServerFacts
from seatrial.serve.families import FAMILIES
from seatrial.serve.families.asking import ask_all
from seatrial.serve.families.identity import PATHS
from tests.serve.families.shapes import ALL
from tests.serve.families.stand import Canned

KEYS = sorted(
    """
    data id owned_by meta n_ctx n_ctx_train n_params status value args path role running model
    state cmd proxy version active profiles aliases models name digest details context_length
    model_info capabilities parameters template key loaded_instances config max_context_length
    quantization root parent max_model_len model_path is_generation max_total_num_tokens
    default_generation_settings params total_slots chat_template_caps build_info service error
    """.split()
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["ready", "loaded", "router", "default", "-c", "--port", "llm", "vllm"])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=20,
)
FAMILY_OF = {family.traits.id: family for family in FAMILIES}


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place inside a JSON value."""
    found = [at]
    if isinstance(value, (dict, list)):
        for key, below in value.items() if isinstance(value, dict) else enumerate(value):
            found += places(below, (*at, key))
    return found


def put(value: Any, at: tuple[Any, ...], new: Any) -> Any:
    """`value` with `new` at one place."""
    if not at:
        return new
    copy = deepcopy(value)
    below = copy
    for key in at[:-1]:
        below = below[key]
    below[at[-1]] = new
    return copy


def check(family_id: str, answers: dict[str, Any], model: str | None) -> None:
    """Read `answers` and hold the facts against their declared types."""

    async def read() -> ServerFacts | None:
        # Of this machine: then addresses and ports in the answers are looked up, too.
        server = Canned(answers, "http://127.0.0.1:80")
        family = FAMILY_OF[family_id]
        asked = await ask_all(server, PATHS, 5.0)
        assert not asked.failures
        family.recognises(asked.answers)
        try:
            return await family.read(server, asked.answers, model)
        except SeatrialError:
            return None

    facts = asyncio.run(read())
    if facts is None:
        return
    assert msgspec.convert(msgspec.to_builtins(facts), ServerFacts) == facts
    for fact in (facts.window, facts.trained_window, facts.slots, *facts.declared_windows):
        assert fact is None or fact.value > 0
    assert all(isinstance(one, str) for one in (*facts.listed, *(facts.loaded or ())))


@pytest.fixture(autouse=True, scope="module")
def seen_process() -> Iterator[None]:
    """As if a server of ours held every port that can be named."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sockets, "available", lambda: True)
        patch.setattr(sockets, "listeners", lambda host, port: frozenset({port}))
        patch.setattr(sockets, "owners", lambda inodes: (os.getpid(),) if inodes == {80} else ())
        yield


@pytest.mark.parametrize("family_id", FAMILY_OF)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_one_value_of_a_good_answer_is_anything(family_id: str, data: st.DataObject) -> None:
    answers = ALL[family_id]
    path = data.draw(st.sampled_from(sorted(answers)))
    at = data.draw(st.sampled_from(places(answers[path])))
    changed = {**answers, path: put(answers[path], at, data.draw(JSON))}
    check(family_id, changed, data.draw(st.sampled_from([None, "coder", "qwen3"])))


@pytest.mark.parametrize("family_id", FAMILY_OF)
@settings(max_examples=25, deadline=None)
@given(one=JSON, other=JSON, status=st.sampled_from([200, 200, 401, 404, 503]))
def test_every_answer_is_anything(family_id: str, one: Any, other: Any, status: int) -> None:
    class Anything(dict[str, Any]):
        def get(self, path: str, default: Any = None) -> Any:
            return (status, one if len(path) % 2 else other)

    check(family_id, Anything(), None)
