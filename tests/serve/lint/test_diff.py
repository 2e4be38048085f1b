"""Diffs of findings: they apply, they never lie, and nothing is written."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.serve.lint.diff import patch, unified
from seatrial.serve.lint.rule import Edit, Finding, Severity

SCRIPT = """#!/bin/sh
exec llama-server \\
  -m a.gguf -c 4096 -np 4 \\
  --context-shift \\
  --draft-max 16
echo done
"""


def finding(rule, source, line, before, *after):
    return Finding(
        rule=rule, severity=Severity.ERROR, title="t", seen="s", why="w", fix="f", source="x",
        edit=Edit(str(source), line, before, after),
    )  # fmt: skip


def applied(tmp_path, name, *edits, tool="patch"):
    """The file after the diff of these edits was applied by a real tool."""
    made = patch([finding(rule, name, *rest) for rule, *rest in edits])
    before = (tmp_path / name).read_bytes()
    if made.text:
        command = {
            "patch": ["patch", "-p0", "--binary", "--no-backup-if-mismatch"],
            "git": ["git", "apply", "-p0"],
        }[tool]
        done = subprocess.run(
            command, cwd=tmp_path, input=made.text.encode(), capture_output=True, check=False
        )
        assert done.returncode == 0, (done.stdout, done.stderr, made.text)
    after = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(before)
    return after.decode(), made


@pytest.fixture(autouse=True)
def inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("tool", ["patch", "git"])
def test_parts_of_lines_are_replaced_together(tmp_path, tool):
    Path("start.sh").write_text(SCRIPT)
    after, made = applied(
        tmp_path, "start.sh", ("W02", 3, "-np 4", "-np 1"), ("W05", 3, "-c 4096", "-c 65536"),
        ("P01", 5, "--draft-max 16", "--spec-draft-n-max 16"), tool=tool,
    )  # fmt: skip
    assert "-m a.gguf -c 65536 -np 1 \\\n" in after and "--spec-draft-n-max 16\necho" in after
    assert made.applied == ("W02", "W05", "P01") and made.skipped == ()


def test_a_whole_line_becomes_several_and_keeps_its_indent(tmp_path):
    Path("start.sh").write_text(SCRIPT)
    whole = "  --context-shift \\"
    after, _ = applied(tmp_path, "start.sh", ("A", 4, whole, "  --jinja \\", "  -fa on \\"))
    assert "  --jinja \\\n  -fa on \\\n  --draft" in after
    after, _ = applied(tmp_path, "start.sh", ("A", 4, "--context-shift", "--jinja", "-fa on"))
    assert "  --jinja \\\n  -fa on \\\n  --draft" in after


def test_what_is_taken_away_leaves_a_command_that_still_ends(tmp_path):
    Path("start.sh").write_text(SCRIPT)
    for nothing in ((), ("",)):
        after, _ = applied(tmp_path, "start.sh", ("A", 4, "--context-shift", *nothing))
        assert "-np 4 \\\n  --draft-max 16\n" in after
        after, _ = applied(tmp_path, "start.sh", ("A", 5, "--draft-max 16", *nothing))
        assert "  --context-shift \\\n\necho done\n" in after
        after, _ = applied(tmp_path, "start.sh", ("A", 3, "-c 4096", *nothing))
        assert "  -m a.gguf -np 4 \\\n" in after


def test_the_first_of_two_that_change_the_same_words_wins(tmp_path):
    Path("start.sh").write_text(SCRIPT)
    after, made = applied(
        tmp_path, "start.sh", ("A", 3, "-c 4096", "-c 1"), ("B", 3, "-c 4096 -np 4", "-c 2"),
        ("C", 3, "-c 4096", "-c 1"),
    )  # fmt: skip
    assert "-c 1 -np 4" in after and made.applied == ("A", "C")
    assert made.skipped == (
        "B: start.sh, line 3: A changes the same words; apply that, then lint again",
    )


@pytest.mark.parametrize(
    ("line", "before", "said"),
    [
        (3, "-c 8192", "does not say what was read"),
        (3, "-c 409", "does not say what was read"),
        (3, "", "does not say what was read"),
        (99, "x", "no such line"),
        (0, "x", "no such line"),
    ],
)
def test_a_file_that_says_something_else_is_left_alone(line, before, said):
    Path("start.sh").write_text(SCRIPT)
    made = patch([finding("A", "start.sh", line, before, "y")])
    assert made.text == "" and said in made.skipped[0]


def test_a_part_that_stands_twice_is_left_alone():
    Path("a.sh").write_text("llama-server -c 4096 & llama-server -c 4096\n")
    assert unified([finding("A", "a.sh", 1, "-c 4096", "-c 1")]) == ""


def test_the_ends_of_lines_and_of_the_file_stay(tmp_path):
    Path("crlf.yml").write_bytes(b"a: 1\r\nb: 2\r\nc: 3")
    after, _ = applied(tmp_path, "crlf.yml", ("A", 2, "b: 2", "b: 5"), ("B", 3, "c: 3", "c: 4"))
    assert after == "a: 1\r\nb: 5\r\nc: 4"
    after, _ = applied(tmp_path, "crlf.yml", ("A", 2, "b: 2", "b: 5", "d: 6"))
    assert after == "a: 1\r\nb: 5\r\nd: 6\r\nc: 3"


def test_a_member_of_json_goes_only_with_its_comma(tmp_path):
    Path("a.json").write_text('{\n  "a": 1,\n  "b": 2\n}\n')
    after, _ = applied(tmp_path, "a.json", ("A", 2, '"a": 1'))
    assert after == '{\n  "b": 2\n}\n'
    made = patch([finding("A", "a.json", 3, '"b": 2')])
    assert made.text == "" and "by hand" in made.skipped[0]


def test_several_files_in_the_order_of_their_names(tmp_path):
    Path("b c.sh").write_text("x -c 1\n")
    Path("a.sh").write_text("x -c 1\n")
    found = [finding("A", name, 1, "-c 1", "-c 2") for name in ("b c.sh", "a.sh")]
    text = unified(found)
    assert text == unified(reversed(found)) and text.index("a.sh") < text.index("b c.sh")
    done = subprocess.run(
        ["patch", "-p0"], cwd=tmp_path, input=text.encode(), capture_output=True, check=False
    )
    assert done.returncode == 0, done
    assert Path("b c.sh").read_text() == Path("a.sh").read_text() == "x -c 2\n"


def test_a_path_below_this_folder_is_relative_and_nothing_is_written(tmp_path):
    Path("sub").mkdir()
    path = tmp_path / "sub" / "a.sh"
    path.write_text("x -c 1\n")
    text = unified([finding("A", path, 1, "-c 1", "-c 2")])
    assert text.startswith("--- sub/a.sh\n+++ sub/a.sh\n@@ ") and path.read_text() == "x -c 1\n"


def test_files_elsewhere_are_named_from_the_root(tmp_path, monkeypatch):
    Path("here").mkdir()
    path = tmp_path / "a.sh"
    path.write_text("x -c 1\n")
    monkeypatch.chdir("here")
    made = patch([finding("A", name, 1, "-c 1", "-c 2") for name in ("../a.sh", str(path))])
    assert made.folder == "/" and made.text.count(f"--- {str(path)[1:]}\n") == 2
    done = subprocess.run(
        ["patch", "-p0", "-d", made.folder, "--dry-run"], input=made.text.encode(),
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done


def test_files_that_cannot_be_read_are_told():
    Path("bad").write_bytes(b"\xff\n")
    for name in ("gone", "bad", "command line"):
        made = patch([finding("A", name, 1, "x", "y")])
        assert made.text == "" and made.skipped == (f"A: {name} cannot be read",)


def test_findings_without_an_edit_make_no_diff():
    bare = Finding(
        rule="A", severity=Severity.INFO, title="t", seen="s", why="w", fix="f", source="x"
    )
    assert unified([bare]) == ""


LINES = st.lists(st.text(alphabet="ab -\\\r\t{}é", max_size=8), min_size=1, max_size=8)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(LINES, st.booleans(), st.data())
def test_every_diff_applies_and_gives_what_was_asked(tmp_path, lines, ended, data):
    text = "\n".join(lines) + ("\n" if ended else "")
    (tmp_path / "f").write_bytes(text.encode())
    number = data.draw(st.integers(1, len(lines)))
    before = lines[number - 1].removesuffix("\r")
    after = data.draw(st.sampled_from([("new",), ("one", "two"), ()]))
    changed, made = applied(tmp_path, "f", ("A", number, before, *after))
    assert bool(made.applied) == bool(before) and len(made.applied) + len(made.skipped) == 1
    rest = [*text.split("\n")[: number - 1], *text.split("\n")[number:]]
    for line in rest:
        assert line in changed.split("\n")
