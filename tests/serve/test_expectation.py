"""What a person means, held against what is served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seatrial.core.errors import UserError
from seatrial.serve.expectation import expect
from seatrial.serve.facts import Fact
from seatrial.serve.grades import Proof
from seatrial.serve.weights import read_weights
from tests.serve.proving import facts, weights
from tests.serve.requantized import Q4_0, requantize
from tests.serve.tiny_gguf import write_tiny_model


def proof(held: Any = None) -> Proof:
    missing = () if held else ("it is far away",)
    return Proof(grade="canary", seen=(), missing=missing, weights=held)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "tiny.gguf")


def test_a_file_by_its_digest(model: Path, tmp_path: Path) -> None:
    held = read_weights(model)
    copied = tmp_path / "copy.gguf"
    copied.write_bytes(model.read_bytes())
    assert expect(str(copied), facts(), proof(held)).met is True
    other = write_tiny_model(tmp_path / "other.gguf", seed=4)
    found = expect(str(other), facts(), proof(held))
    assert found.met is False
    assert found.said == (
        "other.gguf is expected, tiny.gguf is served: the same metadata, other bytes"
    )
    small = requantize(model, tmp_path / "small.gguf", Q4_0)
    assert "another quantization" in expect(str(small), facts(), proof(held)).said


@pytest.mark.parametrize(
    ("stated", "met", "said"),
    [
        ({}, None, "whether tiny.gguf is served is not known: it is far away"),
        ({"quantization": Fact("Q4_K - Medium", "/props")}, False, "the server states Q4_K"),
        ({"quantization": Fact("all F32", "/props")}, None, "is not known"),
        ({"parameters": Fact(7, "/v1/models")}, False, "number of parameters"),
        ({"trained_window": Fact(7, "/v1/models")}, False, "trained window is 2048"),
        ({"model": Fact("/x/other.gguf", "/props")}, False, "the server names other.gguf"),
        ({"model": Fact("/x/tiny.gguf", "/props")}, None, "is not known"),
    ],
)
def test_a_file_by_what_the_server_states(
    model: Path, stated: dict[str, Any], met: bool | None, said: str
) -> None:
    named = stated.pop("model", None)
    found = expect(str(model), facts(model=named.value if named else None, **stated), proof())
    assert found.met is met
    assert said in found.said


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no model in this folder"):
        expect(str(tmp_path), facts(), proof())


def test_a_digest() -> None:
    held = proof(weights(sha256="ab" * 32))
    assert expect("sha256:" + "AB" * 32, facts(), held).met is True
    assert expect("abababababab", facts(), held).met is True
    assert expect("cd" * 32, facts(), held).met is False
    assert expect("cd" * 32, facts(), proof()).met is None
    stated = facts(digest=Fact("sha256:" + "cd" * 32, "/api/ps"))
    assert expect("cd" * 32, stated, proof()).met is True
    # Ollama states the digest of a manifest, not that of the weights.
    assert expect("ef" * 32, stated, proof()).met is None


@pytest.mark.parametrize(
    ("meant", "met"),
    [
        ("a", True),
        ("A.gguf", True),
        ("/m/a.gguf", True),
        ("/elsewhere/a.gguf", None),
        ("b", False),
        ("alias", None),
    ],
)
def test_a_name_is_met_by_what_is_loaded_and_not_by_an_alias(meant: str, met: bool | None) -> None:
    assert expect(meant, facts(listed=("alias",)), proof()).met is met


def test_two_owners_have_two_repositories() -> None:
    served = facts("vllm", "Qwen/Qwen3-8B")
    assert expect("Qwen/Qwen3-8B", served, proof()).met is True
    assert expect("Qwen3-8B", served, proof()).met is True
    assert expect("somebody/Qwen3-8B", served, proof()).met is False
    assert expect("qwen3:4b", facts("ollama", "qwen3:4b"), proof()).met is True
    assert expect("qwen3", facts("ollama", "qwen3:latest"), proof()).met is True


def test_a_server_that_does_not_say() -> None:
    assert expect("b", facts(model=None), proof()).met is None
