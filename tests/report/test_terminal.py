"""The words of a report: each claim is one that the numbers carry."""

import msgspec
import pytest

from seatrial.diagnose import diagnose_run
from seatrial.report import build_report, terminal_diagnosis, terminal_summary, terminal_transcript
from seatrial.report.model import Comparison
from seatrial.report.terminal import caveats, sentence
from seatrial.stats import mcnemar_midp


def compared(left: int, right: int, same: int = 0) -> Comparison:
    p = mcnemar_midp(left, right)
    return Comparison("a", "b", left + right + same, same, left, right, 0, p)


def test_fewer_than_five_differing_pairs_can_never_show_a_difference():
    """The threshold that `sentence` uses, from the test itself."""
    best = {n: min(mcnemar_midp(k, n - k) for k in range(n + 1)) for n in range(8)}
    assert all(best[n] >= 0.05 for n in range(5))
    assert all(best[n] < 0.05 for n in range(5, 8))
    assert (best[4], best[5]) == (0.0625, 0.03125)


@pytest.mark.parametrize("differing", range(5))
@pytest.mark.parametrize("same", [0, 500])
def test_too_few_differing_pairs_are_called_that(differing, same):
    assert "this n cannot show a difference" in sentence(compared(differing, 0, same))


def test_five_to_nothing_is_a_difference():
    words = sentence(compared(5, 0))
    assert "cannot show" not in words
    assert "no difference" not in words
    assert "0.031" in words


@pytest.mark.parametrize(("left", "right"), [(4, 1), (3, 2), (5, 4)])
def test_enough_pairs_without_a_difference_is_not_proof_of_none(left, right):
    words = sentence(compared(left, right))
    assert "not the same as none" in words
    assert "cannot show" not in words


def report_of(bench, **fields):
    made = bench()
    made.trial("task-0", status="failed", text="no", ended="gave_up")
    made.trial("task-1")
    return msgspec.structs.replace(build_report(made.finish()), **fields)


def test_a_clean_run_has_no_caveat(bench):
    assert caveats(report_of(bench)) == []


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"planned": 5}, "3 of 5 trials are still to do"),
        ({"calibration": None}, "not calibrated"),
        ({"calibration": {"event": "calibration_failed"}}, "INVALID"),
        ({"attested_last": False}, "not every launch was attested again"),
        ({"attested_last": False, "problems": ("engine gone",)}, "SUSPENDED: engine gone"),
        ({"sampler_seeds": (1, 2)}, "not independent"),
        ({"comparisons": (compared(9, 0),) * 3}, "3 comparisons"),
    ],
)
def test_what_a_reader_must_know_is_said(bench, fields, says):
    report = report_of(bench, **fields)
    assert any(says in line for line in caveats(report))
    assert says in " ".join(terminal_summary(report).split())


def test_arm_caveats(bench):
    made = bench(tasks=3)
    made.trial("task-0", taint=("x",))
    made.trial("task-1", status="error")
    made.trial("task-2")
    report = build_report(made.finish())
    arm = msgspec.structs.replace(report.arms[0], sandbox="process")
    found = " | ".join(caveats(msgspec.structs.replace(report, arms=(arm,))))
    assert "1 tainted trials are left out" in found
    assert "without isolation" in found
    assert "1 trials say nothing about the model" in found


def test_the_verdict_comes_first_and_counts_trials(bench):
    made = bench(tasks=1, seeds=(1, 2))
    made.trial(seed=1)
    made.trial(seed=2, status="failed")
    first = terminal_summary(build_report(made.finish())).splitlines()[0]
    assert first == "dinghy passed 1 of 2 trials: 50.0 % [9.5, 90.5], n = 2"


def test_nothing_measured_is_said(bench):
    report = msgspec.structs.replace(report_of(bench), arms=(), trials=(), comparisons=())
    assert "nothing was measured" in terminal_summary(report).splitlines()[0]


def test_the_summary_quotes_the_first_evidence(bench):
    made = bench()
    made.trial(status="failed", text="```python\nx = 1\n```\n", ended="gave_up")
    words = terminal_summary(build_report(made.finish()))
    assert "in 1 of 1 trials" in words
    assert "```python\\nx = 1" in words


def test_what_answered_is_named(bench):
    words = terminal_summary(report_of(bench))
    assert "weights ffffffffffff, window 4096, proof process" in words


def test_the_diagnosis_lists_what_did_not_pass(bench):
    made = bench()
    made.trial("task-0", status="failed", text="no", ended="gave_up")
    made.trial("task-1")
    folder = made.finish()
    words = terminal_diagnosis(diagnose_run(folder), folder)
    assert words.splitlines()[0].endswith("1 of 2 trials did not pass")
    assert "task-0" in words
    assert "task-1" not in words


def test_a_passed_trial_with_a_torn_trace_did_pass(bench):
    made = bench(tasks=1)
    folder = made.trial()
    (folder / "events.jsonl.zst").unlink()
    (folder / "events.jsonl").write_text('{"kind":"begin"')
    words = terminal_diagnosis(diagnose_run(made.finish()), made.path)
    assert words.splitlines()[0].endswith("0 of 1 trials did not pass")
    assert "note:" in words


@pytest.mark.parametrize("hostile", ["\x1b]0;owned\x07", "\x1b[2J", "\r", "\u202e", "\x9b31m"])
def test_model_output_cannot_act_on_the_terminal(bench, hostile):
    made = bench(tasks=1)
    text = f"```python\n{hostile}x = 1\n```\n"
    folder = made.trial(status="failed", text=text, ended="gave_up", detail=hostile, output=hostile)
    run = made.finish()
    report = build_report(run)
    shown = [
        terminal_summary(report),
        terminal_diagnosis(diagnose_run(run), run),
        terminal_transcript(report.trials[0], folder),
    ]
    for words in shown:
        assert hostile not in words
        assert all(c in "\n\t" or c.isprintable() for c in words)


def test_a_transcript_marks_evidence_without_colour(bench):
    made = bench(tasks=1)
    folder = made.trial(status="failed", text="```python\nx = 1\n```\n", ended="gave_up")
    report = build_report(made.finish())
    words = terminal_transcript(report.trials[0], folder)
    assert "»```python\nx = 1\n```" in words
    assert words.startswith("task-0 on dinghy: failed_oracle, primary cause ")
