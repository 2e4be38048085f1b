"""The agent's tools: what they do, what they say, and where they refuse."""

from __future__ import annotations

import asyncio
import errno
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.agent import Toolbox, ToolOutcome
from seatrial.core.message import Call
from seatrial.models import profile_for
from seatrial.sandbox import open_sandbox

PROFILE = profile_for("dinghy")
assert PROFILE is not None


class Tools:
    def __init__(self, folder: Path, **options: object) -> None:
        assert PROFILE is not None
        self.folder = folder
        self.box = Toolbox(PROFILE, folder, open_sandbox("process", folder), **options)  # type: ignore[arg-type]

    def __call__(self, name: str, **arguments: object) -> ToolOutcome:
        return asyncio.run(self.box.run(Call("c", name, json.dumps(arguments))))


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    (tmp_path / "a.py").write_text("one\ntwo\none\n")
    return Tools(tmp_path)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("read_file", {"path": "b.py"}, "error: no such file: b.py"),
        ("edit_file", {"path": "b.py", "old": "x", "new": "y"}, "error: no such file: b.py"),
        (
            "edit_file",
            {"path": "a.py", "old": "x", "new": "y"},
            "error: old text not found in a.py",
        ),
        ("edit_file", {"path": "a.py", "old": "", "new": "y"}, "error: old text not found in a.py"),
        (
            "edit_file",
            {"path": "a.py", "old": "one", "new": "y"},
            "error: old text occurs 2 times in a.py",
        ),
        ("read_file", {"path": "../x"}, "error: outside the workspace: ../x"),
        ("write_file", {"path": "/etc/x", "content": ""}, "error: outside the workspace: /etc/x"),
        ("read_file", {"path": "."}, "error: not a text file: ."),
    ],
)
def test_mistakes_are_answered_in_words(
    tools: Tools, name: str, arguments: dict[str, str], words: str
) -> None:
    outcome = tools(name, **arguments)
    assert (outcome.output, outcome.exit, outcome.files) == (words, 1, ())
    assert (tools.folder / "a.py").read_text() == "one\ntwo\none\n"


def test_an_old_text_that_overlaps_itself_names_no_single_place(tools: Tools) -> None:
    tools("write_file", path="b.py", content="a\n\n\nb\n")
    outcome = tools("edit_file", path="b.py", old="\n\n", new="\n")
    assert outcome.output == "error: old text occurs 2 times in b.py"
    assert (tools.folder / "b.py").read_text() == "a\n\n\nb\n"


def test_a_file_that_is_closed_to_us_is_answered_in_words(
    tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(path: Path, data: bytes) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "write_bytes", closed)
    for name, arguments in (
        ("edit_file", {"old": "two", "new": "2"}),
        ("write_file", {"content": "2"}),
    ):
        assert tools(name, path="a.py", **arguments).output == "error: not a text file: a.py"


def test_a_full_disk_is_not_the_models(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        tools("edit_file", path="a.py", old="two", new="2")


def test_a_symlink_out_of_the_workspace_is_refused(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/hostname")
    assert "outside the workspace" in tools("read_file", path="link").output


def test_binary_files_are_not_shown(tools: Tools) -> None:
    (tools.folder / "b.bin").write_bytes(b"\xff\xfe\x00")
    assert tools("read_file", path="b.bin").output == "error: not a text file: b.bin"


def test_changes_name_their_files(tools: Tools) -> None:
    (change,) = tools("edit_file", path="a.py", old="two", new="2").files
    assert change.path == "a.py"
    assert None not in (change.before, change.after)
    (created,) = tools("write_file", path="sub/c.py", content="c").files
    assert (created.path, created.before) == ("sub/c.py", None)
    (removed,) = tools("run_command", command="rm a.py").files
    assert (removed.path, removed.after) == ("a.py", None)


def test_a_command_that_changes_nothing_names_no_file(tools: Tools) -> None:
    assert tools("run_command", command="cat a.py; touch a.py").files == ()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("printf hello", "hello\nexit code 0"),
        ("echo hello", "hello\nexit code 0"),
        ("true", "exit code 0"),
        ("echo bad >&2; exit 3", "bad\nexit code 3"),
    ],
)
def test_commands_end_with_their_exit_code(tools: Tools, command: str, words: str) -> None:
    assert tools("run_command", command=command).output == words


def test_a_long_result_keeps_head_and_tail(tmp_path: Path) -> None:
    tools = Tools(tmp_path, result_chars=300)
    (tmp_path / "long.txt").write_text("".join(f"line {n}\n" for n in range(1000)))
    outcome = tools("read_file", path="long.txt")
    assert outcome.output.startswith("line 0\n")
    assert outcome.output.endswith("line 999\n")
    assert len(outcome.output) < 400
    assert outcome.cut_bytes > 8000
    assert "characters left out" in outcome.output


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_written_is_read_back_byte_for_byte(tools: Tools, text: str) -> None:
    tools("write_file", path="t.txt", content=text)
    assert (tools.folder / "t.txt").read_bytes() == text.encode()
    if len(text) < 6000:
        assert tools("read_file", path="t.txt").output == text


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.text(max_size=8), after=st.text(max_size=8), new=st.text(max_size=8))
def test_an_edit_replaces_one_place_and_nothing_else(
    tools: Tools, before: str, after: str, new: str
) -> None:
    marker = "\x01MARK\x01"
    tools("write_file", path="e.txt", content=before + marker + after)
    assert tools("edit_file", path="e.txt", old=marker, new=new).exit == 0
    assert (tools.folder / "e.txt").read_bytes() == (before + new + after).encode()
