"""Remembered digests: they hold as long as the file does, and a bad cache costs only time."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.core.errors import UserError
from seatrial.core.schema import sha256_hex
from seatrial.serve import digests
from seatrial.serve.digests import cache_folder, digest_of, remembered


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(digests, "_SETTLED_NS", -1)
    return tmp_path / "cache" / "seatrial" / "digests-1.sqlite"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"weights")
    return path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every file that is really read."""
    seen: list[Path] = []
    real = digests.file_digest

    def reading(path: Path) -> str:
        seen.append(path)
        return real(path)

    monkeypatch.setattr(digests, "file_digest", reading)
    return seen


def test_a_file_is_read_once(file: Path, reads: list[Path]) -> None:
    assert remembered(file, from_bytes=0) is None
    assert digest_of(file, from_bytes=0) == digest_of(file, from_bytes=0) == sha256_hex(b"weights")
    assert remembered(file, from_bytes=0) == sha256_hex(b"weights")
    assert len(reads) == 1


def test_a_small_file_is_not_remembered(file: Path, reads: list[Path], cache: Path) -> None:
    digest_of(file)
    assert remembered(file) == sha256_hex(b"weights")
    assert (len(reads), cache.exists()) == (2, False)


def test_every_change_is_noticed(file: Path, reads: list[Path]) -> None:
    digest_of(file, from_bytes=0)
    before = file.stat()
    file.write_bytes(b"WEIGHTS")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert digest_of(file, from_bytes=0) == sha256_hex(b"WEIGHTS")
    file.with_name("other").write_bytes(b"another")
    file.with_name("other").replace(file)
    assert digest_of(file, from_bytes=0) == sha256_hex(b"another")
    assert len(reads) == 3


def test_what_was_just_written_is_not_remembered(
    file: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "_SETTLED_NS", 2_000_000_000)
    digest_of(file, from_bytes=0)
    digest_of(file, from_bytes=0)
    assert len(reads) == 2


@pytest.mark.parametrize("damage", [b"", b"not a database at all, but long enough for a header"])
def test_a_damaged_cache_is_begun_anew(file: Path, cache: Path, damage: bytes) -> None:
    digest_of(file, from_bytes=0)
    cache.write_bytes(damage)
    assert remembered(file, from_bytes=0) is None
    assert digest_of(file, from_bytes=0) == sha256_hex(b"weights")
    assert remembered(file, from_bytes=0) == sha256_hex(b"weights")


def test_a_wrong_row_is_not_believed(file: Path, cache: Path) -> None:
    digest_of(file, from_bytes=0)
    with sqlite3.connect(cache) as opened:
        opened.execute("update digests set sha256 = 'short'")
    opened.close()
    assert digest_of(file, from_bytes=0) == sha256_hex(b"weights")


def test_no_place_for_a_cache(file: Path, cache: Path) -> None:
    cache.parent.parent.write_text("a file where a folder should be")
    assert digest_of(file, from_bytes=0) == sha256_hex(b"weights")


def test_a_locked_cache_is_passed_over(
    file: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "_BUSY_SECONDS", 0.05)
    digest_of(file, from_bytes=0)
    holder = sqlite3.connect(cache, isolation_level=None)
    try:
        holder.execute("begin exclusive")
        assert digest_of(file, from_bytes=0) == sha256_hex(b"weights")
    finally:
        holder.close()


def test_a_file_that_changes_under_way(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(path: Path) -> str:
        path.write_bytes(b"more than before")
        return "0" * 64

    monkeypatch.setattr(digests, "file_digest", slow)
    with pytest.raises(UserError, match="changes while it is read"):
        digest_of(file, from_bytes=0)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        digest_of(tmp_path / "none")


def test_several_processes_at_once(file: Path, cache: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from seatrial.serve import digests;"
        "digests._SETTLED_NS = -1;"
        "print(digests.digest_of(Path(sys.argv[1]), from_bytes=0))"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(file)], stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    found = {process.communicate(timeout=60)[0].strip() for process in started}
    assert found == {sha256_hex(b"weights").encode()}
    assert remembered(file, from_bytes=0) == sha256_hex(b"weights")


def test_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/her")
    assert cache_folder() == Path("/home/her/.cache/seatrial")
