"""The whole loop on the real engine, from the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seatrial.core.evidence import Place, resolve
from seatrial.core.trace import Begin, End, Request, Response
from seatrial.store import RunDir, read_events
from seatrial.store.trace import read_line
from tests.e2e.conftest import Seatrial

pytestmark = [pytest.mark.engine, pytest.mark.bwrap]


def only_run(folder: Path) -> Path:
    (manifest,) = (folder / "runs").glob("*/manifest.json")
    return manifest.parent


def test_demo(seatrial: Seatrial, tmp_path: Path) -> None:
    done = seatrial("demo", "--count", "8", "--seed", "11")
    assert done.returncode == 0, done.stderr
    assert "dinghy passed" in done.stdout
    assert "dinghy-coder passed 0 of 8" in done.stdout
    assert "Traceback" not in done.stderr
    run = only_run(tmp_path)
    page = (run / "report.html").read_text()
    assert len(page.encode()) < 300_000
    assert "<script" not in page
    for attempt in RunDir.open(run).attempts():
        assert attempt.result is not None
        trace = list(read_events(attempt.path))
        assert isinstance(trace[0], Begin)
        assert isinstance([e for e in trace if isinstance(e, End)][-1], End)
        asked = [event.id for event in trace if isinstance(event, Request)]
        answered = [event.id for event in trace if isinstance(event, Response)]
        assert asked == answered
        assert trace[0].identity, "the trace says what answered"


def test_evidence_stands_where_it_says(seatrial: Seatrial, tmp_path: Path) -> None:
    seatrial("run", "--arm", "dinghy-coder", "--count", "4", "--seed", "5")
    run = only_run(tmp_path)
    diagnosis = json.loads(seatrial("diagnose", "--json", str(run)).stdout)
    failing = [trial for trial in diagnosis["trials"] if trial["outcome"] != "passed"]
    assert failing
    for trial in failing:
        assert trial["primary"] not in ("none", "inconclusive")
        for mode in trial["modes"]:
            assert mode["evidence"]
            for item in mode["evidence"]:
                place = Place.parse(item["where"])
                line = read_line(run / trial["path"], place.line)
                assert resolve(line, place) == item["quote"]


def test_json_is_alone_on_stdout(seatrial: Seatrial) -> None:
    done = seatrial("run", "--count", "2", "--json")
    report = json.loads(done.stdout)
    (arm,) = report["arms"]
    assert arm["as_run"]["n"] == 2
    assert arm["grade"]
    assert report["attested_last"] is True
    assert report["calibration"]["oracle_passed"] == report["calibration"]["tasks"]


def test_an_interrupted_run_is_resumed(seatrial: Seatrial, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "seatrial", "run", "--count", "24", "--seed", "4"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        # A shell lets its background jobs ignore the signal, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    _wait_for_results(tmp_path, 2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "seatrial resume" in said
    assert "Traceback" not in said
    _check_resume(seatrial, tmp_path)


def test_a_killed_run_is_resumed_and_leaves_no_engine(seatrial: Seatrial, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "seatrial", "run", "--count", "24", "--seed", "4"],
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    _wait_for_results(tmp_path, 2)
    engines = _engines_of(process.pid)
    assert engines
    process.kill()
    process.wait()
    time.sleep(2.0)
    assert not [pid for pid in engines if Path(f"/proc/{pid}").exists()]
    _check_resume(seatrial, tmp_path)


def _check_resume(seatrial: Seatrial, folder: Path) -> None:
    run = only_run(folder)
    before = {path: path.read_bytes() for path in run.glob("trials/*/*/*/*/result.json")}
    assert 2 <= len(before) < 24
    done = seatrial("resume")
    assert done.returncode == 0, done.stderr
    assert "of 24 trials" in done.stdout
    for path, content in before.items():
        assert path.read_bytes() == content, "what was finished stays as it was"
    assert len(list(run.glob("lock/*.json"))) == 1, "one configuration, one arm id"


def test_the_same_seed_gives_the_same_result(seatrial: Seatrial, tmp_path: Path) -> None:
    outcomes = []
    for _ in range(2):
        done = seatrial("run", "--count", "6", "--seed", "9", "--json")
        report = json.loads(done.stdout)
        outcomes.append([(t["task"], t["outcome"], t["turns"]) for t in report["trials"]])
    assert outcomes[0] == outcomes[1]


def test_a_killed_engine_is_a_record_and_is_launched_again(
    seatrial: Seatrial, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "seatrial", "run", "--count", "24", "--seed", "4", "--json"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    _wait_for_results(tmp_path, 2)
    for pid in _engines_of(process.pid):
        os.kill(pid, signal.SIGKILL)
    out, said = process.communicate(timeout=240)
    assert "Traceback" not in said
    report = json.loads(out)
    assert report["finished"] == 24
    assert process.returncode == 0, said
    journal = [line.get("event") for line in RunDir.open(only_run(tmp_path)).journal_lines()]
    assert "relaunch" in journal


def test_a_second_process_is_told_who_holds_the_run(seatrial: Seatrial, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "seatrial", "run", "--count", "24"],
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    _wait_for_results(tmp_path, 1)
    done = seatrial("resume")
    process.kill()
    process.wait()
    assert done.returncode == 75
    assert str(process.pid) in done.stderr


def test_a_changed_configuration_is_not_resumed(seatrial: Seatrial, tmp_path: Path) -> None:
    seatrial("run", "--count", "2")
    run = only_run(tmp_path)
    manifest = run / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"window": 4096', '"window": 2048'))
    done = seatrial("resume")
    assert done.returncode == 3
    assert "window" in done.stderr
    assert "Traceback" not in done.stderr


def test_runs_show_report(seatrial: Seatrial, tmp_path: Path) -> None:
    seatrial("run", "--count", "2")
    run = only_run(tmp_path)
    assert run.name in seatrial("runs").stdout
    listed = seatrial("show").stdout.splitlines()
    assert len(listed) == 2
    task = listed[0].split()[0]
    transcript = seatrial("show", run.name, task).stdout
    assert "calls finish" in transcript
    assert "oracle: reward" in transcript
    (run / "report.html").unlink()
    assert seatrial("report").returncode == 0
    assert (run / "report.html").is_file()


def _wait_for_results(folder: Path, count: int, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while len(list(folder.glob("runs/*/trials/*/*/*/*/result.json"))) < count:
        assert time.monotonic() < deadline, "the run does not get anywhere"
        time.sleep(0.05)


def _engines_of(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    found = []
    for child in children:
        words = Path(f"/proc/{child}/cmdline").read_bytes()
        if b"seatrial.serve.embedded" in words:
            found.append(int(child))
    return found
