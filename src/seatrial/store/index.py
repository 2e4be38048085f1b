"""The index of all runs below one root: an SQLite file that answers listings quickly.

A projection of the run folders and nothing more: it can be thrown away at any time, and a missing,
corrupt or old one is rebuilt without a word. It keeps itself up to date: every listing first looks
whether a run's journal grew or one of its unfinished attempts got a result, and takes in just what
is new. Nobody has to tell it. Where it cannot be written it is made in memory.

In: a root folder. Out: rows about runs and trials.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from seatrial.core.errors import FormatError, SeatrialError
from seatrial.store.index_rows import (
    RUN_COLUMNS,
    SCHEMA,
    TRIAL_COLUMNS,
    RunRow,
    TrialRow,
    finished_row,
    run_from_sql,
    run_row,
    to_sql,
    trial_from_sql,
    unfinished_row,
)
from seatrial.store.layout import JOURNAL, MANIFEST, RESULT, Slot, slots
from seatrial.store.manifest import slot_result
from seatrial.store.run import RunDir

INDEX = "index.sqlite"
INDEX_VERSION = 1

_BUSY_SECONDS = 10.0
T = TypeVar("T")


class _Mark(NamedTuple):
    """What a run's journal looked like: when it is the same, nothing was added."""

    inode: int
    size: int


def list_runs(root: Path) -> list[RunRow]:
    """The runs below `root`, newest first."""
    return _with_index(root, _select_runs)


def list_trials(run: Path) -> list[TrialRow]:
    """Every attempt of the run folder `run`, by task, arm, seed and attempt."""
    run = Path(os.path.abspath(run))  # noqa: PTH100 - resolve() would leave the root by a link
    return _with_index(run.parent, lambda db: _select_trials(db, run.name))


def reindex(root: Path) -> int:
    """Throw the index away and make it again from the folders; how many runs there are."""
    _remove(root)
    return len(list_runs(root))


def _with_index(root: Path, query: Callable[[sqlite3.Connection], T]) -> T:
    try:
        return _ask_file(root, query)
    except (sqlite3.DatabaseError, msgspec.MsgspecError) as error:
        if _is_damage(error):
            _remove(root)
    try:
        return _ask_file(root, query)
    except (sqlite3.DatabaseError, msgspec.MsgspecError):
        # No space, no permission, a lock that never ends: the answer does not depend on the file.
        return _in_memory(root, query)


def _is_damage(error: Exception) -> bool:
    """Whether the file is at fault (not a database, tables missing), and not the machine."""
    return not isinstance(error, sqlite3.OperationalError) or (
        error.sqlite_errorcode == sqlite3.SQLITE_ERROR
    )


def _ask_file(root: Path, query: Callable[[sqlite3.Connection], T]) -> T:
    with _opened(str(root / INDEX)) as db:
        return _fresh(db, root, query)


def _in_memory(root: Path, query: Callable[[sqlite3.Connection], T]) -> T:
    with _opened(":memory:") as db:
        return _fresh(db, root, query)


