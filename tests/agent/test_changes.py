"""What a step changed, in a workspace that does not want to be looked at."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from seatrial.agent import changes
from seatrial.agent.changes import ChangeWatch, look_at


def names(watch: ChangeWatch) -> list[str]:
    return [change.path for change in watch.changes()]


def test_a_change_with_its_time_set_back_is_seen(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    before = (tmp_path / "a").stat()
    watch = ChangeWatch(tmp_path)
    (tmp_path / "a").write_text("two")
    os.utime(tmp_path / "a", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert names(watch) == ["a"]


def test_two_changes_within_one_tick_of_the_clock_are_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = changes._stat

    def coarse(entry: os.DirEntry[str]) -> changes.Seen | None:
        seen = look(entry)
        day = 86_400 * 10**9
        return seen and msgspec.structs.replace(seen, changed_ns=seen.changed_ns // day * day)

    monkeypatch.setattr(changes, "_stat", coarse)
    monkeypatch.setattr(changes, "_TICK_NS", 2 * 86_400 * 10**9)
    (tmp_path / "a").write_text("one")
    watch = ChangeWatch(tmp_path)
    (tmp_path / "a").write_text("two")
    assert names(watch) == ["a"]
    (tmp_path / "a").write_text("six")
    assert names(watch) == ["a"]
    assert names(watch) == []


def test_a_name_that_is_no_text_can_stand_on_a_trace(tmp_path: Path) -> None:
    watch = ChangeWatch(tmp_path)
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")).write_text("")
    (change,) = watch.changes()
    assert change.path == "caf\\xe9"
    msgspec.json.encode(change)


def test_links_and_pipes_are_not_looked_into(tmp_path: Path) -> None:
    watch = ChangeWatch(tmp_path)
    (tmp_path / "link").symlink_to("/etc/hostname")
    (tmp_path / "up").symlink_to("/")
    os.mkfifo(tmp_path / "pipe")
    assert names(watch) == []


def test_a_huge_file_is_named_and_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MAX_DIGEST_BYTES", 100)
    watch = ChangeWatch(tmp_path)
    (tmp_path / "huge").write_bytes(b"x" * 101)
    (tmp_path / "small").write_bytes(b"x")
    huge, small = watch.changes()
    assert (huge.after or "").startswith("unread: 101 bytes")
    assert len(small.after or "") == 16
    assert watch.changes() == ()


def test_many_files_are_looked_at_up_to_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "MAX_FILES", 10)
    monkeypatch.setattr(changes, "MAX_CHANGES", 4)
    watch = ChangeWatch(tmp_path)
    for number in range(20):
        (tmp_path / f"{number:02}").mkdir()
        (tmp_path / f"{number:02}" / "a").write_text("")
        (tmp_path / f"file-{number:02}").write_text("")
    look = look_at(tmp_path)
    assert (len(look.files) <= 10, look.whole) == (True, False)
    for number in range(20):
        (tmp_path / f"00{number:02}").write_text("")
    assert len(watch.changes()) == 4


def test_a_tree_deeper_than_a_path_can_say_is_no_error(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("deep", dir_fd=folder)
        below = os.open("deep", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)
    assert ChangeWatch(tmp_path).changes() == ()
    os.system(f"rm -rf '{tmp_path}'/deep")
