"""Task folders: complete, stable, and judged by nothing that the agent may have changed."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from seatrial.core.errors import UserError
from seatrial.suites import generate, load_suite, make, write_task

PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def tree(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_suite_is_written_the_same_twice(tmp_path):
    first = make("shakedown", seed=3, count=8, out=tmp_path / "a")
    make("shakedown", seed=3, count=8, out=tmp_path / "b")
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
    assert make("shakedown", seed=3, count=8, out=tmp_path / "a") == first
    assert [path.name for path in first] == [task.id for task in generate(3, 8)]


def test_another_suite_in_the_same_folder_is_refused(tmp_path):
    make("shakedown", seed=3, count=8, out=tmp_path)
    with pytest.raises(UserError, match="exists and differs"):
        make("shakedown", seed=4, count=8, out=tmp_path)
    with pytest.raises(UserError, match="holds something else"):
        make("shakedown", seed=3, count=2, out=tmp_path)


def test_an_unknown_suite_is_refused(tmp_path):
    with pytest.raises(UserError, match="no such suite: x") as caught:
        make("x", seed=0, count=1, out=tmp_path)
    assert "shakedown" in caught.value.hint


def test_the_folder_says_what_it_is(tmp_path):
    (folder,) = make("shakedown", seed=9, count=1, out=tmp_path, band="hard")
    table = tomllib.loads((folder / "task.toml").read_text())
    assert table["schema_version"] == "1.4"
    assert table["task"]["name"] == "seatrial/offbyone-000-hard"
    assert table["metadata"] == {
        "family": "offbyone",
        "band": "hard",
        "seed": 9,
        "generator": "shakedown 1",
        "verifier": "pytest",
    }
    assert table["environment"]["network_mode"] == "no-network"
    for script in ("tests/test.sh", "solution/solve.sh"):
        assert os.access(folder / script, os.X_OK)


def workspace(task, folder):
    for path, text in task.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def reward(task, app, logs):
    environment = {"PATH": PATH, "SEATRIAL_LOGS_DIR": str(logs)}
    subprocess.run(
        ["bash", str(task / "tests" / "test.sh")], cwd=app, env=environment, capture_output=True
    )
    return (logs / "verifier" / "reward.txt").read_text()


@pytest.mark.parametrize("index", [1, 3, 7])
def test_the_solution_earns_the_reward_and_nothing_else_does(tmp_path, index):
    task = generate(30, 8)[index]
    folder = write_task(task, tmp_path / "task")
    # A blank in the path: both scripts have to quote.
    app = workspace(task, tmp_path / "the app")
    assert reward(folder, app, tmp_path / "logs") == "0\n"
    subprocess.run(["bash", str(folder / "solution" / "solve.sh")], cwd=app, check=True)
    assert reward(folder, app, tmp_path / "logs") == "1\n"


CHEATS = {
    "configuration": {"pytest.ini": "[pytest]\naddopts = --collect-only\n"},
    "conftest": {"conftest.py": "import os\nos._exit(0)\n"},
    "shadowed pytest": {"pytest.py": "raise SystemExit(0)\n"},
    "site": {"sitecustomize.py": "import os\nos._exit(0)\n"},
    "hidden test": {"test_hidden.py": "def test_nothing():\n    pass\n"},
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_files_left_by_the_agent_do_not_decide(tmp_path, cheat):
    task = generate(31, 8)[5]
    folder = write_task(task, tmp_path / "task")
    app = workspace(task, tmp_path / "app")
    for name, text in CHEATS[cheat].items():
        (app / name).write_text(text)
    assert reward(folder, app, tmp_path / "logs") == "0\n"


_STUB = """\
import os, pytest
def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return lambda *given: {}
"""

DODGES = {
    "ends the process": "import os\nos._exit(0)\n",
    "skips": _STUB.format("pytest.skip('not today')"),
    "ends the session": _STUB.format("pytest.exit('done', 0)"),
    "gives itself a reward": (
        "import os, pathlib\n"
        "logs = pathlib.Path(os.environ['SEATRIAL_LOGS_DIR'], 'verifier')\n"
        "logs.mkdir(parents=True, exist_ok=True)\n"
        "(logs / 'reward.json').write_text('{\"reward\": 1}')\n"
    ),
}


@pytest.mark.parametrize("dodge", DODGES)
def test_code_that_dodges_the_tests_earns_nothing(tmp_path, dodge):
    task = next(task for task in generate(31, 8) if task.family == "implement")
    folder = write_task(task, tmp_path / "task")
    app = workspace(task, tmp_path / "app")
    (app / task.steps[0].path).write_text(DODGES[dodge])
    assert reward(folder, app, tmp_path / "logs") == "0\n"
    assert not (tmp_path / "logs" / "verifier" / "reward.json").exists()


def test_an_endless_loop_is_a_failure_and_not_the_machine(tmp_path):
    task = next(task for task in generate(31, 8) if task.family == "implement")
    folder = write_task(task, tmp_path / "task")
    script = folder / "tests" / "test.sh"
    assert "ulimit -t 20\n" in script.read_text()
    script.write_text(script.read_text().replace("ulimit -t 20\n", "ulimit -t 2\n"))
    app = workspace(task, tmp_path / "app")
    (app / task.steps[0].path).write_text(_STUB.format("[0 for _ in iter(int, 1)]"))
    assert reward(folder, app, tmp_path / "logs") == "0\n"


def test_the_reader_reads_what_the_writer_wrote(tmp_path):
    make("shakedown", seed=3, count=8, out=tmp_path)
    tasks = {task.id: task for task in load_suite(tmp_path)}
    for instance in generate(3, 8):
        task = tasks[instance.id]
        assert task.instruction == instance.instruction
        assert (task.family, task.metadata["band"]) == (instance.family, "standard")
        (placement,) = task.workspace
        assert (placement.target, task.workdir) == ("/app", "/app")
        copied = {name: data.decode() for name, data in tree(placement.source).items()}
        assert copied == dict(instance.files)
