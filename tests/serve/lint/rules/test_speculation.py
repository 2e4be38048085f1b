"""P01-P04: each rule fires where it should and stays silent one step beside it."""

from __future__ import annotations

from typing import Any

import pytest

from seatrial.serve.lint.subject import Place, ServerConfig, Setting, Subject, Turn
from seatrial.serve.survey.survey import Observation, Survey
from tests.serve.lint.clean import facts, fires, server


def refused(written: str, **options: Any) -> ServerConfig:
    flag = Setting(written.split()[0], Place("start.sh", 3), written)
    return server(options, unknown=(flag,))


@pytest.mark.parametrize(
    ("written", "after"),
    [
        ("--draft-max 16", "--spec-draft-n-max 16"),
        ("--draft-min 4", "--spec-draft-n-min 4"),
        ("--draft 16", "--spec-draft-n-max 16"),
        ("--spec-ngram-size-n 12", None),
    ],
)
def test_p01_removed(written: str, after: str | None) -> None:
    (found,) = fires(Subject(servers=(refused(written),)), "P01")
    assert written in found.seen
    assert (found.edit.after[0] if found.edit else None) == after


def test_p01_no_edit_where_two_flags_could_be_meant() -> None:
    subject = Subject(servers=(refused("--draft-max 16", **{"spec-type": "ngram-mod"}),))
    (found,) = fires(subject, "P01")
    assert found.edit is None


def test_p01_a_new_flag_is_not_a_removed_one() -> None:
    assert fires(Subject(servers=(refused("--brand-new 1"),)), "P01") == []
    assert fires(Subject(servers=(refused("--draft-maximum 1"),)), "P01") == []


@pytest.mark.parametrize(("version", "count"), [("b11053-abc", 1), ("b11052", 0), ("unknown", 0)])
def test_p01_retired_by_build(version: str, count: int) -> None:
    subject = Subject(servers=(server({"mlock": True}),), facts=facts(version=version))
    assert len(fires(subject, "P01")) == count


def test_p02_acceptance() -> None:
    def drafted(made: int, kept: int) -> int:
        turns = (Turn(number=1, drafted=made, draft_accepted=kept),)
        return len(fires(Subject(turns=turns), "P02"))

    assert drafted(100, 49) == 1
    assert drafted(100, 50) == 0
    assert drafted(99, 1) == 0
    assert fires(Subject(turns=(Turn(number=1),)), "P02") == []


def test_p02_by_the_log() -> None:
    line = (
        "slot print_timing: id  0 | task 0 | draft acceptance = 0.30000 "
        "(   30 accepted /   100 generated), mean len =  1.90"
    )
    assert len(fires(Subject(log=(line,)), "P02")) == 1
    assert fires(Subject(log=(line.replace("   30 acc", "   60 acc"),)), "P02") == []


def test_p02_by_the_survey() -> None:
    def seen(*shares: float) -> Subject:
        points = tuple(
            Observation(id="speed.x", verdict="good", said="", values={"draft_acceptance": share})
            for share in shares
        )
        return Subject(survey=Survey(depth="full", observations=points, requests=1, seconds=1.0))

    assert len(fires(seen(0.4, 0.3, 0.5), "P02")) == 1
    assert fires(seen(0.4, 0.3), "P02") == []
    assert fires(seen(0.6, 0.5, 0.4), "P02") == []


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"spec-type": "draft-mtp"}, 1),
        ({"spec-draft-model": "d.gguf"}, 1),
        ({"spec-type": "draft-mtp", "spec-draft-n-max": 3}, 0),
        ({"spec-type": "ngram-mod"}, 0),
        ({}, 0),
    ],
)
def test_p03_default_length(options: dict[str, Any], count: int) -> None:
    assert len(fires(Subject(servers=(server(options),)), "P03")) == count


def test_p04_unrecorded() -> None:
    (found,) = fires(Subject(facts=facts(version="b11549")), "P04")
    assert "its command line" in found.seen
    assert "its version" not in found.seen
    whole = facts(version="b11549", command=("llama-server", "-m", "a.gguf"))
    assert fires(Subject(facts=whole), "P04") == []
