"""The oracle: a task's hidden tests, run in the sandbox after the agent has stopped.

The tests are mounted only now and read-only; the reward is read from where Harbor tasks write
it. A missing or unreadable reward, or one of tests that were stopped under way, is an error of the
oracle, never a zero for the model.
"""

from __future__ import annotations

import math
import os
import re
import tempfile
from pathlib import Path

import msgspec

from seatrial.core import trace as events
from seatrial.core.errors import OracleError
from seatrial.core.result import OracleResult
from seatrial.sandbox import Bind, Completed, Limits, SandboxKind, open_sandbox
from seatrial.store import TraceWriter
from seatrial.suites import Task

PASS_REWARD = 1.0
"""A task is passed from this reward on."""

_SUBTEST = re.compile(r"^(PASSED|FAILED) ([^\s:]+::\S+)", re.MULTILINE)


async def run_oracle(
    task: Task, workspace: Path, kind: SandboxKind, folder: Path, trace: TraceWriter, turn: int
) -> OracleResult:
    """Run `tests/test.sh` on a fresh workspace that the agent has left.

    The reward is written beside the workspace; the tests' output is kept in `folder`.
    """
    # A name that nobody knows before: without isolation an agent can write there, too.
    logs = Path(tempfile.mkdtemp(prefix="logs-", dir=workspace.parent))
    (logs / "verifier").mkdir()
    done = await _run_tests(task, workspace, kind, logs)
    try:
        result = _verdict(done, logs / "verifier")
    except OracleError as error:
        result = OracleResult("error", detail=error.message)
    folder.mkdir(exist_ok=True)
    (folder / "test-output.txt").write_text(done.output, encoding="utf-8")
    trace.emit(
        events.Oracle,
        turn=turn,
        phase="run",
        exit=done.exit,
        reward=result.reward,
        subtests=result.subtests,
        output=done.output[-4000:],
    )
    return result


async def _run_tests(task: Task, workspace: Path, kind: SandboxKind, logs: Path) -> Completed:
    sandbox = open_sandbox(
        kind,
        workspace,
        workdir=task.workdir,
        binds=(Bind(task.tests, "/tests"), Bind(logs, "/logs", writable=True)),
        network=task.network_mode == "public",
    )
    # The task bounds the time on the clock; so much work fits into it and no more.
    cpu_seconds = task.verifier_timeout_s * (os.cpu_count() or 1)
    limits = Limits(wall_seconds=task.verifier_timeout_s, cpu_seconds=cpu_seconds)
    command = 'bash "$SEATRIAL_TESTS_DIR/test.sh"'
    return await sandbox.run(command, limits=limits, env=task.env)


def _verdict(done: Completed, folder: Path) -> OracleResult:
    if done.exit is None:
        # Many tests write a zero first and the reward at their end.
        raise OracleError(f"the tests did not come to their end ({_how(done)})")
    reward = _read_reward(folder, done)
    subtests = {name: word == "PASSED" for word, name in _SUBTEST.findall(done.output)}
    return OracleResult("passed" if reward >= PASS_REWARD else "failed", reward, subtests)


def _read_reward(folder: Path, done: Completed) -> float:
    """The reward of Harbor's `reward.json` (its `reward`, or its only number) or `reward.txt`."""
    as_json, as_text = folder / "reward.json", folder / "reward.txt"
    try:
        if as_json.is_file() and not as_json.is_symlink():
            rewards = msgspec.json.decode(as_json.read_bytes(), type=dict[str, float])
            if "reward" not in rewards and len(rewards) != 1:
                raise OracleError("reward.json names several rewards and none is `reward`")
            reward = rewards.get("reward", next(iter(rewards.values())))
        elif as_text.is_file() and not as_text.is_symlink():
            reward = float(as_text.read_text(encoding="utf-8"))
        else:
            raise OracleError(f"the tests wrote no reward ({_how(done)})")
    except (ValueError, OSError, RecursionError, msgspec.MsgspecError) as error:
        raise OracleError(f"the reward cannot be read: {error}") from error
    if not math.isfinite(reward):
        raise OracleError(f"the reward is {reward}")
    return reward


def _how(done: Completed) -> str:
    if done.exit is None:
        return f"stopped: {done.killed_by}"
    return f"exit code {done.exit}"
