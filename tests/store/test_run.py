"""Run folders: laid out as promised, never overwritten, held by one process."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seatrial.core.config import ArmSpec, RunSpec, SuiteSpec
from seatrial.core.errors import BusyError, FormatError, HarnessError, InfraError, UserError
from seatrial.core.lock import make_lock
from seatrial.core.schema import digest
from seatrial.core.trace import TrialRef
from seatrial.store import RunDir, SuiteRecord, TrialKey, decode_name, encode_name, read_result

ARM = "a" * 16


def test_create_lays_out_a_run_that_opens(tmp_path):
    spec = RunSpec(suite=SuiteSpec(name="/some/where/My Suite"), arms=(ArmSpec(), ArmSpec("b")))
    suite = SuiteRecord(path="/some/where/My Suite", digest="dd", tasks={"t": "d"})
    with RunDir.create(tmp_path / "new" / "runs", spec, suite=suite) as run:
        assert re.fullmatch(r"\d{8}-\d{4}-my-suite-[0-9a-f]{4}", run.path.name)
    with RunDir.create(tmp_path / "new" / "runs", spec, "Night shift!") as named:
        assert "-night-shift-" in named.path.name
    opened = RunDir.open(run.path)
    assert opened.manifest == run.manifest
    assert (opened.manifest.spec, opened.manifest.suite) == (spec, suite)
    assert opened.manifest.spec_digest == digest(spec)
    on_disk = json.loads((run.path / "manifest.json").read_text())
    assert on_disk["schema_version"] == 1
    assert on_disk["spec"]["arms"][1]["engine"] == {"window": 4096, "slots": 1, "threads": 1}


def test_open_refuses_what_is_not_a_run(tmp_path):
    with pytest.raises(UserError, match="not a run") as caught:
        RunDir.open(tmp_path)
    assert caught.value.hint


def _set_version(path, version):
    tree = json.loads(path.read_text())
    path.write_text(json.dumps(tree | {"schema_version": version, "news": {}}))


def test_newer_files_are_refused_with_a_hint(run, finish):
    lock = make_lock("n", {}, {}, {}, {})
    run.write_lock(lock)
    finish(run)
    attempt = next(run.attempts()).path
    for path, read in (
        (run.path / "lock" / f"{lock.arm}.json", run.locks),
        (attempt / "result.json", lambda: list(run.results())),
        (run.path / "manifest.json", lambda: RunDir.open(run.path)),
    ):
        _set_version(path, 2)
        with pytest.raises(FormatError, match="schema version 2") as caught:
            read()
        assert caught.value.hint
        _set_version(path, 0)
        with pytest.raises(FormatError, match="schema version 0"):
            read()


@pytest.mark.parametrize(
    "garbage", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"schema_version": "1"}']
)
def test_broken_files_are_format_errors(run, finish, garbage):
    finish(run)
    path = next(run.attempts()).path
    (path / "result.json").write_bytes(garbage)
    with pytest.raises(FormatError, match=r"result\.json"):
        list(run.results())
    (run.path / "manifest.json").write_bytes(garbage)
    with pytest.raises(FormatError, match=r"manifest\.json"):
        RunDir.open(run.path)


def test_a_result_in_the_wrong_folder_is_refused(run, finish):
    finish(run, "one")
    finish(run, "two")
    one, two = (attempt.path / "result.json" for attempt in run.attempts())
    two.write_bytes(one.read_bytes())
    with pytest.raises(FormatError, match="another trial"):
        list(run.results())


def test_attempts_count_up_and_the_latest_finished_one_counts(run, finish, make_result):
    assert list(run.results()) == []
    first = finish(run, status="failed")
    cut_off = run.new_attempt(TrialRef("t", "d", ARM, 1))
    assert cut_off == run.path / "trials" / "t" / ARM / "1" / "attempt-2"
    third = finish(run, status="passed")
    other_digest = finish(run, digest="new")
    for _ in range(8):
        last = finish(run, "u", seed=-5)
    assert last.attempt == 8
    finish(run, "u", seed=-5)
    run.new_attempt(TrialRef("u", "d", ARM, -5))
    assert [r.attempt for r in run.results()] == [third.attempt, other_digest.attempt, 9]
    assert first.attempt == 1
    assert run.unfinished() == [TrialRef("t", "d", ARM, 1, 2), TrialRef("u", "d", ARM, -5, 10)]
    assert {TrialKey.of(result) for result in run.results()} == {
        TrialKey("t", "d", ARM, 1),
        TrialKey("t", "new", ARM, 1),
        TrialKey("u", "d", ARM, -5),
    }
    assert len(list(run.attempts())) == 14


def test_a_result_is_written_once_and_where_it_belongs(run, make_result):
    path = run.new_attempt(TrialRef("t", "d", ARM, 1))
    with pytest.raises(HarnessError, match="is not the folder"):
        run.write_result(path, make_result(attempt=2))
    assert read_result(path) is None
    run.write_result(path, make_result())
    assert read_result(path) == make_result()
    with pytest.raises(HarnessError, match="already"):
        run.write_result(path, make_result(status="failed"))
    assert read_result(path) == make_result()


@pytest.mark.parametrize(
    "name",
    ["../../etc", "..", ".", ".hidden", "a/b/c", "x" * 5000, "é 漢字 \n\0", "C:\\x", "a~b", "%2E"],
)
def test_no_name_leaves_the_run(run, finish, name):
    result = finish(run, name)
    (attempt,) = run.attempts()
    assert attempt.path.is_relative_to(run.path / "trials")
    assert len(attempt.path.relative_to(run.path).parts) == 5
    assert attempt.result == result
    assert attempt.ref.task == name
    assert list(run.results()) == [result]


@settings(deadline=None)
@given(st.text(min_size=1), st.text(min_size=1))
@example("a" * 300, "a" * 299 + "b")
@example("..", "%2E.")
def test_encoded_names_are_safe_and_apart(one, other):
    parts = [encode_name(one), encode_name(other)]
    assert (parts[0] == parts[1]) == (one == other)
    for name, part in zip((one, other), parts, strict=True):
        assert re.fullmatch(r"[A-Za-z0-9_%-][A-Za-z0-9._%~-]{0,119}", part)
        assert "~" in part or decode_name(part) == name
    assert encode_name("write-file_2.b") == "write-file_2.b"


def test_what_has_no_folder_is_refused(run):
    with pytest.raises(HarnessError, match="without a name"):
        run.new_attempt(TrialRef("", "d", ARM, 1))
    with pytest.raises(HarnessError, match="18 digits"):
        run.new_attempt(TrialRef("t", "d", ARM, 10**18))
    assert not (run.path / "trials").exists()


def test_locks_read_back_and_the_first_one_stays(run):
    lock = make_lock("n", {"a": 1.0, "b": (1, 2)}, {"w": None}, {"prompt": "x"}, {"port": 1})
    run.write_lock(lock)
    again = make_lock("n", lock.spec, lock.served, lock.code, {"port": 2})
    run.write_lock(again)
    (found,) = run.locks().values()
    assert found.volatile == {"port": 1}
    assert found.arm == lock.arm
    entries = [line for line in run.journal_lines() if line["event"] == "lock"]
    assert [entry["volatile"] for entry in entries] == [{"port": 1}, {"port": 2}]
    with pytest.raises(HarnessError, match="another content"):
        run.write_lock(msgspec.structs.replace(lock, spec={}))
    file = run.path / "lock" / f"{lock.arm}.json"
    file.write_text(file.read_text().replace('"prompt": "x"', '"prompt": "y"'))
    with pytest.raises(FormatError, match="not that of its content"):
        run.locks()


def test_the_journal_survives_a_torn_line(run):
    run.journal("one", number=1)
    run.release()
    journal = run.path / "journal.jsonl"
    with journal.open("ab") as stream:
        stream.write(b'{"schema_version":1,"at":"20')
    with run:
        run.journal("two", event_of="x", at="mine")
    lines = list(run.journal_lines())
    assert [line["event"] for line in lines] == ["created", "one", "two"]
    assert all(line["schema_version"] == 1 and line["at"].endswith("+00:00") for line in lines)
    journal.write_bytes(journal.read_bytes() + b'{"schema_version":7}\n')
    with pytest.raises(FormatError, match="schema version 7"):
        list(run.journal_lines())


def test_strange_lines_and_folders_do_no_harm(run, finish):
    finish(run)
    with (run.path / "journal.jsonl").open("ab") as stream:
        stream.write(b'{"schema_version":1,"event":"attempt","task":"","arm":"x","seed":1}\n')
        stream.write(b'{"schema_version":1,"event":"attempt","task":3}\n{"schema_version":1}\n[]\n')
    trials = run.path / "trials"
    (trials / ".DS_Store").write_text("")
    (trials / "t" / ARM / "one").mkdir()
    (trials / "t" / ARM / "1" / "attempt-02").mkdir()
    (trials / "linked").symlink_to(trials / "t")
    assert [attempt.ref.attempt for attempt in run.attempts()] == [1]


def test_writing_needs_the_hold(run, make_result):
    path = run.new_attempt(TrialRef("t", "d", ARM, 1))
    run.release()
    for write in (
        lambda: run.journal("x"),
        lambda: run.new_attempt(TrialRef("t", "d", ARM, 1)),
        lambda: run.write_result(path, make_result()),
        lambda: run.write_lock(make_lock("n", {}, {}, {}, {})),
    ):
        with pytest.raises(HarnessError, match="without holding"):
            write()


HOLDER = """
import sys, time
from pathlib import Path
from seatrial.store import RunDir
RunDir.open(Path(sys.argv[1])).hold()
print("held", flush=True)
time.sleep(60)
"""


def test_two_processes_on_one_run(run, child_env):
    command = [sys.executable, "-c", HOLDER, str(run.path)]
    refused = subprocess.run(command, env=child_env, capture_output=True, text=True, check=False)
    assert f"BusyError: another process (pid {os.getpid()}) holds this run" in refused.stderr
    run.release()
    with subprocess.Popen(command, env=child_env, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        assert RunDir.open(run.path).unfinished() == []
        with pytest.raises(BusyError, match=f"pid {holder.pid}") as caught:
            run.hold()
        assert caught.value.exit_code == 75
        holder.send_signal(signal.SIGKILL)
    # The hold ended with the process: nothing is left to clean up.
    run.hold()
    with pytest.raises(BusyError):
        RunDir.open(run.path).hold()


def test_a_full_disk_at_the_result_leaves_the_attempt_unfinished(small_disk, fill, make_result):
    with RunDir.create(small_disk, RunSpec()) as run:
        path = run.new_attempt(TrialRef("t", "d", ARM, 1))
        ballast = fill(small_disk)
        result = make_result(detail="x" * 9000)
        with pytest.raises(InfraError) as caught:
            run.write_result(path, result)
        assert "space" in caught.value.hint
        assert list(path.iterdir()) == []
        assert list(run.results()) == []
        with pytest.raises(InfraError):
            for _ in range(1000):
                run.journal("filler", text="y" * 999)
        assert all(line["event"] for line in run.journal_lines())
        with pytest.raises(InfraError):
            RunDir.create(small_disk, RunSpec())
        ballast.unlink()
        run.write_result(path, result)
        assert list(run.results()) == [result]
        run.journal("after")
        assert list(run.journal_lines())[-1]["event"] == "after"
