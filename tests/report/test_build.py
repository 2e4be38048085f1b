"""Every number of a report is counted from what is on disk."""

import json

import msgspec
import pytest

from seatrial.report import build_report, report_json
from seatrial.report.build import NOT_THE_MODEL
from seatrial.stats import mcnemar_midp, wilson


def test_counts_rates_and_families(bench):
    made = bench(tasks=4)
    made.trial("task-0", status="passed", family="a")
    made.trial("task-1", status="failed", family="a")
    made.trial("task-2", status="failed", ended="max_turns", family="b")
    report = build_report(made.finish())
    (arm,) = report.arms
    interval = wilson(1, 3)
    assert (arm.as_run.passed, arm.as_run.n) == (1, 3)
    assert (arm.as_run.low, arm.as_run.high) == (interval.low, interval.high)
    assert {name: (rate.passed, rate.n) for name, rate in arm.families.items()} == {
        "a": (1, 2),
        "b": (0, 1),
    }
    assert arm.outcomes == {"passed": 1, "failed_oracle": 1, "max_turns": 1}
    assert (report.planned, report.finished) == (4, 3)
    assert (arm.completion_tokens, arm.turns, arm.agent_seconds) == (60, 3, 4.5)
    assert arm.generated_tokens_per_second == 50.0
    assert sum(arm.modes.values()) == 2, "a passed trial has no cause of failure"


@pytest.mark.parametrize("ended", ["engine_error", "env_error", "not_started", "cancelled"])
def test_what_says_nothing_about_the_model_is_in_one_rate_only(bench, ended):
    made = bench()
    made.trial("task-0")
    made.trial("task-1", status="not_run", ended=ended)
    (arm,) = build_report(made.finish()).arms
    assert (arm.as_run.n, arm.model_only.n) == (2, 1)


def test_an_environment_that_broke_before_a_failing_oracle_is_not_the_model(bench):
    made = bench()
    made.trial("task-0", status="failed", ended="env_error")
    (arm,) = build_report(made.finish()).arms
    assert (arm.as_run.n, arm.model_only.n) == (1, 0)
    assert {"env_error", "engine_error", "not_started"} <= NOT_THE_MODEL


def test_taint_leaves_out_and_is_counted(bench):
    made = bench()
    made.trial("task-0", taint=("identity_not_confirmed",))
    made.trial("task-1", status="failed")
    (arm,) = build_report(made.finish()).arms
    assert (arm.as_run.passed, arm.as_run.n, arm.tainted) == (0, 1, 1)


def test_the_latest_attempt_counts(bench):
    made = bench(tasks=1)
    made.trial(status="error")
    made.trial(status="passed")
    report = build_report(made.finish())
    assert [(t.attempt, t.outcome) for t in report.trials] == [(2, "passed")]


def test_pairs_are_those_that_both_arms_were_judged_on(bench):
    made = bench(tasks=6, arms=("left", "right"))
    plan = ["both", "only_left", "only_left", "only_right", "neither"]
    for number, cell in enumerate(plan):
        for arm in ("left", "right"):
            good = cell in ("both", f"only_{arm}")
            made.trial(f"task-{number}", arm, "passed" if good else "failed")
    made.trial("task-5", "left", "passed")
    made.trial("task-5", "right", "error")
    (pair,) = build_report(made.finish()).comparisons
    assert (pair.left, pair.right, pair.pairs) == ("left", "right", 5)
    assert (pair.both, pair.only_left, pair.only_right, pair.neither) == (1, 2, 1, 1)
    assert pair.p_value == mcnemar_midp(2, 1)


def test_a_run_without_a_trial_has_a_report(bench):
    made = bench()
    report = build_report(made.path)
    assert (report.finished, report.trials, report.attested_last) == (0, (), False)


def test_a_failed_calibration_is_reported_with_its_reasons(bench):
    made = bench()
    made.run.journal("calibration_failed", problems=["task-0: doing nothing is no failure"])
    report = build_report(made.path)
    assert report.calibration["event"] == "calibration_failed"
    assert report.problems == ("task-0: doing nothing is no failure",)


class TestAttestedLast:
    def test_a_finished_run(self, bench):
        made = bench()
        made.trial()
        assert build_report(made.finish()).attested_last

    def test_not_while_it_is_under_way(self, bench):
        made = bench()
        made.trial()
        assert not build_report(made.path).attested_last

    def test_not_when_a_trial_came_after_the_last_look(self, bench):
        made = bench()
        made.trial("task-0")
        made.run.journal("finished", problems=[])
        made.trial("task-1")
        assert not build_report(made.path).attested_last

    def test_not_when_an_interrupted_launch_was_never_asked_again(self, bench):
        made = bench()
        made.trial("task-0")
        made.launch("dinghy")
        made.trial("task-1")
        assert not build_report(made.finish()).attested_last

    def test_a_launch_of_another_arm_takes_nothing_away(self, bench):
        made = bench(arms=("dinghy", "other"))
        made.trial("task-0", "dinghy")
        made.launch("other")
        assert build_report(made.finish()).attested_last

    def test_a_suspended_run_says_why_and_a_good_end_takes_it_back(self, bench):
        made = bench()
        made.trial()
        made.run.journal("suspended", problems=["the engine is gone"])
        report = build_report(made.path)
        assert (report.attested_last, report.problems) == (False, ("the engine is gone",))
        assert build_report(made.finish()).problems == ()


def test_the_json_is_one_line_with_everything(bench):
    made = bench()
    made.trial(status="failed")
    report = build_report(made.finish())
    data = report_json(report)
    assert b"\n" not in data
    read = json.loads(data)
    assert read["schema_version"] == 1
    assert read["trials"][0]["outcome"] == "failed_oracle"
    assert msgspec.json.decode(data, type=type(report)) == report
