"""A run on disk: `RunDir` makes it, adds to it and reads it.

    runs/<run>/  manifest.json  lock/<arm>.json  journal.jsonl
                 trials/<task>/<arm>/<seed>/attempt-<n>/  events.jsonl[.zst]  result.json  ...

The folders are the truth. Nothing here removes or reuses one: a retry is a new attempt, and a
result is written once. Not the scheduler: what a resume should try again is the bench's to say.

In: specs, locks, results. Out: the same, and which trials are finished. Writing needs the hold.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import msgspec

import seatrial
from seatrial.core.config import RunSpec
from seatrial.core.errors import (
    Boundary,
    FormatError,
    HarnessError,
    InfraError,
    UserError,
    boundary,
)
from seatrial.core.lock import Lock, arm_id
from seatrial.core.result import Result
from seatrial.core.schema import (
    LOCK_VERSION,
    MANIFEST_VERSION,
    canonical_json,
    digest,
)
from seatrial.core.trace import TrialRef
from seatrial.store.appendlog import AppendLog
from seatrial.store.files import read_versioned, write_atomic
from seatrial.store.hold import Hold
from seatrial.store.journal import now_utc, read_journal, write_journal
from seatrial.store.layout import (
    JOURNAL,
    LOCKS,
    MANIFEST,
    RESULT,
    Slot,
    TrialKey,
    attempts,
    seed_folder,
    slots,
    slug,
)
from seatrial.store.manifest import Manifest, SuiteRecord, slot_result


class Attempt(NamedTuple):
    """One attempt on disk; without a result it is unfinished."""

    ref: TrialRef
    path: Path
    result: Result | None


class RunDir:
    """One run folder. Reading needs nothing; writing needs the hold."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        """For `create` and `open`."""
        self.path = path
        self.manifest = manifest
        self._hold: Hold | None = None
        self._journal: AppendLog | None = None

    @classmethod
    def create(
        cls,
        root: Path,
        spec: RunSpec,
        name: str | None = None,
        *,
        suite: SuiteRecord | None = None,
    ) -> RunDir:
        """A new run below `root`, held by this process; `name` labels it instead of the suite.

        Raises:
            InfraError: the disk is full or broken.
        """
        path = _new_folder(root, slug(name or spec.suite.name, "run"))
        manifest = Manifest(
            run=path.name,
            created=now_utc(),
            seatrial=seatrial.__version__,
            spec=spec,
            spec_digest=digest(spec),
            suite=suite or SuiteRecord(path=spec.suite.name),
        )
        run = cls(path, manifest).hold()
        try:
            write_atomic(path / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
            run.journal("created", spec_digest=manifest.spec_digest)
        except InfraError:
            run.release()
            raise
        return run

    @classmethod
    def open(cls, path: Path) -> RunDir:
        """The run at `path`, for reading; `hold` it to write.

        Raises:
            UserError: not a run.
            FormatError: the manifest is broken, or a newer Seatrial wrote it.
        """
        if not (path / MANIFEST).is_file():
            raise UserError(f"{path}: not a run", hint="`seatrial runs` lists the runs")
        return cls(path, read_versioned(path / MANIFEST, Manifest, MANIFEST_VERSION))

    def hold(self) -> RunDir:
        """Take the exclusive hold, which ends with `release`, the `with` block or the process.

        Raises:
            BusyError: another process has it.
        """
        if self._hold is None:
            self._hold = Hold(self.path / ".hold")
        return self

    def release(self) -> None:
        """Let go of the hold; again is harmless."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        if self._hold is not None:
            self._hold.release()
            self._hold = None

    def __enter__(self) -> RunDir:
        return self.hold()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def journal(self, event: str, **fields: object) -> None:
        """Append a line to `journal.jsonl`.

        Raises:
            InfraError: the disk is full or broken; the journal so far stays whole.
        """
        self._must_hold()
        if self._journal is None:
            self._journal = AppendLog(self.path / JOURNAL)
        write_journal(self._journal, event, fields)

    def journal_lines(self) -> Iterator[dict[str, Any]]:
        """What the journal says; lines that a kill left torn are left out."""
        return read_journal(self.path / JOURNAL)

    def write_lock(self, lock: Lock) -> Path:
        """Write `lock/<arm>.json`, unless that arm is locked already: then only the journal
        gets this launch's `volatile`, and the first lock stays.

        Raises:
            HarnessError: the id is not that of the content.
            InfraError: the disk is full or broken.
        """
        self._must_hold()
        if lock.arm != arm_id(lock.spec, lock.served, lock.code):
            raise HarnessError(f"lock {lock.arm} has the id of another content")
        path = self.path / LOCKS / f"{lock.arm}.json"
        if not path.exists():
            with boundary(Boundary.INFRA, f"write {path}"):
                path.parent.mkdir(exist_ok=True)
            write_atomic(path, msgspec.json.format(canonical_json(lock)))
        self.journal("lock", arm=lock.arm, name=lock.name, volatile=lock.volatile)
        return path

    def locks(self) -> dict[str, Lock]:
        """The locks by arm id.

        Raises:
            FormatError: one is broken, of a newer Seatrial, or edited: its id is not that of its
                content.
        """
        found: dict[str, Lock] = {}
        for path in sorted((self.path / LOCKS).glob("*.json")):
            lock = read_versioned(path, Lock, LOCK_VERSION)
            if not path.stem == lock.arm == arm_id(lock.spec, lock.served, lock.code):
                raise FormatError(f"{path}: its arm id is not that of its content")
            found[lock.arm] = lock
        return found

    def new_attempt(self, trial: TrialRef) -> Path:
        """Make the folder of the next attempt; `trial.attempt` is not looked at.

        Raises:
            InfraError: the disk is full or broken.
        """
        self._must_hold()
        slot = Slot.of(trial)
        earlier = attempts(seed_folder(self.path, slot.task_part, slot.arm_part, slot.seed))
        slot = slot._replace(attempt=max(earlier, default=0) + 1)
        path = slot.below(self.path)
        with boundary(Boundary.INFRA, f"make {path}"):
            path.mkdir(parents=True)
        self.journal(
            "attempt",
            task=trial.task,
            task_digest=trial.task_digest,
            arm=trial.arm,
            seed=trial.seed,
            attempt=slot.attempt,
        )
        return path

    def write_result(self, path: Path, result: Result) -> None:
        """Write `result.json` of the attempt folder `path`. Close its trace first: a result says
        that the attempt is complete.

        Raises:
            HarnessError: not the folder of this trial and attempt, or it has a result.
            InfraError: the disk is full or broken; the attempt stays unfinished.
        """
        self._must_hold()
        slot = Slot.of(result)
        if path.resolve() != slot.below(self.path).resolve():
            raise HarnessError(f"{path} is not the folder of {result.task} {slot}")
        if (path / RESULT).exists():
            raise HarnessError(f"{path} has a result already")
        write_atomic(path / RESULT, msgspec.json.encode(result))
        self.journal(
            "result",
            task=result.task,
            task_digest=result.task_digest,
            arm=result.arm,
            seed=result.seed,
            attempt=result.attempt,
            outcome=result.outcome,
        )

    def taint(self, arm: str, reason: str) -> None:
        """Exclude the trials that `arm` has finished so far from rates; the facts stay.

        Raises:
            InfraError: the disk is full or broken.
        """
        self._must_hold()
        for attempt in self.attempts():
            result = attempt.result
            if result is not None and result.arm == arm and reason not in result.taint:
                tainted = msgspec.structs.replace(result, taint=(*result.taint, reason))
                write_atomic(attempt.path / RESULT, msgspec.json.encode(tainted))
        # After the results: the index looks at them again when the journal has grown.
        self.journal("taint", arm=arm, reason=reason)

    def results(self) -> Iterator[Result]:
        """The result of the latest finished attempt of every trial, by task, arm and seed.

        Raises:
            FormatError: one is broken or of a newer Seatrial.
        """
        latest: dict[TrialKey, Result] = {}
        for slot in slots(self.path):
            result = slot_result(self.path, slot)
            if result is not None:
                # Slots come in the order of attempts, so the last one to come stays.
                latest[TrialKey.of(result)] = result
        yield from latest.values()

    def attempts(self) -> Iterator[Attempt]:
        """Every attempt, finished or not, by task, arm, seed and number."""
        announced = self.announced()
        for slot in slots(self.path):
            ref = announced.get(slot) or slot.ref()
            yield Attempt(ref, slot.below(self.path), slot_result(self.path, slot))

    def unfinished(self) -> list[TrialRef]:
        """The attempts without a result: under way now, or cut off."""
        return [attempt.ref for attempt in self.attempts() if attempt.result is None]

    def announced(self) -> dict[Slot, TrialRef]:
        """What the journal calls each attempt: the full names, and the task digest."""
        found: dict[Slot, TrialRef] = {}
        for entry in self.journal_lines():
            if entry.get("event") == "attempt":
                fields = {name: entry.get(name) for name in TrialRef.__struct_fields__}
                try:
                    ref = msgspec.convert(fields, TrialRef)
                    found[Slot.of(ref)] = ref
                except (msgspec.ValidationError, HarnessError):
                    # Not a line that we wrote; the folder's own name has to do.
                    continue
        return found

    def _must_hold(self) -> None:
        if self._hold is None:
            raise HarnessError(f"{self.path} is written without holding it")


def _new_folder(root: Path, label: str) -> Path:
    """A folder of its own below `root`: `20261121-1210-shakedown-3f9a`."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M")
    with boundary(Boundary.INFRA, f"make a run in {root}"):
        root.mkdir(parents=True, exist_ok=True)
        while True:
            path = root / f"{stamp}-{label}-{secrets.token_hex(2)}"
            try:
                path.mkdir()
            except FileExistsError:
                continue
            return path
