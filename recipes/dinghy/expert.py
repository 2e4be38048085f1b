"""A scripted expert: works on an instance with the real tools and writes the conversation down.

It knows the reference solution, yet acts only on what a model could know at that moment: it reads
a file before it edits it and runs the failing test before it uses its value. Some steps are first
done wrong on purpose (weight 0: in the context, not in the loss), so that the way back is taught.
In: an instance and a random source. Out: messages.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

import contract
import spoil
from runner import Workspace

from seatrial.suites.shakedown import Edit, Instance, Write, apply

SUMMARIES = {
    "offbyone": "Fixed the off-by-one error. The tests pass.",
    "rename": "Renamed it. The tests pass.",
    "implement": "Implemented it. The tests pass.",
    "config": "Changed the value. The tests pass.",
    "imports": "Added the import. The tests pass.",
    "failing_test": "Fixed the value. The tests pass.",
    "operator": "Fixed the operator. The tests pass.",
    "create": "Created the file. The tests pass.",
}
SLIP = 0.12
DETOUR = 0.10
EARLY_TESTS = 0.08

Message = dict[str, object]


@dataclass
class Trajectory:
    """The messages, and the files at every run of the tests."""

    messages: list[Message] = field(default_factory=list)
    tested: list[dict[str, str]] = field(default_factory=list)
    passed: bool = False


class Expert:
    """One run over one instance."""

    def __init__(
        self,
        rng: random.Random,
        instance: Instance,
        mistakes: float = 1.0,
        reads_first: float = 0.0,
    ) -> None:
        """`reads_first` is how often a failing test is looked into only after the code."""
        self._rng = rng
        self._reads_first = reads_first
        self._instance = instance
        self._slip, self._detour = SLIP * mistakes, DETOUR * mistakes
        self._space = Workspace(instance.files)
        self._read: set[str] = set()
        self._out = Trajectory()

    def run(self) -> Trajectory:
        self._out.messages = [
            {"role": "system", "content": contract.SYSTEM},
            {"role": "user", "content": self._instance.instruction},
        ]
        self._look()
        wrong = self._wrong_step() if self._rng.random() < self._detour else None
        for index, step in enumerate(self._instance.steps):
            if wrong and wrong[0] == index:
                self._do(wrong[1], weight=0)
            else:
                self._do(step)
        output = self._test()
        if wrong:
            self._mend(self._instance.steps[wrong[0]], wrong[1])
            output = self._test()
        self._out.passed = output.endswith("exit code 0")
        self._say("finish", {"summary": SUMMARIES[self._instance.family]})
        return self._out

    def _look(self) -> None:
        """What comes before the first change: the failing test is run, and read if it is cut."""
        first = self._instance.family == "failing_test"
        if not first and self._rng.random() >= EARLY_TESTS:
            return
        if first and self._reads_first and self._rng.random() < self._reads_first:
            self._open(self._instance.steps[0].path)
        output = self._test()
        if first and any(line.endswith("...") for line in output.splitlines()):
            self._call("read_file", {"path": self._test_path()})

    def _test_path(self) -> str:
        return next(path for path in self._instance.files if path.startswith("test_"))

    def _do(self, step: Edit | Write, weight: int = 1) -> None:
        if isinstance(step, Write):
            self._call("write_file", {"path": step.path, "content": step.content}, weight)
            return
        if step.path not in self._read:
            self._open(step.path)
        if self._rng.random() < self._slip:
            self._slipped_edit(step)
        self._edit(step, weight)

    def _open(self, path: str) -> None:
        if self._rng.random() < self._slip:
            self._call("read_file", {"path": spoil.path(self._rng, path, self._space.files)}, 0)
        self._call("read_file", {"path": path})
        self._read.add(path)

    def _slipped_edit(self, step: Edit) -> None:
        old = spoil.old_text(self._rng, step.old, self._space.files[step.path])
        if old:
            self._edit(Edit(step.path, old, step.new), 0)

    def _edit(self, step: Edit, weight: int = 1) -> None:
        arguments = {"path": step.path, "old": step.old, "new": step.new}
        self._call("edit_file", arguments, weight)

    def _wrong_step(self) -> tuple[int, Edit | Write] | None:
        """A step done wrong in a way that the visible tests notice."""
        steps = self._instance.steps
        for _ in range(6):
            index = self._rng.randrange(len(steps))
            wrong = spoil.step(self._rng, steps[index])
            if wrong is None or not spoil.repairable(steps[index], wrong):
                continue
            changed = (*steps[:index], wrong, *steps[index + 1 :])
            files = apply(self._instance.files, changed)
            old, _ = spoil.difference(steps[index], wrong)
            if files[wrong.path].count(old) == 1 and not Workspace(files).passes():
                return index, wrong
        return None

    def _mend(self, step: Edit | Write, wrong: Edit | Write) -> None:
        self._call("read_file", {"path": step.path})
        old, new = spoil.difference(step, wrong)
        self._edit(Edit(step.path, old, new))

    def _test(self) -> str:
        self._out.tested.append(dict(self._space.files))
        return self._call("run_command", {"command": contract.TEST_COMMAND})

    def _call(self, name: str, arguments: Mapping[str, str], weight: int = 1) -> str:
        self._say(name, arguments, weight)
        result = self._space.call(name, arguments)
        self._out.messages.append({"role": "tool", "content": result})
        return result

    def _say(self, name: str, arguments: Mapping[str, str], weight: int = 1) -> None:
        call = {"name": name, "arguments": dict(arguments)}
        self._out.messages.append({"role": "assistant", "call": call, "weight": weight})
