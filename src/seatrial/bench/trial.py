"""One trial: workspace, agent, oracle, result. A failure is a record and never escapes.

The trace is written as things happen; `result.json` comes last, so its presence says that the
attempt is complete. Cancellation leaves an attempt without a result: resume makes a new one.

In: a task, a resolved arm, an attested endpoint. Out: a `Result`.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import msgspec

from seatrial.agent import Agent, AgentEnd, Toolbox
from seatrial.bench.arm import ResolvedArm
from seatrial.bench.oracle import run_oracle
from seatrial.bench.workspace import diff_text, fresh_workspace
from seatrial.chat import Endpoint
from seatrial.core import trace as events
from seatrial.core.errors import Boundary, HarnessError, SeatrialError, attribute
from seatrial.core.generation import Usage
from seatrial.core.result import INFRASTRUCTURE, Ended, OracleResult, Result, Verified
from seatrial.core.schema import RESULT_VERSION, TRACE_VERSION
from seatrial.core.trace import TrialRef
from seatrial.sandbox import Bind, Limits, Sandbox, open_sandbox
from seatrial.store import TraceWriter
from seatrial.suites import Task

_NOT_STARTED = AgentEnd(Ended.NOT_STARTED, Verified.NONE_AVAILABLE, 0, Usage())


class Trial(msgspec.Struct, frozen=True):
    """What one trial is made of."""

    ref: TrialRef
    task: Task
    arm: ResolvedArm
    folder: Path
    """The attempt's folder, empty."""


async def run_trial(trial: Trial, endpoint: Endpoint | None) -> Result:
    """Run one trial to its result; the calibration agents need no `endpoint`."""
    started = datetime.now(UTC)
    trace = TraceWriter(trial.folder)
    try:
        end, oracle, seconds = await _run(trial, endpoint, trace)
    except asyncio.CancelledError:
        trace.close()
        raise
    trace.close()
    return Result(
        schema_version=RESULT_VERSION,
        task=trial.ref.task,
        task_digest=trial.ref.task_digest,
        family=trial.task.family,
        arm=trial.ref.arm,
        arm_name=trial.arm.spec.name,
        seed=trial.ref.seed,
        attempt=trial.ref.attempt,
        ended=end.ended,
        verified=end.verified,
        oracle=oracle,
        turns=end.turns,
        usage=end.usage,
        seconds=round(seconds, 3),
        started=started.isoformat(timespec="seconds"),
        detail=end.detail,
    )


async def _run(
    trial: Trial, endpoint: Endpoint | None, trace: TraceWriter
) -> tuple[AgentEnd, OracleResult, float]:
    """The agent's end, the oracle's verdict and the agent's seconds; faults become records."""
    end, oracle, seconds = _NOT_STARTED, OracleResult("not_run"), 0.0
    try:
        trace.emit(
            events.Begin,
            turn=0,
            trial=trial.ref,
            schema_version=TRACE_VERSION,
            source=events.Source(producer="seatrial"),
            identity=endpoint.facts.identity if endpoint else {},
        )
        with fresh_workspace(trial.task) as workspace:
            began = monotonic()
            end = await _run_agent(trial, endpoint, workspace, trace)
            seconds = monotonic() - began
            # Before the oracle, whose tests may write into the workspace, too.
            _keep_diff(trial, workspace, trace)
            if end.ended not in INFRASTRUCTURE:
                oracle = await run_oracle(
                    trial.task,
                    workspace,
                    trial.arm.spec.sandbox,
                    trial.folder / "oracle",
                    trace,
                    end.turns,
                )
    except Exception as error:
        end = _faulted(trace, error, end)
        if oracle.status == "not_run":
            # The agent may have done its part: only the meter is broken, and that is no failure.
            oracle = OracleResult("error", detail=end.detail)
    return end, oracle, seconds


def _keep_diff(trial: Trial, workspace: Path, trace: TraceWriter) -> None:
    """Write `workspace.diff`; a workspace that cannot be compared is still judged."""
    try:
        diff = diff_text(trial.task, workspace)
        (trial.folder / "workspace.diff").write_text(diff, encoding="utf-8")
    except Exception as error:
        _try_emit(trace, attribute(error, Boundary.HARNESS, "workspace.diff"), error)


async def _run_agent(
    trial: Trial, endpoint: Endpoint | None, workspace: Path, trace: TraceWriter
) -> AgentEnd:
    arm, task = trial.arm, trial.task
    if arm.spec.agent != "seatrial":
        return await _calibration_agent(trial, workspace, trace)
    if endpoint is None:
        raise HarnessError(f"{task.id}: no endpoint for the agent")
    toolbox = Toolbox(
        arm.profile,
        workspace,
        _sandbox(trial, workspace),
        env=task.env,
        verifier=_verifier(task),
        result_chars=arm.caps.result_chars,
    )
    sampling = msgspec.structs.replace(arm.spec.sampling, seed=trial.ref.seed)
    caps = arm.caps
    if task.agent_timeout_s is not None:
        wall = min(caps.wall_seconds, task.agent_timeout_s)
        caps = msgspec.structs.replace(caps, wall_seconds=wall)
    agent = Agent(
        endpoint,
        toolbox,
        arm.profile,
        trace,
        sampling=sampling,
        caps=caps,
        guard=arm.spec.guard,
        options=arm.spec.toolcalls,
    )
    return await agent.run(task.instruction)


async def _calibration_agent(trial: Trial, workspace: Path, trace: TraceWriter) -> AgentEnd:
    """`oracle` applies the reference solution, `nop` does nothing; neither asks a model."""
    solution = trial.task.solution
    if trial.arm.spec.agent == "oracle" and solution is not None:
        sandbox = _sandbox(trial, workspace, Bind(solution, "/solution"))
        command = 'bash "$SEATRIAL_SOLUTION_DIR/solve.sh"'
        limits = Limits(wall_seconds=trial.task.agent_timeout_s or Limits().wall_seconds)
        done = await sandbox.run(command, limits=limits, env=trial.task.env)
        trace.emit(events.Tool, turn=0, call_id="solve", exit=done.exit, output=done.output)
    trace.emit(events.End, turn=0, ended=Ended.FINISHED, verified=Verified.NONE_AVAILABLE)
    return AgentEnd(Ended.FINISHED, Verified.NONE_AVAILABLE, 0, Usage())


def _verifier(task: Task) -> str | None:
    """The command by which the task lets an agent check its own work, where it names one."""
    command = task.metadata.get("verifier")
    return command if isinstance(command, str) else None


def _sandbox(trial: Trial, workspace: Path, *binds: Bind) -> Sandbox:
    return open_sandbox(
        trial.arm.spec.sandbox,
        workspace,
        workdir=trial.task.workdir,
        binds=binds,
        network=trial.task.network_mode == "public",
    )


def _faulted(trace: TraceWriter, error: Exception, end: AgentEnd) -> AgentEnd:
    """Record a fault outside the agent; an end that the agent reached stands."""
    fault = attribute(error, Boundary.HARNESS, "trial")
    _try_emit(trace, fault, error)
    if end is not _NOT_STARTED:
        return msgspec.structs.replace(end, detail=fault.message)
    ended = Ended.ENV_ERROR
    if fault.boundary is Boundary.HARNESS:
        ended = Ended.AGENT_ERROR
    return msgspec.structs.replace(end, ended=ended, detail=fault.message)


def _try_emit(trace: TraceWriter, fault: SeatrialError, error: Exception) -> None:
    try:
        trace.emit(
            events.Fault,
            turn=0,
            boundary=fault.boundary,
            type=type(error).__name__,
            message=fault.message,
            channel="disk" if fault.boundary is Boundary.INFRA else "harness",
        )
    except SeatrialError:
        # The disk that the fault is about is the one that the trace is on; the result carries it.
        return
