"""Another model answered request 3."""

from __future__ import annotations

from seatrial.serve.answered import Answered, claim, other_model


def names(*models: str | None) -> list[Answered]:
    return [Answered(model=model) for model in models]


def test_one_model_all_the_way() -> None:
    assert other_model(names("a", None, "a")) is None
    assert other_model([]) is None


def test_another_one_in_the_middle() -> None:
    said = other_model(names("a", "a", "b", "a", "c"))
    assert said == "another model answered request 3: b instead of a"


def test_another_one_than_was_attested() -> None:
    said = other_model(names("b", "b"), expected="a")
    assert said == "another model answered request 1: b instead of a"


def test_an_echo_proves_nothing() -> None:
    echoes = [Answered(model=name, fingerprint="v1", echoed=True) for name in ("a", "b")]
    assert other_model(echoes, expected="c") is None
    echoes.append(Answered(model="a", fingerprint="v2", echoed=True))
    said = other_model(echoes)
    assert said == "another program answered request 3: its fingerprint v1 became v2"


def test_what_an_answer_claims() -> None:
    body = {"model": "m", "system_fingerprint": "f"}
    assert claim(body) == Answered(model="m", fingerprint="f")
    assert claim({"model": 3, "system_fingerprint": ""}, echoed=True) == Answered(echoed=True)
