"""Budgets of the diagnosis: CPU for a trial, and that it does not grow with the trace's size."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.core import trace as events
from seatrial.core.generation import Finish
from seatrial.core.message import Call, Message
from seatrial.core.result import Ended, Verified
from seatrial.core.schema import TRACE_VERSION
from seatrial.core.trace import TrialRef
from seatrial.diagnose import diagnose_trial
from seatrial.store import TraceWriter
from tests.perf.measure import cpu_seconds

pytestmark = pytest.mark.perf


def write_trace(folder: Path, turns: int, result_chars: int = 400) -> None:
    trace = TraceWriter(folder)
    trace.emit(events.Begin, turn=0, trial=TrialRef("t"), schema_version=TRACE_VERSION)
    seen = [trace.message(Message("system", "You work."), 0)]
    for turn in range(1, turns + 1):
        trace.emit(events.Request, turn=turn, id=f"r{turn}", messages=tuple(seen[-20:]))
        call = Call(f"c{turn}", "run_command", json.dumps({"command": f"echo {turn}"}))
        message = Message("assistant", f"Step {turn}.", calls=(call,))
        seen.append(trace.message(message, turn))
        trace.emit(events.Response, turn=turn, id=f"r{turn}", message=seen[-1], finish=Finish.STOP)
        output = (f"line {turn} of the output\n" * (result_chars // 20))[:result_chars]
        trace.emit(events.Tool, turn=turn, call_id=call.id, exit=0, output=output)
        seen.append(trace.message(Message("tool", output, call_id=call.id), turn))
    trace.emit(events.End, turn=turns, ended=Ended.MAX_TURNS, verified=Verified.NO)
    trace.close()


def test_a_trial_takes_at_most_50_ms_of_cpu(tmp_path: Path) -> None:
    write_trace(tmp_path, turns=50)
    seconds = cpu_seconds(lambda: diagnose_trial(tmp_path))
    print(f"diagnose: {1000 * seconds:.1f} ms CPU a trial of 50 turns")
    assert seconds <= 0.05


def test_100_mb_take_at_most_10_s_and_memory_does_not_grow(tmp_path: Path) -> None:
    peaks = []
    for turns in (200, 6_500):
        folder = tmp_path / str(turns)
        folder.mkdir()
        write_trace(folder, turns, result_chars=8_000)
        code = (
            "import resource, sys; from pathlib import Path\n"
            "from seatrial.diagnose import diagnose_trial\n"
            "diagnose_trial(Path(sys.argv[1]))\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        done = subprocess.run(
            [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
        )
        seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
        peaks.append(int(done.stdout) / 1024)
    print(f"diagnose: 104 MB in {seconds:.1f} s CPU, {peaks[0]:.0f} MB then {peaks[1]:.0f} MB")
    assert seconds <= 10.0
    assert peaks[1] <= peaks[0] + 40
