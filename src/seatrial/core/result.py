"""The result of one trial: why the agent stopped, what the oracle said, and what follows.

`ended`, `verified` and `oracle` are recorded facts; `outcome` is derived from them and from
nothing else. Taint excludes a trial from rates and never overwrites a fact.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from seatrial.core.generation import Usage


class Ended(StrEnum):
    """Why the agent stopped."""

    FINISHED = "finished"
    GAVE_UP = "gave_up"
    MAX_TURNS = "max_turns"
    BUDGET = "budget"
    WALL_TIMEOUT = "wall_timeout"
    TEXT_LOOP = "text_loop"
    REPEAT_CALL_LOOP = "repeat_call_loop"
    RUNAWAY_LENGTH = "runaway_length"
    EMPTY_COMPLETION = "empty_completion"
    POLICY_TRAP = "policy_trap"
    CONTEXT_OVERFLOW = "context_overflow"
    AGENT_ERROR = "agent_error"
    ENGINE_ERROR = "engine_error"
    ENV_ERROR = "env_error"
    CANCELLED = "cancelled"
    NOT_STARTED = "not_started"


class Verified(StrEnum):
    """Did a verifier that the agent ran pass after its last change?"""

    YES = "yes"
    NO = "no"
    NONE_AVAILABLE = "none_available"


OracleStatus = Literal["passed", "failed", "error", "not_run"]

INFRASTRUCTURE = frozenset({Ended.ENGINE_ERROR, Ended.ENV_ERROR, Ended.NOT_STARTED})
"""Ends that say nothing about the model."""

NOT_THE_MODEL = frozenset(
    {"unscored", Ended.AGENT_ERROR.value, Ended.CANCELLED.value}
    | {ended.value for ended in INFRASTRUCTURE}
)
"""Outcomes that say nothing about the model: counted apart in every rate."""

_JUDGED_BY_ORACLE = frozenset({Ended.FINISHED, Ended.GAVE_UP})
"""Ends that are no failure in themselves."""


class OracleResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """What decided the task."""

    status: OracleStatus
    reward: float | None = None
    subtests: dict[str, bool] = {}
    policy: bool | None = None
    """Whether the policy checks held; None = the task has none."""
    detail: str = ""


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`result.json` of one attempt."""

    schema_version: int
    task: str
    task_digest: str
    family: str = ""
    arm: str
    arm_name: str = ""
    seed: int
    attempt: int
    ended: Ended
    verified: Verified
    oracle: OracleResult
    taint: tuple[str, ...] = ()
    turns: int = 0
    usage: Usage = Usage()
    seconds: float = 0.0
    """Wall clock of the agent, set-up and oracle not counted."""
    started: str = ""
    """UTC, ISO 8601."""
    detail: str = ""
    """One line on the fault, where there was one."""

    @property
    def outcome(self) -> str:
        """`passed`, `failed_policy`, `unscored`, `failed_oracle` or the value of `ended`."""
        return outcome(self.ended, self.oracle)


def outcome(ended: Ended, oracle: OracleResult) -> str:
    """Derive the outcome; a pass stands whatever `ended` says.

    `failed_oracle` needs an oracle that said so: an agent that reached its own end and was not
    judged, because something broke in between, is unscored.
    """
    if oracle.status == "passed":
        return "failed_policy" if oracle.policy is False else "passed"
    if oracle.status == "error":
        return "unscored"
    if oracle.status == "not_run" and (ended in INFRASTRUCTURE or ended in _JUDGED_BY_ORACLE):
        return "unscored"
    if ended in _JUDGED_BY_ORACLE:
        return "failed_oracle"
    return ended.value