def _remove(root: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        try:
            (root / (INDEX + suffix)).unlink(missing_ok=True)
        except OSError:
            # Not ours to remove; `_with_index` goes on in memory.
            return


@contextmanager
def _opened(path: str) -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    try:
        # A lost tail of the index is found again by the next listing, so it need not be synced.
        db.execute("PRAGMA synchronous=OFF")
        if _version(db) != INDEX_VERSION:
            db.execute("PRAGMA journal_mode=WAL")
            _make_tables(db)
        yield db
    finally:
        db.close()


def _make_tables(db: sqlite3.Connection) -> None:
    db.execute("BEGIN IMMEDIATE")
    # Again under the lock: another process may have made and filled them meanwhile.
    if _version(db) != INDEX_VERSION:
        for statement in SCHEMA:
            db.execute(statement)
        db.execute(f"PRAGMA user_version={INDEX_VERSION}")
    db.execute("COMMIT")


def _version(db: sqlite3.Connection) -> object:
    return db.execute("PRAGMA user_version").fetchone()[0]


def _fresh(db: sqlite3.Connection, root: Path, query: Callable[[sqlite3.Connection], T]) -> T:
    """Take in what is new below `root`, then ask, in one view of the tables."""
    marks = _marks(root)
    db.execute("BEGIN")
    if _stale(db, root, marks):
        db.execute("COMMIT")
        db.execute("BEGIN IMMEDIATE")
        # Again under the lock: another process may have taken it in meanwhile.
        for name in _stale(db, root, marks):
            _update(db, root / name, marks.get(name))
    answer = query(db)
    db.execute("COMMIT")
    return answer


def _marks(root: Path) -> dict[str, _Mark]:
    """The runs below `root` as far as a listing of the folder and one stat each tell."""
    found: dict[str, _Mark] = {}
    try:
        with os.scandir(root) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return found
    for name in names:
        try:
            stat = os.stat(f"{root}/{name}/{JOURNAL}")  # noqa: PTH116 - 50 of them a listing
            found[name] = _Mark(stat.st_ino, stat.st_size)
        except OSError:
            if (root / name / MANIFEST).is_file():
                found[name] = _Mark(0, 0)
    return found


def _stale(db: sqlite3.Connection, root: Path, marks: dict[str, _Mark]) -> list[str]:
    """Runs that are new, changed or gone."""
    rows = db.execute("SELECT run, inode, size FROM runs").fetchall()
    known = {name: _Mark(inode, size) for name, inode, size in rows}
    names = {name for name in known.keys() | marks.keys() if known.get(name) != marks.get(name)}
    # A kill between a result and its line in the journal leaves only this trace.
    open_slots = db.execute(
        "SELECT run, task_part, arm_part, seed, attempt FROM trials WHERE outcome IS NULL"
    )
    for name, *slot in open_slots:
        if name not in names and (Slot(*slot).below(root / name) / RESULT).exists():
            names.add(name)
    return sorted(names)


def _update(db: sqlite3.Connection, path: Path, mark: _Mark | None) -> None:
    """Bring one run's rows up to date; finished attempts do not change and are not read again."""
    known = db.execute("SELECT inode FROM runs WHERE run = ?", (path.name,)).fetchone()
    if mark is None or (known is not None and known[0] != mark.inode):
        db.execute("DELETE FROM trials WHERE run = ?", (path.name,))
    db.execute("DELETE FROM runs WHERE run = ?", (path.name,))
    if mark is None or not (path / MANIFEST).is_file():
        return
    try:
        run = RunDir.open(path)
        row = run_row(db, run, _update_trials(db, run))
    except SeatrialError as error:
        # One broken run must not hide the others; its row says what is wrong.
        row = run_row(db, path, error.message)
    db.execute(_insert("runs", RUN_COLUMNS), (*mark, *to_sql(row)))


def _update_trials(db: sqlite3.Connection, run: RunDir) -> str:
    """Take in what is new of one run; what is wrong with it, if anything is."""
    name, problem = run.path.name, ""
    announced = run.announced()
    # Only taint changes a result that is there already.
    tainted = any(line.get("event") == "taint" for line in run.journal_lines())
    again = "" if tainted else " AND outcome IS NULL"
    db.execute(f"DELETE FROM trials WHERE run = ?{again}", (name,))
    finished = {
        Slot(*slot)
        for slot in db.execute(
            "SELECT task_part, arm_part, seed, attempt FROM trials WHERE run = ?", (name,)
        )
    }
    for slot in slots(run.path):
        if slot in finished:
            continue
        try:
            result = slot_result(run.path, slot)
        except FormatError as error:
            result, problem = None, error.message
        if result is None:
            row = unfinished_row(slot, announced.get(slot) or slot.ref())
        else:
            row = finished_row(slot, result, slot.below(run.path))
        db.execute(_insert("trials", TRIAL_COLUMNS), (name, *to_sql(row)))
    return problem


def _insert(table: str, columns: tuple[str, ...]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def _select_runs(db: sqlite3.Connection) -> list[RunRow]:
    columns = ", ".join(RunRow.__struct_fields__)
    rows = db.execute(f"SELECT {columns} FROM runs ORDER BY created DESC, run DESC")
    return [run_from_sql(row) for row in rows]


def _select_trials(db: sqlite3.Connection, run: str) -> list[TrialRow]:
    columns = ", ".join(TrialRow.__struct_fields__)
    rows = db.execute(
        f"SELECT {columns} FROM trials WHERE run = ? ORDER BY task_part, arm_part, seed, attempt",
        (run,),
    )
    return [trial_from_sql(row) for row in rows]
