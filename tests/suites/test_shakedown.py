"""The generator: determinism, well-formed steps, and real pytest's verdict on its tasks."""

import ast
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.core.errors import UserError
from seatrial.suites.shakedown import BANDS, FAMILIES, Edit, Write, apply, generate
from seatrial.suites.shakedown.model import StepError
from seatrial.suites.shakedown.wording import HARD_WRAPPERS, STANDARD_WRAPPERS

SUMMARY = "=========================== short test summary info ============================"


def test_the_same_arguments_give_the_same_tasks_in_another_process():
    script = (
        "from seatrial.suites import generate; import hashlib;"
        "print(hashlib.sha256(repr(generate(7, 32)).encode()).hexdigest())"
    )
    digests = set()
    for salt in ("0", "1"):
        path = os.pathsep.join(sys.path)
        environment = {**os.environ, "PYTHONHASHSEED": salt, "PYTHONPATH": path}
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True
        )
        digests.add(done.stdout)
    assert len(digests) == 1
    assert digests != {""}


def test_a_longer_suite_begins_with_the_shorter_one():
    assert generate(3, 40)[:16] == generate(3, 16)


def test_another_seed_gives_other_tasks():
    assert {task.instruction for task in generate(1, 16)}.isdisjoint(
        task.instruction for task in generate(2, 16)
    )


def test_families_come_in_turn_and_ids_are_unique():
    tasks = generate(0, 80)
    assert Counter(task.family for task in tasks) == dict.fromkeys(FAMILIES, 10)
    ids = [task.id for band in BANDS for task in generate(0, 80, band)]
    assert len(set(ids)) == 160
    assert all(part.isalnum() for name in ids for part in name.split("-"))


def test_an_unknown_band_is_the_users_fault():
    with pytest.raises(UserError, match="no such band: easy"):
        generate(0, 1, "easy")


@given(seed=st.integers(0, 10**9), band=st.sampled_from(sorted(BANDS)))
@settings(max_examples=40, deadline=None)
def test_every_step_fits_exactly_once_and_changes_something(seed, band):
    for task in generate(seed, len(FAMILIES), band):
        files = dict(task.files)
        for step in task.steps:
            if isinstance(step, Edit):
                assert files[step.path].count(step.old) == 1
                assert step.old != step.new
            else:
                assert step.path not in files
            assert step.path in task.instruction
            files = apply(files, (step,))
        assert files != task.files
        for path, text in {**files, **task.hidden}.items():
            if path.endswith(".py"):
                ast.parse(text)


def test_a_step_that_does_not_fit_is_refused():
    with pytest.raises(StepError, match="occurs 2 times"):
        apply({"a.py": "x\nx\n"}, (Edit("a.py", "x", "y"),))
    assert apply({}, (Write("a.py", "x"),)) == {"a.py": "x"}


def test_renames_need_two_edits_or_more_and_touch_two_files_now_and_then():
    tasks = [task for task in generate(4, 400) if task.family == "rename"]
    assert all(len(task.steps) >= 2 for task in tasks)
    assert {len({step.path for step in task.steps}) for task in tasks} == {1, 2}


def test_the_bands_differ_in_names_fillers_and_words():
    standard, hard = generate(5, 160), generate(5, 160, "hard")
    blocks = [
        max(text.count("\n\n\n") for text in task.files.values()) for task in (*standard, *hard)
    ]
    assert max(blocks[:160]) <= 6
    assert max(blocks[160:]) >= 7
    assert any("/" in step.path for task in standard for step in task.steps)


def test_hard_wordings_are_not_used_in_training():
    phrases = Path(__file__).parents[2] / "recipes" / "dinghy" / "phrases.py"
    tree = ast.parse(phrases.read_text(encoding="utf-8"))
    trained = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    trained |= {text for family in FAMILIES.values() for text in family.standard}
    hard = {text for family in FAMILIES.values() for text in family.hard}
    assert trained.isdisjoint(hard)
    assert {*STANDARD_WRAPPERS, *trained}.isdisjoint(HARD_WRAPPERS)
    assert all(len(set(family.standard)) >= 16 for family in FAMILIES.values())


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """Real pytest's word on a few tasks of every family and band, before and after."""
    tasks = [*generate(20, 16), *generate(21, 8, "hard")]
    root = tmp_path_factory.mktemp("workspaces")
    folders = []
    for task in tasks:
        for state, files in (("before", task.files), ("after", apply(task.files, task.steps))):
            folder = root / f"{task.id}-{state}"
            for path, text in [
                *((f"app/{path}", text) for path, text in files.items()),
                *((f"tests/{path}", text) for path, text in task.hidden.items()),
            ]:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_text(text)
            folders.append(str(folder))
    environment = {
        "PATH": os.environ["PATH"],
        "COLUMNS": "80",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    script = str(Path(__file__).with_name("forked.py"))
    done = subprocess.run(
        [sys.executable, script, *folders], env=environment, stdout=subprocess.PIPE, check=True
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return list(zip(tasks, rows[::2], rows[1::2], strict=True))


def test_the_unchanged_workspace_fails_the_hidden_tests(verdicts):
    assert [task.id for task, before, _ in verdicts if before["hidden"] == 0] == []


def test_the_reference_solution_passes_all_tests(verdicts):
    wrong = [
        task.id for task, _, after in verdicts if after["hidden"] or after["visible"] != [0, ".\n"]
    ]
    assert wrong == []


def test_a_failing_test_prints_its_summary_and_nothing_else(verdicts):
    for task, before, _ in verdicts:
        code, output = before["visible"]
        lines = output.split("\n")
        if code == 1:
            assert lines[:2] == ["F", SUMMARY]
            assert lines[2].startswith("FAILED test_")
            assert (len(lines), lines[3]) == (4, "")
            assert all(len(line) <= 80 for line in lines)
        else:
            assert (code, task.family) in {(2, "rename"), (2, "create"), (0, "rename")}
    assert any(task.family == "failing_test" for task, _, _ in verdicts)
