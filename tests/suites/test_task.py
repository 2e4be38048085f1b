"""The reader of task folders: lenient where the format is, one clear line where a run is lost."""

import os

import pytest

from seatrial.core.errors import TaskError
from seatrial.suites import load_suite, load_task
from seatrial.suites.task import Placement, digest

GOOD = {
    "task.toml": 'version = "1.0"\n[metadata]\ncategory = "games"\nnew = [1]\n[other]\nx = 1\n',
    "instruction.md": "# BENCHMARK CANARY do not train\n\nDo it.\n",
    "environment/Dockerfile": "FROM x\nWORKDIR /src\nCOPY a.txt b/ ./\nENV A=1\n",
    "environment/a.txt": "a",
    "environment/b/c.txt": "c",
    "tests/test.sh": "#!/bin/bash\n",
}


def folder(root, **changes):
    """A good task with some files changed; None drops one."""
    files = {**GOOD, **{name.replace("__", "/"): text for name, text in changes.items()}}
    return write(root / "some-task", files)


def write(base, files):
    for name, text in files.items():
        if text is not None:
            (base / name).parent.mkdir(parents=True, exist_ok=True)
            (base / name).write_text(text)
    return base


def test_a_foreign_task_is_read(tmp_path):
    task = load_task(folder(tmp_path))
    assert (task.id, task.name, task.family) == ("some-task", "some-task", "games")
    assert task.instruction == "Do it."
    assert (task.agent_timeout_s, task.verifier_timeout_s) == (None, 600.0)
    assert (task.network_mode, task.workdir, task.env) == ("no-network", "/src", {"A": "1"})
    base = task.path / "environment"
    assert task.workspace == (
        Placement(base / "a.txt", "/src/a.txt"),
        Placement(base / "b", "/src"),
    )
    assert task.solution is None
    write(task.path, {"solution/solve.sh": ""})
    assert task.solution == task.path / "solution"


def test_settings_of_the_format_are_taken(tmp_path):
    toml = (
        '[task]\nname = "a/b"\n[agent]\ntimeout_sec = 10\n[verifier]\ntimeout_sec = 2.5\n'
        '[environment]\nnetwork_mode = "public"\nworkdir = "/w"\n'
    )
    task = load_task(folder(tmp_path, **{"task.toml": toml, "environment/Dockerfile": None}))
    assert (task.name, task.agent_timeout_s, task.verifier_timeout_s) == ("a/b", 10.0, 2.5)
    assert (task.network_mode, task.workdir, task.dockerfile) == ("public", "/w", None)
    assert task.workspace == (Placement(task.path / "environment", "/w"),)


def test_the_old_key_for_no_network_is_read(tmp_path):
    task = load_task(folder(tmp_path, **{"task.toml": "[environment]\nallow_internet = false\n"}))
    assert task.network_mode == "no-network"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"task.toml": None}, "no task.toml"),
        ({"task.toml": "a = = 1"}, "task.toml: Invalid value"),
        ({"task.toml": "agent = 3"}, "agent has to be a table"),
        ({"task.toml": "[agent]\ntimeout_sec = 0"}, "agent.timeout_sec is 0"),
        ({"task.toml": "[agent]\ntimeout_sec = nan"}, "agent.timeout_sec is nan"),
        ({"task.toml": "[verifier]\ntimeout_sec = true"}, "verifier.timeout_sec is True"),
        ({"task.toml": '[environment]\nnetwork_mode = "allowlist"'}, "not supported yet"),
        ({"task.toml": '[environment]\nnetwork_mode = "fast"'}, "network_mode is 'fast'"),
        ({"instruction.md": None}, "no instruction.md"),
        ({"instruction.md": "# canary\n\n"}, "the instruction is empty"),
        ({"tests/test.sh": None}, "no tests/test.sh"),
        (
            dict.fromkeys(name for name in GOOD if name.startswith("environment/")),
            "no environment folder",
        ),
        ({"environment/Dockerfile": "RUN x"}, "RUN comes before FROM"),
        ({"environment/Dockerfile": "FROM x\nCOPY ../../x /app/"}, "COPY ../../x leaves the task"),
        ({"environment/Dockerfile": "FROM x\nCOPY nothing /app/"}, "COPY nothing: no such file"),
    ],
)
def test_a_broken_folder_is_one_clear_line(tmp_path, changes, says):
    broken = folder(tmp_path, **changes)
    with pytest.raises(TaskError) as caught:
        load_task(broken)
    assert says in caught.value.message
    assert str(broken) in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside", "/etc"])
def test_a_link_that_leaves_the_task_is_refused(tmp_path, target):
    broken = folder(tmp_path)
    (broken / "environment" / "link").symlink_to(target)
    with pytest.raises(TaskError, match="environment/link is a link that leaves the task"):
        load_task(broken)


def test_a_pipe_is_refused_and_not_read(tmp_path):
    broken = folder(tmp_path)
    os.mkfifo(broken / "environment" / "pipe")
    with pytest.raises(TaskError, match="environment/pipe is neither a file nor a link"):
        load_task(broken)


def test_what_the_machine_cannot_read_is_one_line(tmp_path):
    broken = folder(tmp_path)
    (broken / "environment" / "circle").symlink_to("circle")
    with pytest.raises(TaskError, match="some-task"):
        load_task(broken)


def test_a_link_within_the_task_is_fine_and_counts(tmp_path):
    good = folder(tmp_path)
    before = digest(good)
    (good / "environment" / "link").symlink_to("a.txt")
    assert load_task(good).digest == digest(good) != before


def test_the_digest_sees_names_and_bytes_but_not_the_place(tmp_path):
    first, second = folder(tmp_path / "a"), folder(tmp_path / "b")
    assert digest(first) == digest(second)
    write(first, {"tests/__pycache__/x.pyc": "cached"})
    assert digest(first) == digest(second)
    write(second, {"environment/a.txt": "A"})
    assert digest(first) != digest(second)
    assert digest(write(tmp_path / "c", {"ab": "c"})) != digest(write(tmp_path / "d", {"a": "bc"}))


def test_a_suite_is_every_task_in_a_folder_or_the_one_it_is(tmp_path):
    for name in ("b", "a"):
        write(tmp_path / "suite" / name, GOOD)
    write(tmp_path / "suite" / "notes", {"README": "no task"})
    assert [task.id for task in load_suite(tmp_path / "suite")] == ["a", "b"]
    assert [task.id for task in load_suite(tmp_path / "suite" / "a")] == ["a"]


def test_a_suite_with_nothing_or_something_broken_is_refused(tmp_path):
    with pytest.raises(TaskError, match="no such folder"):
        load_suite(tmp_path / "none")
    with pytest.raises(TaskError, match="no task in here"):
        load_suite(tmp_path)
    write(tmp_path / "half", {"instruction.md": "Do it."})
    with pytest.raises(TaskError, match=r"half: no task\.toml"):
        load_suite(tmp_path)
    with pytest.raises(TaskError, match="no such folder"):
        load_task(tmp_path / "none")
