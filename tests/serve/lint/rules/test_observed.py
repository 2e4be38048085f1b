"""Rules on what the survey saw: every observation that can be bad has a rule that says so."""

from __future__ import annotations

import pytest

from seatrial.serve.lint.rule import lint
from seatrial.serve.lint.subject import Subject
from seatrial.serve.survey.probes import OBSERVATIONS
from seatrial.serve.survey.survey import Observation, Survey

NEVER_BAD = {"speed.shallow", "speed.25", "speed.50", "speed.90"}
"""Measurements."""

VALUES = {"overflow.shape": {"shape": "truncates"}}


def surveyed(verdict: str, *ids: str, **values: object) -> Subject:
    observations = tuple(
        Observation(id=id_, verdict=verdict, said=f"said of {id_}", values=values) for id_ in ids
    )
    return Subject(survey=Survey(depth="full", observations=observations, requests=1, seconds=0.1))


@pytest.mark.parametrize("id_", sorted(OBSERVATIONS.keys() - NEVER_BAD))
def test_a_bad_observation_is_a_finding_and_a_good_one_is_none(id_):
    found = lint(surveyed("bad", id_, **VALUES.get(id_, {}))).findings
    assert found and any(f"said of {id_}" in one.seen or one.rule[0] != "D" for one in found)
    assert all(one.fix and one.why for one in found)
    for verdict in ("good", "unknown"):
        assert not lint(surveyed(verdict, id_)).findings


def test_a_documented_gap_is_no_more_than_a_note():
    knobs = ("sampler.knob.min_p", "sampler.knob.top_k")
    noted = lint(surveyed("bad", *knobs, documented=True)).findings
    assert [one.rule for one in noted] == ["D25"]
    assert "min_p, top_k" in noted[0].seen
    assert [one.rule for one in lint(surveyed("bad", *knobs)).findings] == ["D24", "D24"]
    cut = surveyed("bad", "overflow.shape", shape="truncates", documented=True)
    assert [one.rule for one in lint(cut).findings] == ["D27"]


def test_a_pool_that_is_exhausted_is_no_silent_cut():
    found = lint(surveyed("bad", "overflow.shape", shape="fails_all")).findings
    assert [one.rule for one in found] == ["D37"]
