"""What shell commands and calls do to files, and what counts as a check."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.core.message import Call
from seatrial.guard.conversation import changed_files, command_of, unchecked_changes
from seatrial.guard.conversation.shell import checks, written_files
from tests.guard.conversation.asks import HISTORY, bash, write


@pytest.mark.parametrize(
    "command",
    [
        "pytest -q",
        "cd /work && timeout 60 python3 -m pytest tests 2>&1 | tail -5",
        "FOO=1 ./run.sh",
        "make",
        "npm run test",
        "npx jest",
        "cargo check",
        "go vet ./...",
        "uv run ruff check .",
        "python add.py",
        "bash -lc 'cd x && ./check'",
        "for f in *.py; do python $f; done",
        "if true; then make; fi",
        "cat > a.py <<'EOF'\nx\nEOF\npython a.py",
        "echo 'never closed",
    ],
)
def test_what_runs_a_program_is_a_check(command: str) -> None:
    assert checks(command)


@pytest.mark.parametrize(
    "command",
    [
        "",
        "ls -la && cat pytest.ini",
        "grep -rn 'make test' .",
        "git status; git diff",
        "echo pytest",
        "npm install left-pad",
        "pip install pytest",
        "python3 -m pip install pytest",
        "uv add ruff",
        "cat > a.py <<'EOF'\nimport os\npytest.main()\nEOF",
        "cat > a.py <<EOF\nmake\nEOF\nls",
        "sed -i 's/a/b/' a.py > pytest",
        "bash -c 'ls; pwd'",
        "if [ -f a.py ]; then echo yes; fi",
    ],
)
def test_what_looks_moves_or_fetches_is_none(command: str) -> None:
    assert not checks(command)


@pytest.mark.parametrize(
    ("command", "paths"),
    [
        ("echo x > a.py", ("a.py",)),
        ("echo x >> src/a.py; cat b > 'c d.txt'", ("src/a.py", "c d.txt")),
        ("cat <<'EOF' > a.py\nif a > b:\n  c >> d\nEOF\n", ("a.py",)),
        ("make 2>&1 | tee build.log -a", ("build.log",)),
        ("echo '>' x; echo \"a > b\"", ()),
        ("ls > /dev/null 2>&1; ls > /tmp/x; ls 2> err", ("err",)),
        ("echo x > $FILE; echo y > *.py; echo z > `date`", ()),
        ("echo 'never closed > a.py", ()),
        ("wc < in.txt", ()),
        ("echo x > /srv/app/a.py", ("/srv/app/a.py",)),
    ],
)
def test_files_are_named_outright_or_not_at_all(command: str, paths: tuple[str, ...]) -> None:
    assert written_files(command) == paths


@given(st.text(alphabet="ab \n'\"\\<>|&;()$EOF-.", max_size=60))
def test_any_text_is_a_command(command: str) -> None:
    checks(command)
    assert all(written_files(command))


def call(name: str, **fields: object) -> Call:
    return Call("c", name, json.dumps(fields))


@pytest.mark.parametrize(
    ("made", "paths"),
    [
        (call("write", path="a.py", content="x"), ("a.py",)),
        (call("edit", filePath="a.py", oldString="a", newString="b"), ("a.py",)),
        (call("write_file", file_path="a.py", content="x"), ("a.py",)),
        (call("str_replace_editor", command="create", path="a.py", file_text="x"), ("a.py",)),
        (call("str_replace_editor", command="view", path="a.py"), ()),
        (call("apply_patch", input="*** Begin Patch\n*** Update File: a.py\n@@\n"), ("a.py",)),
        (
            call("exec_command", cmd="apply_patch <<'EOF'\n*** Add File: b.py\n+x\nEOF"),
            ("b.py",),
        ),
        (call("shell", command=["bash", "-lc", "echo x > c.py"]), ("c.py",)),
        (call("read", path="a.py"), ()),
        (call("todowrite", todos=[], path="a.py", content="x"), ()),
        (call("memory_write", path="a.md", content="x"), ()),
        (call("bash", command="ls"), ()),
        (Call("c", "write", "{never closed"), ()),
        (Call("c", "write", "[1]"), ()),
    ],
)
def test_the_files_of_calls(made: Call, paths: tuple[str, ...]) -> None:
    assert changed_files(made) == paths


def test_the_command_of_a_call() -> None:
    assert command_of(call("shell", command=["ls", "-a", "b"])) == "ls -a b"
    assert command_of(call("shell", command=["/bin/sh", "-c", "ls"])) == "ls"
    assert command_of(call("shell", command=["bash", "-lc", "ls"])) == "ls"
    assert command_of(call("x", cmd="ls")) == "ls"
    assert command_of(call("x", command=[1, {}])) == command_of(Call("c", "x", "")) == ""


def test_changes_count_until_something_is_run() -> None:
    found = unchecked_changes(HISTORY[1:])
    assert found is not None and found.paths == ("add.py", "notes/a.md")
    assert found.calls_since == 1 and "notes/a.md" in found.call
    assert unchecked_changes((*HISTORY[1:], *bash(7, "python add.py"))) is None
    again = (*HISTORY[1:], *bash(7, "python add.py"), *write(8, "b.py"))
    found = unchecked_changes(again)
    assert found is not None and found.paths == ("b.py",)


def test_failed_edits_prose_and_long_looking_around_are_no_reason() -> None:
    assert unchecked_changes(write(1, "a.py", "Error: no such folder")) is None
    assert unchecked_changes((*write(1, "a.md"), *bash(2, "echo x > b.txt"))) is None
    assert unchecked_changes(()) is None
    looks = [message for n in range(7) for message in bash(10 + n, f"cat a{n}.py")]
    assert unchecked_changes((*write(1, "a.py"), *looks)) is None
    assert unchecked_changes((*write(1, "a.py"), *looks[:10])) is not None
