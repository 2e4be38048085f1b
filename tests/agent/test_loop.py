"""The agent's loop: each way to end, with a scripted model and real files."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from pathlib import Path

import msgspec
import pytest

from seatrial.agent import Agent, AgentEnd, Toolbox
from seatrial.chat import ContextOverflowError
from seatrial.core import trace as events
from seatrial.core.errors import EngineError, FormatError
from seatrial.core.generation import Caps, Finish, Sampling
from seatrial.core.result import Ended, Verified
from seatrial.core.schema import TRACE_VERSION
from seatrial.core.trace import TrialRef
from seatrial.guard import rules_from
from seatrial.models import profile_for
from seatrial.sandbox import open_sandbox
from seatrial.store import TraceWriter, read_events
from tests.agent.scripted import NO_END, Reply, ScriptedEndpoint

PROFILE = profile_for("dinghy")
assert PROFILE is not None


def call(name: str, **arguments: object) -> str:
    body = json.dumps({"name": name, "arguments": arguments})
    return f"<tool_call>\n{body}\n</tool_call>"


FINISH = call("finish", summary="Done.")


class Bench:
    """A workspace with one file, and what an agent did in it."""

    def __init__(self, folder: Path) -> None:
        self.workspace = folder / "workspace"
        self.workspace.mkdir()
        (self.workspace / "a.py").write_text("x = 1\n")
        self.folder = folder / "attempt"
        self.folder.mkdir()
        self.endpoint = ScriptedEndpoint()

    def run(self, *script: Reply, verifier: str | None = None, **caps: object) -> AgentEnd:
        return asyncio.run(self.start(*script, verifier=verifier, **caps))

    async def start(self, *script: Reply, verifier: str | None = None, **caps: object) -> AgentEnd:
        assert PROFILE is not None
        self.endpoint = ScriptedEndpoint(*script)
        trace = TraceWriter(self.folder)
        trace.emit(events.Begin, turn=0, trial=TrialRef("t"), schema_version=TRACE_VERSION)
        sandbox = open_sandbox("process", self.workspace)
        toolbox = Toolbox(PROFILE, self.workspace, sandbox, verifier=verifier)
        agent = Agent(
            self.endpoint,
            toolbox,
            PROFILE,
            trace,
            sampling=Sampling(temperature=0.0),
            caps=msgspec.structs.replace(Caps(max_turns=12, wall_seconds=30), **caps),
        )
        try:
            return await agent.run("Do it.")
        finally:
            trace.close()

    @property
    def trace(self) -> list[events.TraceEvent]:
        return list(read_events(self.folder))

    def shown(self, number: int) -> str:
        """The last message that the model saw before its `number`th reply."""
        return self.endpoint.requests[number - 1].messages[-1].text


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_reads_edits_runs_and_finishes(bench: Bench) -> None:
    end = bench.run(
        call("read_file", path="a.py"),
        call("edit_file", path="a.py", old="x = 1", new="x = 2"),
        call("run_command", command="cat a.py"),
        FINISH,
    )
    assert (end.ended, end.turns) == (Ended.FINISHED, 4)
    assert (bench.workspace / "a.py").read_text() == "x = 2\n"
    assert [bench.shown(n) for n in (2, 3, 4)] == ["x = 1\n", "edited a.py", "x = 2\nexit code 0"]


def test_results_are_tool_messages_that_answer_their_call(bench: Bench) -> None:
    bench.run(call("read_file", path="a.py"), FINISH)
    *_, asked, answered = bench.endpoint.requests[1].messages
    assert answered.role == "tool"
    assert answered.call_id == asked.calls[0].id


def test_each_message_is_on_the_trace_once(bench: Bench) -> None:
    bench.run(call("read_file", path="a.py"), call("read_file", path="b.py"), FINISH)
    digests = [event.digest for event in bench.trace if isinstance(event, events.MessageEvent)]
    assert len(digests) == len(set(digests))
    requests = [event for event in bench.trace if isinstance(event, events.Request)]
    assert set(requests[-1].messages) < set(digests)


def test_the_request_records_what_was_sent(bench: Bench) -> None:
    bench.run(FINISH, max_tokens=77)
    request = next(event for event in bench.trace if isinstance(event, events.Request))
    assert request.sent["max_tokens"] == 77
    assert len(request.body_sha256) == 64


def test_text_is_nudged_once_and_then_ends(bench: Bench) -> None:
    end = bench.run("I am done, all good.")
    assert (end.ended, end.turns) == (Ended.GAVE_UP, 2)
    assert bench.shown(2) == PROFILE.texts.nudge


def test_a_call_after_a_nudge_clears_the_strike(bench: Bench) -> None:
    end = bench.run("Hm.", call("read_file", path="a.py"), "Hm again.", FINISH)
    assert end.ended is Ended.FINISHED


def test_a_malformed_call_is_asked_for_again_once(bench: Bench) -> None:
    broken = '<tool_call>\n{"name": "read_file", "arguments": {"path": \n</tool_call>'
    end = bench.run(broken, call("read_file", path="a.py"), FINISH)
    assert end.ended is Ended.FINISHED
    assert "not executed" in bench.shown(2)
    response = next(event for event in bench.trace if isinstance(event, events.Response))
    assert response.verdict == "reask"
    assert response.raw == broken


def test_a_call_with_a_wrong_argument_is_never_executed(bench: Bench) -> None:
    end = bench.run(call("write_file", path="a.py", colour="gone"))
    assert end.ended is Ended.GAVE_UP
    assert (bench.workspace / "a.py").read_text() == "x = 1\n"


def test_an_empty_reply_twice_is_an_empty_completion(bench: Bench) -> None:
    assert bench.run("").ended is Ended.EMPTY_COMPLETION


def test_a_reply_cut_off_twice_is_a_runaway(bench: Bench) -> None:
    end = bench.run(("Once upon a time", Finish.LENGTH))
    assert end.ended is Ended.RUNAWAY_LENGTH
    assert bench.shown(2) == PROFILE.texts.cut_off


def test_a_call_cut_off_in_its_arguments_is_never_executed(bench: Bench) -> None:
    cut = '<tool_call>\n{"name": "write_file", "arguments": {"path": "a.py", "content": "y'
    end = bench.run((cut, Finish.LENGTH))
    assert end.ended is Ended.RUNAWAY_LENGTH
    assert (bench.workspace / "a.py").read_text() == "x = 1\n"


def test_the_same_call_three_times_is_a_loop(bench: Bench) -> None:
    end = bench.run(call("read_file", path="nowhere.py"))
    assert (end.ended, end.turns) == (Ended.REPEAT_CALL_LOOP, 4)
    guard = next(event for event in bench.trace if isinstance(event, events.Guard))
    assert (guard.rule, guard.action) == ("call_loop", "stop")


def test_a_repeating_text_is_stopped(bench: Bench) -> None:
    end = bench.run("I will now fix the function in the file. " * 40)
    assert end.ended is Ended.TEXT_LOOP
    response = next(event for event in bench.trace if isinstance(event, events.Response))
    assert response.finish is Finish.GUARD
    assert response.raw.startswith("I will now fix")


def test_a_rule_that_only_observes_ends_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    observing = partial(rules_from, mode="observe")
    monkeypatch.setattr("seatrial.agent.turn.rules_from", observing)
    again = call("read_file", path="nowhere.py")
    assert bench.run(again, again, again, again, FINISH).ended is Ended.FINISHED
    seen = [event for event in bench.trace if isinstance(event, events.Guard)]
    assert {(event.mode, event.action) for event in seen} == {("observe", "stop")}


def test_max_turns(bench: Bench) -> None:
    script = [call("run_command", command=f"echo {n}") for n in range(20)]
    assert bench.run(*script, max_turns=5).ended is Ended.MAX_TURNS


def test_total_tokens(bench: Bench) -> None:
    script = [call("run_command", command=f"echo {n}") for n in range(20)]
    assert bench.run(*script, total_tokens=30).ended is Ended.BUDGET


def test_wall_clock_in_the_middle_of_a_reply(bench: Bench) -> None:
    end = bench.run(60.0, wall_seconds=0.3)
    assert end.ended is Ended.WALL_TIMEOUT
    response = next(event for event in bench.trace if isinstance(event, events.Response))
    assert response.finish is Finish.CANCELLED, "what came before the end is on the trace"


@pytest.mark.parametrize(
    ("error", "ended", "boundary"),
    [
        (EngineError("the server went away"), Ended.ENGINE_ERROR, "engine"),
        (FormatError("garbage in the stream"), Ended.ENGINE_ERROR, "format"),
        (ContextOverflowError("too long"), Ended.CONTEXT_OVERFLOW, "engine"),
        (ValueError("our own fault"), Ended.AGENT_ERROR, "harness"),
        (TimeoutError("not the wall clock of the trial"), Ended.AGENT_ERROR, "harness"),
    ],
)
def test_faults_are_records(bench: Bench, error: Exception, ended: Ended, boundary: str) -> None:
    end = bench.run(error)
    assert end.ended is ended
    fault = next(event for event in bench.trace if isinstance(event, events.Fault))
    assert fault.boundary == boundary
    assert isinstance(bench.trace[-1], events.End)


def test_a_stream_without_an_end_is_the_engines_fault(bench: Bench) -> None:
    assert bench.run(NO_END).ended is Ended.ENGINE_ERROR


def test_cancellation_is_recorded_and_passed_on(bench: Bench) -> None:
    async def cancel() -> None:
        task = asyncio.create_task(bench.start(60.0))
        await asyncio.sleep(0.3)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel())
    last = bench.trace[-1]
    assert isinstance(last, events.End)
    assert last.ended is Ended.CANCELLED


def test_verified_needs_a_pass_after_the_last_change(bench: Bench) -> None:
    check = call("run_command", command="true")
    edit = call("edit_file", path="a.py", old="x = 1", new="x = 2")
    assert bench.run(edit, check, FINISH, verifier="true").verified is Verified.YES


def test_a_change_after_the_pass_unverifies(bench: Bench) -> None:
    check = call("run_command", command="true")
    edit = call("edit_file", path="a.py", old="x = 1", new="x = 2")
    assert bench.run(check, edit, FINISH, verifier="true").verified is Verified.NO


def test_no_verifier_is_said(bench: Bench) -> None:
    assert bench.run(FINISH).verified is Verified.NONE_AVAILABLE
