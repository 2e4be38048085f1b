"""The command line: data on stdout, talk on stderr, one line and a hint, the right exit code."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import seatrial
from seatrial.bench.run import RunEnd
from seatrial.cli import execution, main, models, run
from seatrial.cli.main import COMMANDS, overview, parser_for
from seatrial.cli.options import find_run
from seatrial.core.config import RunSpec
from seatrial.core.errors import BusyError, EngineError, TaskError, UnattestedError, UserError
from seatrial.store import RunDir

SOURCE = str(Path(seatrial.__file__).parents[1])


@pytest.fixture(autouse=True)
def no_traceback(monkeypatch):
    monkeypatch.delenv("SEATRIAL_TRACEBACK", raising=False)
    monkeypatch.delenv("SEATRIAL_RUNS", raising=False)


@pytest.fixture
def fails(monkeypatch):
    """Let `seatrial models` raise."""

    def set_error(error):
        def raising(args):
            raise error

        monkeypatch.setattr(models, "run", raising)

    return set_error


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"]])
def test_help_names_every_command(capsys, words):
    assert main(words) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out == overview()
    assert all(command.name in said.out for command in COMMANDS)


def test_no_command_shows_the_help_and_is_wrong_usage(capsys):
    assert main([]) == 64
    assert "usage:" in capsys.readouterr().out


def test_the_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"seatrial {seatrial.__version__}\n"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_each_command_helps(capsys, command):
    assert main([command.name, "--help"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"usage: seatrial {command.name}")
    assert said.err == ""


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_each_command_has_json(command):
    parser = parser_for(command)
    parsers = [parser]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            parsers = list(action.choices.values())
    assert all("--json" in each.format_help() for each in parsers)


@pytest.mark.parametrize(
    ("word", "hint"),
    [("dmeo", "did you mean demo?"), ("xyzzy", "seatrial --help lists the commands")],
)
def test_an_unknown_command(capsys, word, hint):
    assert main([word]) == 64
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"error: no such command: {word}\nhint: {hint}\n"


@pytest.mark.parametrize(
    "words",
    [
        ["models", "--nonsense"],
        ["run", "--seed", "x"],
        ["run", "--band", "easy"],
        ["demo", "--arm", "gpt"],
        ["suite"],
        ["suite", "make", "shakedown"],
        ["attest"],
    ],
)
def test_wrong_usage_is_64_with_a_hint(capsys, words):
    assert main(words) == 64
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert "hint: seatrial" in said.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UserError("bad"), 64),
        (TaskError("bad"), 64),
        (EngineError("bad"), 69),
        (UnattestedError("bad"), 3),
        (BusyError("bad"), 75),
        (ExceptionGroup("tasks", [UnattestedError("bad")]), 3),
        (ExceptionGroup("tasks", [ExceptionGroup("inner", [EngineError("bad")])]), 69),
    ],
)
def test_errors_have_the_exit_codes_of_the_contract(capsys, fails, error, code):
    fails(error)
    assert main(["models"]) == code
    assert capsys.readouterr().err == "error: bad\n"


def test_a_hint_is_told(capsys, fails):
    fails(UserError("bad", hint="do this"))
    main(["models"])
    assert capsys.readouterr().err == "error: bad\nhint: do this\n"


def test_a_fault_of_ours_is_one_line_and_says_so(capsys, fails):
    fails(KeyError("oops"))
    assert main(["models"]) == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert said.startswith(
        "error: seatrial models: KeyError: 'oops'\nhint: this is a fault of seatrial"
    )


def test_the_traceback_can_be_had(monkeypatch, fails):
    monkeypatch.setenv("SEATRIAL_TRACEBACK", "1")
    fails(KeyError("oops"))
    with pytest.raises(KeyError):
        main(["models"])


def test_an_interrupt_is_130(capsys, fails):
    fails(KeyboardInterrupt())
    assert main(["models"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_broken_pipe_that_is_not_stdout_is_an_error(capsys, fails):
    """A write to a dead engine must not look like a reader who had enough."""
    fails(BrokenPipeError(32, "Broken pipe"))
    assert main(["models"]) == 1
    assert "Broken pipe" in capsys.readouterr().err


def child(*words, **options):
    # Buffered, as on a person's machine: then it is the last flush that fails.
    env = {**os.environ, "PYTHONPATH": SOURCE, "PYTHONUNBUFFERED": ""}
    command = [sys.executable, "-m", "seatrial", *words]
    return subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True, **options)


@pytest.mark.parametrize("words", [["models"], ["models", "--json"]])
def test_a_reader_that_left_is_silence(words):
    reading, writing = os.pipe()
    os.close(reading)
    process = child(*words, stdout=writing)
    os.close(writing)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")


@pytest.mark.parametrize(
    "words",
    [
        ["models", "--json"],
        ["runs", "--json", "--runs", "{tmp}"],
        ["reindex", "--json", "--runs", "{tmp}"],
        ["run", "--dry-run"],
        ["suite", "make", "shakedown", "--count", "1", "--json", "-o", "{tmp}/new"],
    ],
)
def test_json_is_all_that_is_on_stdout(capsys, tmp_path, words):
    assert main([word.format(tmp=tmp_path) for word in words]) == 0
    json.loads(capsys.readouterr().out)


def test_a_missing_model_is_no_size(capsys, monkeypatch):
    assert main(["models", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["kind"] for row in rows} == {"model", "adapter"}
    assert all(row["bytes"] is None or row["bytes"] > 0 for row in rows)


class TestWhichRun:
    def made(self, root, name=None):
        run = RunDir.create(root, RunSpec(), name)
        run.release()
        return run.path

    def test_none_yet(self, capsys, tmp_path):
        assert main(["show", "--runs", str(tmp_path)]) == 64
        assert "no runs yet" in capsys.readouterr().err

    def test_by_folder_by_id_and_by_its_start(self, tmp_path):
        path = self.made(tmp_path)
        for name in (str(path), path.name, path.name[:14]):
            assert find_run(tmp_path, name) == path

    def test_a_start_of_several_is_asked_back(self, tmp_path):
        first, _ = self.made(tmp_path), self.made(tmp_path)
        with pytest.raises(UserError, match="could be 2 runs"):
            find_run(tmp_path, first.name[:2])

    def test_the_newest_is_the_one_made_last_even_within_a_minute(self, tmp_path):
        for name in ("zebra", "ape", "mole"):
            last = self.made(tmp_path, name)
            stat = (last / "manifest.json").stat()
            later = stat.st_mtime_ns + len(list(tmp_path.iterdir())) * 10**9
            os.utime(last / "manifest.json", ns=(later, later))
        assert find_run(tmp_path, None) == last

    @pytest.mark.parametrize("name", ["nothing", "a" * 5000, "\0"])
    def test_no_such_run(self, tmp_path, name):
        self.made(tmp_path)
        with pytest.raises(UserError, match="no run"):
            find_run(tmp_path, name)


def test_a_run_without_trials_can_be_shown(capsys, tmp_path):
    RunDir.create(tmp_path, RunSpec()).release()
    for words in (["show", "--json"], ["report"], ["report", "--json"]):
        assert main([*words, "--runs", str(tmp_path)]) == 0
        assert "error" not in capsys.readouterr().err


@pytest.mark.parametrize("out", ["{tmp}", "{tmp}/none/page.html"])
def test_a_page_that_cannot_be_written_is_wrong_usage(capsys, tmp_path, out):
    RunDir.create(tmp_path, RunSpec()).release()
    words = ["report", "--runs", str(tmp_path), "-o", out.format(tmp=tmp_path)]
    assert main(words) == 64
    assert "hint:" in capsys.readouterr().err


class TestRunOptions:
    def spec(self, *words) -> RunSpec:
        parser = parser_for(next(c for c in COMMANDS if c.name == "run"))
        return run.spec_from(parser.parse_args(list(words)))

    def test_later_wins_files_options_settings(self, tmp_path):
        file = tmp_path / "a.toml"
        file.write_text("[suite]\ncount = 3\nseed = 4\nband = 'hard'\n")
        spec = self.spec(
            "--config", str(file), "--seed", "5", "--count", "6", "-c", "suite.count=7"
        )
        assert (spec.suite.seed, spec.suite.count, spec.suite.band) == (5, 7, "hard")

    def test_options_of_every_arm(self):
        spec = self.spec("--arm", "dinghy", "--arm", "my/x.gguf", "--temperature", "0.5")
        assert [(a.name, a.model) for a in spec.arms] == [("dinghy", "dinghy"), ("x", "my/x.gguf")]
        assert {arm.sampling.temperature for arm in spec.arms} == {0.5}

    @pytest.mark.parametrize(
        "text", ["suite = 3", "arms = 3", "arms = ['x']", "[arms]\nx = 1", "[[arms]]\nsampling = 3"]
    )
    def test_a_file_of_another_shape_is_wrong_usage(self, tmp_path, text):
        file = tmp_path / "a.toml"
        file.write_text(text)
        with pytest.raises(UserError, match="config"):
            self.spec("--config", str(file), "--count", "3", "--temperature", "0")


@pytest.mark.parametrize("code", [0, 3])
def test_the_exit_code_of_a_run_is_its_verdict(capsys, monkeypatch, tmp_path, code):
    async def execute(run, progress):
        return RunEnd(code, ("it is not the same model",) if code else ())

    monkeypatch.setattr(execution, "execute", execute)
    made = RunDir.create(tmp_path, RunSpec())
    assert execution.run_and_report(made, as_json=True) == code
    said = capsys.readouterr()
    assert json.loads(said.out)["run"] == made.path.name
    assert ("error: it is not the same model" in said.err) == bool(code)
    assert (made.path / "report.html").is_file()


def test_an_interrupted_run_says_how_to_go_on(capsys, monkeypatch, tmp_path):
    async def execute(run, progress):
        raise KeyboardInterrupt

    monkeypatch.setattr(execution, "execute", execute)
    made = RunDir.create(tmp_path, RunSpec())
    with pytest.raises(SystemExit) as stop:
        execution.run_and_report(made)
    assert stop.value.code == 130
    assert "seatrial resume" in capsys.readouterr().err
