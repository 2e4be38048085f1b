"""Where things stand in a run folder: `trials/<task>/<arm>/<seed>/attempt-<n>/`.

Names of tasks and arms are people's and may hold anything; as parts of a path they are encoded so
that none leads out of the run, none is too long and two never meet. It makes no folder and reads
no file but folder listings. In: names. Out: paths, and the attempts that are there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote

from seatrial.core.errors import HarnessError
from seatrial.core.result import Result
from seatrial.core.schema import sha256_hex
from seatrial.core.trace import TrialRef

MANIFEST = "manifest.json"
JOURNAL = "journal.jsonl"
LOCKS = "lock"
TRIALS = "trials"
RESULT = "result.json"

_MAX_NAME_BYTES = 120
_CUT_BYTES = 90
_ATTEMPT = re.compile(r"attempt-([1-9]\d{0,8})")
_SEED = re.compile(r"0|-?[1-9]\d{0,17}")


class TrialKey(NamedTuple):
    """What is tried: task@digest x arm x seed. Its attempts share it."""

    task: str
    task_digest: str
    arm: str
    seed: int

    @classmethod
    def of(cls, trial: TrialRef | Result) -> TrialKey:
        """The key of a reference or a result."""
        return cls(trial.task, trial.task_digest, trial.arm, trial.seed)


class Slot(NamedTuple):
    """One attempt as the folders name it; task and arm are encoded."""

    task_part: str
    arm_part: str
    seed: int
    attempt: int

    @classmethod
    def of(cls, trial: TrialRef | Result) -> Slot:
        """Where `trial` belongs.

        Raises:
            HarnessError: a name is empty, or the seed would not fit the index.
        """
        if not _SEED.fullmatch(str(trial.seed)):
            raise HarnessError(f"seed {trial.seed} has more than 18 digits")
        return cls(encode_name(trial.task), encode_name(trial.arm), trial.seed, trial.attempt)

    def below(self, run: Path) -> Path:
        """The attempt's folder in the run folder `run`."""
        folder = seed_folder(run, self.task_part, self.arm_part, self.seed)
        return folder / f"attempt-{self.attempt}"

    def ref(self) -> TrialRef:
        """The trial as far as its path tells: without digest, and a very long name stays cut."""
        return TrialRef(
            task=decode_name(self.task_part),
            arm=decode_name(self.arm_part),
            seed=self.seed,
            attempt=self.attempt,
        )


def encode_name(name: str) -> str:
    """`name` as one part of a path; ordinary names stay as they are.

    Letters, digits and `._-` stand for themselves, a leading dot and all else become `%XX`. A name
    that would be too long is cut and told apart by its digest after a `~`, which is never part
    of an encoded name otherwise.

    Raises:
        HarnessError: an empty name.
    """
    if not name:
        raise HarnessError("a task or arm without a name has no folder")
    part = quote(name, safe="", errors="surrogatepass").replace("~", "%7E")
    if part.startswith("."):
        part = "%2E" + part[1:]
    if len(part) <= _MAX_NAME_BYTES:
        return part
    return f"{part[:_CUT_BYTES]}~{sha256_hex(part.encode())[:16]}"


def decode_name(part: str) -> str:
    """The name that `part` was made of; a cut one comes back as it stands."""
    return part if "~" in part else unquote(part, errors="surrogatepass")


def slug(text: str, default: str) -> str:
    """The last part of a name or path, in lower case letters, digits and hyphens."""
    last = text.rstrip("/").rpartition("/")[2]
    return re.sub(r"[^a-z0-9]+", "-", last.lower()).strip("-")[:40] or default


def seed_folder(run: Path, task_part: str, arm_part: str, seed: int) -> Path:
    """The folder of one task, arm and seed: its attempts are in it."""
    return run / TRIALS / task_part / arm_part / str(seed)


def slots(run: Path) -> Iterator[Slot]:
    """Every attempt with a folder, by task, arm, seed, number; strange folders are left out."""
    for task_part in sorted(_folders(run / TRIALS)):
        for arm_part in sorted(_folders(run / TRIALS / task_part)):
            seeds = _folders(run / TRIALS / task_part / arm_part)
            for seed in sorted(int(name) for name in seeds if _SEED.fullmatch(name)):
                for attempt in attempts(seed_folder(run, task_part, arm_part, seed)):
                    yield Slot(task_part, arm_part, seed, attempt)


def attempts(folder: Path) -> list[int]:
    """The numbers of the attempts in a seed's folder, ascending."""
    found = (_ATTEMPT.fullmatch(name) for name in _folders(folder))
    return sorted(int(match.group(1)) for match in found if match)


def _folders(path: Path) -> list[str]:
    """Names of the folders in `path`. Links are not followed: a run may come from a stranger."""
    try:
        with os.scandir(path) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []
