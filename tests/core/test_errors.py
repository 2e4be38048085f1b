"""Whose fault it is, and what a person is told."""

import asyncio
import errno

import pytest

from seatrial.core import errors
from seatrial.core.errors import (
    Boundary,
    BusyError,
    EngineError,
    HarnessError,
    InfraError,
    SeatrialError,
    TaskError,
    UnattestedError,
    UserError,
    attribute,
    boundary,
)


def test_every_boundary_has_the_class_that_carries_it():
    for owner in Boundary:
        assert attribute(RuntimeError("x"), owner, "work").boundary is owner


def test_the_tree_in_the_docstring_is_the_tree():
    shown = {word for word in errors.__doc__.split() if word.endswith("Error")}
    direct = {
        cls.__name__ for cls in SeatrialError.__subclasses__() if cls.__module__ == errors.__name__
    }
    assert shown - {"SeatrialError", "`SeatrialError`"} == direct


@pytest.mark.parametrize(
    ("cls", "code"),
    [(UserError, 64), (TaskError, 64), (EngineError, 69), (UnattestedError, 3), (BusyError, 75)],
)
def test_exit_codes_are_those_of_the_contract(cls, code):
    assert cls("x").exit_code == code


def test_an_error_of_ours_passes_unchanged():
    mine = UserError("no", hint="yes")
    with pytest.raises(UserError) as caught, boundary(Boundary.ENGINE, "asking"):
        raise mine
    assert caught.value is mine


def test_a_foreign_error_gets_owner_words_and_cause():
    with pytest.raises(EngineError) as caught, boundary(Boundary.ENGINE, "asking"):
        raise ValueError("odd")
    assert caught.value.message == "asking: ValueError: odd"
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EMFILE])
def test_a_broken_machine_is_infra_whoever_was_working(number):
    found = attribute(OSError(number, "broken", "/some/file"), Boundary.GUARD, "writing")
    assert isinstance(found, InfraError)
    assert found.message == "writing: broken (/some/file)"
    assert (found.hint is not None) == (number == errno.ENOSPC)


def test_an_ordinary_os_error_stays_with_its_owner():
    found = attribute(FileNotFoundError(errno.ENOENT, "none"), Boundary.TASK, "setting up")
    assert isinstance(found, TaskError)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, asyncio.CancelledError, GeneratorExit])
def test_a_stop_is_no_fault(stop):
    with pytest.raises(stop), boundary(Boundary.INFRA, "x"):
        raise stop


def test_memory_is_the_machines():
    assert isinstance(attribute(MemoryError(), Boundary.USER, "x"), InfraError)


def test_a_group_of_tasks_counts_as_the_error_of_ours_in_it():
    mine = UnattestedError("another model answers")
    group = ExceptionGroup("unhandled", [ValueError("x"), ExceptionGroup("inner", [mine])])
    assert attribute(group, Boundary.HARNESS, "run") is mine


def test_a_group_without_one_counts_as_its_first():
    group = ExceptionGroup("unhandled", [OSError(errno.ENOSPC, "full"), ValueError("x")])
    assert isinstance(attribute(group, Boundary.HARNESS, "run"), InfraError)
    assert isinstance(attribute(ExceptionGroup("u", [ValueError()]), Boundary.TASK, "x"), TaskError)
    assert not isinstance(attribute(ValueError(), Boundary.TASK, "x"), HarnessError)
