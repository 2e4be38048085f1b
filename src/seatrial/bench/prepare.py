"""Makes the directory of a new run, and finds its tasks again when it is resumed.

The tasks' digests stand in the manifest: a run never goes on with tasks other than those that
it began with. In: a spec. Out: a run directory; from it, tasks. Nothing is started here.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from seatrial.bench.arm import resolve
from seatrial.core.config import RunSpec, SuiteSpec
from seatrial.core.errors import TaskError, UserError
from seatrial.core.schema import digest
from seatrial.store import RunDir, SuiteRecord
from seatrial.suites import SUITES, Task, load_suite, make

GENERATED = "suite"
"""Where a run keeps the tasks that were generated for it."""


def prepare_run(root: Path, spec: RunSpec) -> RunDir:
    """A run directory for `spec` under `root`; a built-in suite is generated into it.

    Raises:
        UserError: an unknown model or suite, arms of one name, nothing to run.
        TaskError: the suite's folder holds a broken task.
    """
    _check(spec)
    for arm in spec.arms:
        resolve(arm)
    if spec.suite.name in SUITES:
        # Generated twice, which is cheap: once to know the digests before the manifest is
        # written, once into the run, whose name is not known before.
        with tempfile.TemporaryDirectory(prefix="seatrial-suite-") as name:
            record = _record(Path(GENERATED), _generate(spec.suite, Path(name) / GENERATED))
        run = RunDir.create(root, spec, suite=record)
        _generate(spec.suite, run.path / GENERATED)
        return run
    folder = Path(spec.suite.name)
    if not folder.is_dir():
        names = ", ".join(SUITES)
        raise UserError(f"no such suite: {spec.suite.name}", hint=f"a folder, or one of: {names}")
    tasks = load_suite(folder)
    return RunDir.create(root, spec, folder.resolve().name, suite=_record(folder.resolve(), tasks))


def tasks_of(run: RunDir) -> list[Task]:
    """The tasks of `run`, exactly as when it began.

    Raises:
        TaskError: a task is missing or was changed since.
    """
    suite = run.manifest.suite
    folder = run.path / suite.path
    if suite.path == GENERATED and not folder.is_dir():
        _generate(run.manifest.spec.suite, folder)
    tasks = load_suite(folder)
    found = {task.id: task.digest for task in tasks}
    known = suite.tasks
    changed = sorted(n for n in found.keys() | known.keys() if found.get(n) != known.get(n))
    if changed:
        raise TaskError(
            f"{folder}: {len(changed)} tasks are not those that the run began with: {changed[0]}",
            hint="restore the folder, or start a new run",
        )
    return tasks


def _generate(suite: SuiteSpec, out: Path) -> list[Task]:
    make(suite.name, seed=suite.seed, count=suite.count, band=suite.band, out=out)
    return load_suite(out)


def _record(path: Path, tasks: list[Task]) -> SuiteRecord:
    digests = {task.id: task.digest for task in tasks}
    return SuiteRecord(path=str(path), digest=digest(digests), tasks=digests)


def _check(spec: RunSpec) -> None:
    names = [arm.name for arm in spec.arms]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UserError(f"two arms are called {min(twice)}", hint="give each arm its own name")
    if not spec.arms or not spec.seeds:
        raise UserError("nothing to run", hint="give at least one arm and one seed")
    greedy = [arm.name for arm in spec.arms if arm.sampling.temperature == 0]
    if greedy and len(spec.seeds) > 1:
        # They would be the same trial several times, and every interval would be too narrow.
        raise UserError(
            f"arm {greedy[0]} samples at temperature 0: {len(spec.seeds)} seeds repeat one trial",
            hint="use one seed and more tasks (suite.count), or a temperature above 0",
        )
    if spec.suite.count < 1:
        raise UserError(f"suite.count is {spec.suite.count}", hint="at least 1")
