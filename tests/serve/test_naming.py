"""Which model a request gets."""

from __future__ import annotations

from typing import Any

import pytest

from seatrial.serve.naming import name_model
from tests.serve.proving import a_testimony, facts

CACHED = ("mlx-community/Qwen3-8B-4bit", "Qwen/Qwen2.5-Coder-7B")
OWN = "/models/fused-phase33"


def mlx(model: str | None = None, listed: tuple[str, ...] = (*CACHED, OWN)) -> Any:
    return facts("mlx", model, listed=listed)


@pytest.mark.parametrize("place", [0, 1])
def test_an_id_of_the_cache_is_not_the_model_it_was_started_with(place: int) -> None:
    found = name_model(mlx(), None, CACHED[place], None)
    assert found.id is None
    assert found.refused is not None
    assert "mlx_lm.server loads whatever a request names" in found.refused
    assert f"the tuned one, is the other one, {OWN}" in found.refused
    assert ("the first id of /v1/models" in found.refused) == (place == 0)
    assert f"let the client ask for {OWN}" in (found.hint or "")


@pytest.mark.parametrize("asked", [None, "default_model", OWN])
def test_its_own_model(asked: str | None) -> None:
    found = name_model(mlx(), None, asked, None)
    assert (found.id, found.refused) == (asked or "default_model", None)


def test_a_cached_model_that_is_meant() -> None:
    found = name_model(mlx(), None, CACHED[0], CACHED[0])
    assert (found.id, found.refused) == (CACHED[0], None)
    assert "answers because it is asked for" in (found.note or "")


def test_its_own_model_by_the_command_line_of_a_witness() -> None:
    argv = ("python", "-m", "mlx_lm.server", "--model", "org/tuned")
    told = a_testimony(argv=argv)
    found = name_model(mlx(listed=CACHED), told, CACHED[0], None)
    assert "org/tuned" in (found.refused or "")
    other = a_testimony(argv=("pytest", "--model", "org/tuned"))
    assert name_model(mlx(listed=CACHED), other, CACHED[0], None).refused is None


def test_where_its_own_model_is_not_known_nothing_is_refused() -> None:
    found = name_model(mlx(listed=CACHED), None, CACHED[0], None)
    assert (found.id, found.refused) == (CACHED[0], None)


@pytest.mark.parametrize(
    ("listed", "loaded", "model", "id_"),
    [
        (("a", "b"), ("b",), None, "b"),
        (("a",), None, None, "a"),
        (("a", "b"), None, "b", "b"),
        (("a", "b"), (), None, None),
        ((), None, None, None),
    ],
)
def test_without_an_id_only_what_is_loaded_or_alone(
    listed: tuple[str, ...], loaded: tuple[str, ...] | None, model: str | None, id_: str | None
) -> None:
    found = name_model(facts("vllm", model, listed=listed, loaded=loaded), None, None, None)
    assert found.id == id_
    assert (found.note is None) == (id_ is not None)


def test_an_id_that_is_not_listed_is_noted() -> None:
    found = name_model(facts("vllm", "a", listed=("a",)), None, "b", None)
    assert (found.id, found.note) == ("b", "the server does not list b")
