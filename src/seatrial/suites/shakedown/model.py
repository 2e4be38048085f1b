"""What one generated task is: its workspace, its hidden tests, its reference solution.

Not a task folder (`seatrial.suites.harbor` writes those) and not a trial. In: what a family
builds. Out: frozen values that a writer, an expert or a test can use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seatrial.suites.shakedown.draw import Draw


@dataclass(frozen=True)
class Edit:
    """Replace `old`, which occurs exactly once in the file as it is then, by `new`."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Write:
    """Write a whole file."""

    path: str
    content: str


Step = Edit | Write


@dataclass(frozen=True)
class Draft:
    """A family's work on one instance; `fields` fill the wording of the instruction."""

    fields: Mapping[str, str]
    files: Mapping[str, str]
    hidden: Mapping[str, str]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Family:
    """One kind of task: how to build it, and how people ask for it.

    `standard` wordings are also what dinghy was trained on; `hard` ones never are.
    """

    name: str
    build: Callable[[Draw], Draft]
    standard: tuple[str, ...]
    hard: tuple[str, ...]


@dataclass(frozen=True)
class Instance:
    """One task, complete."""

    id: str
    family: str
    band: str
    instruction: str
    files: Mapping[str, str]
    hidden: Mapping[str, str]
    steps: tuple[Step, ...]
    seed: int = 0


class StepError(ValueError):
    """A step does not fit the files it is applied to."""


def apply(files: Mapping[str, str], steps: tuple[Step, ...]) -> dict[str, str]:
    """The files after the steps.

    Raises:
        StepError: an edit's old text does not occur exactly once.
    """
    result = dict(files)
    for step in steps:
        if isinstance(step, Write):
            result[step.path] = step.content
            continue
        text = result.get(step.path, "")
        if text.count(step.old) != 1:
            raise StepError(f"{step.path}: {step.old!r} occurs {text.count(step.old)} times")
        result[step.path] = text.replace(step.old, step.new)
    return result
