"""Budget of the agent: what a turn costs besides the model and the command."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from pathlib import Path

import pytest

from seatrial.agent import Agent, Toolbox
from seatrial.core import trace as events
from seatrial.core.generation import Caps, Sampling
from seatrial.core.schema import TRACE_VERSION
from seatrial.core.trace import TrialRef
from seatrial.models import profile_for
from seatrial.sandbox import open_sandbox
from seatrial.store import TraceWriter
from tests.agent.scripted import ScriptedEndpoint
from tests.perf.measure import cpu_seconds

pytestmark = pytest.mark.perf

TURNS = 50


def test_a_turn_takes_at_most_2_ms_of_cpu() -> None:
    seconds = cpu_seconds(_run) / TURNS
    print(f"agent: {1000 * seconds:.2f} ms CPU a turn")
    assert seconds <= 0.002


def _run() -> None:
    profile = profile_for("dinghy")
    assert profile is not None
    calls = [
        {"name": "write_file", "arguments": {"path": "a.py", "content": f"x = {n}\n" * 20}}
        for n in range(TURNS - 1)
    ]
    calls.append({"name": "finish", "arguments": {"summary": "Done."}})
    endpoint = ScriptedEndpoint(
        *(f"<tool_call>\n{json.dumps(call)}\n</tool_call>" for call in calls)
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "workspace").mkdir()
        (folder / "trace").mkdir()
        trace = TraceWriter(folder / "trace", time.monotonic)
        trace.emit(events.Begin, turn=0, trial=TrialRef("t"), schema_version=TRACE_VERSION)
        sandbox = open_sandbox("process", folder / "workspace")
        agent = Agent(
            endpoint,
            Toolbox(profile, folder / "workspace", sandbox),
            profile,
            trace,
            sampling=Sampling(),
            caps=Caps(max_turns=TURNS),
        )
        end = asyncio.run(agent.run("Write."))
        assert end.turns == TURNS
        trace.close()
