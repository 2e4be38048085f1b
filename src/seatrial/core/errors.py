"""The error tree, and `boundary()`, which says whose fault an escaped exception is.

    SeatrialError
    |- UserError        the person can mend it: bad flag, bad file, missing program
    |- InfraError       this machine: disk, network, a program that does not start
    |- EngineError      the program that serves the model, or the endpoint in front of it
    |- FormatError      bytes on a wire or a file that break their own format
    |- GuardError       a guard rule failed (not: a guard rule fired)
    |- HarnessError     our own loop or bench broke its contract
    |- TaskError        a task folder is broken or cannot be set up
    |- OracleError      the hidden tests could not give a verdict
    `- BudgetError      a bound was reached: tokens, turns, wall clock, bytes

It is not a place for control flow: what a model does wrong is data on the trace, never an
exception that reaches a person. In: any exception. Out: a `SeatrialError` with a boundary, a
one-line message and, where a person can act, a hint.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import ClassVar


class Boundary(StrEnum):
    """Who owns a fault; `fault` events of the trace carry one of these."""

    INFRA = "infra"
    ENGINE = "engine"
    FORMAT = "format"
    GUARD = "guard"
    HARNESS = "harness"
    TASK = "task"
    ORACLE = "oracle"
    BUDGET = "budget"
    USER = "user"


class SeatrialError(Exception):
    """Base of every error that this package raises on purpose."""

    boundary: ClassVar[Boundary] = Boundary.HARNESS

    exit_code: int = 1
    """What a command returns when this error ends it (design: exit codes)."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UserError(SeatrialError):
    boundary = Boundary.USER
    exit_code = 64


class InfraError(SeatrialError):
    boundary = Boundary.INFRA


class EngineError(SeatrialError):
    boundary = Boundary.ENGINE
    exit_code = 69


class FormatError(SeatrialError):
    boundary = Boundary.FORMAT


class GuardError(SeatrialError):
    boundary = Boundary.GUARD


class HarnessError(SeatrialError):
    boundary = Boundary.HARNESS


class TaskError(SeatrialError):
    boundary = Boundary.TASK
    exit_code = 64


class OracleError(SeatrialError):
    boundary = Boundary.ORACLE


class BudgetError(SeatrialError):
    boundary = Boundary.BUDGET


class UnattestedError(EngineError):
    """The served identity is not proven, or changed under way."""

    exit_code = 3


class BusyError(UserError):
    """Somebody else holds the run."""

    exit_code = 75


_CLASSES: dict[Boundary, type[SeatrialError]] = {
    Boundary.INFRA: InfraError,
    Boundary.ENGINE: EngineError,
    Boundary.FORMAT: FormatError,
    Boundary.GUARD: GuardError,
    Boundary.HARNESS: HarnessError,
    Boundary.TASK: TaskError,
    Boundary.ORACLE: OracleError,
    Boundary.BUDGET: BudgetError,
    Boundary.USER: UserError,
}

# The disk and the process table belong to the machine wherever the failing line stands.
MACHINE_ERRNOS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EROFS}
)


@contextmanager
def boundary(owner: Boundary, doing: str) -> Iterator[None]:
    """Attribute whatever escapes the block to `owner`, naming what was being done.

    A `SeatrialError` passes unchanged: the innermost boundary knows best. A full disk or an
    exhausted machine is `infra`, whoever was working. `KeyboardInterrupt`, cancellation and
    other `BaseException`s pass.

    Raises:
        SeatrialError: the class of `owner`, chained to the original exception.
    """
    try:
        yield
    except SeatrialError:
        raise
    except Exception as error:
        raise attribute(error, owner, doing) from error


def attribute(error: Exception, owner: Boundary, doing: str) -> SeatrialError:
    """The `SeatrialError` that stands for `error`, met while `doing` in `owner`'s code.

    A group, as `asyncio.TaskGroup` raises it, counts as the first of ours in it, else as its
    first member.
    """
    if isinstance(error, SeatrialError):
        return error
    if isinstance(error, ExceptionGroup):
        return attribute(_first_cause(error), owner, doing)
    if isinstance(error, MemoryError) or (
        isinstance(error, OSError) and error.errno in MACHINE_ERRNOS
    ):
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
        hint = "free some space, then resume the run" if full else None
        return InfraError(f"{doing}: {_reason(error)}", hint=hint)
    return _CLASSES[owner](f"{doing}: {_reason(error)}")


def _first_cause(group: ExceptionGroup[Exception]) -> Exception:
    ours = group.subgroup(SeatrialError)
    error: Exception = ours or group
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        where = f" ({error.filename})" if error.filename else ""
        return f"{error.strerror}{where}"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
