"""`seatrial lint` as a person runs it."""

import asyncio
import json
import subprocess
import sys

import pytest

from seatrial.cli.main import main
from seatrial.serve.lint.rule import registered

SCRIPT = "llama-server -m a.gguf \\\n  -c 32768 -np 4 \\\n  -n 8192 --temp 0.6 -fa on\n"


@pytest.fixture
def script(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "start.sh").write_text(SCRIPT)
    return "start.sh"


def lint(capsys, *words):
    code = main(["lint", *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_an_error_is_told_with_its_place(script, capsys):
    code, out, _ = lint(capsys, script, "--rule", "W02")
    assert code == 1
    assert out.startswith("error W02: ") and "-np 4" in out and "start.sh:2" in out
    assert "\n  why:   " in out and "\n  fix:   " in out and "1 error by 1 rules" in out


def test_without_errors_the_exit_code_is_0(script, capsys):
    code, out, _ = lint(capsys, script, "--rule", "K01")
    assert code == 0 and out.startswith("nothing found by 1 rules")


def test_rules_that_could_not_run_are_told_in_one_line(script, capsys):
    _, out, _ = lint(capsys, script)
    assert out.split("\n")[-2].startswith("not checked: ")


def test_a_command_line_and_json(capsys):
    code, out, _ = lint(capsys, "--command", "llama-server -m a -c 32768 -np 4", "--json")
    report = json.loads(out)
    assert code == 1 and "W02" in report["checked"]
    assert [one["place"]["source"] for one in report["findings"] if one["rule"] == "W02"] == [
        "command line"
    ]


def test_off_and_rule_and_list(script, capsys):
    _, out, _ = lint(capsys, script, "--off", "W02", "--json")
    assert "W02" not in json.loads(out)["checked"]
    code, out, _ = lint(capsys, "--list")
    assert code == 0 and len(out.splitlines()) == len(registered())
    _, out, _ = lint(capsys, "--list", "--json", "--rule", "W02")
    assert [row["id"] for row in json.loads(out)] == ["W02"]


def test_fix_writes_only_a_diff_that_applies(script, capsys, tmp_path):
    code, out, _ = lint(capsys, script, "--fix", "--rule", "W02")
    assert code == 1 and (tmp_path / script).read_text() == SCRIPT
    assert out.startswith("--- start.sh\n+++ start.sh\n")
    done = subprocess.run(
        ["patch", "-p0"], cwd=tmp_path, input=out.encode(), capture_output=True, check=False
    )
    assert done.returncode == 0
    code, _, _ = lint(capsys, script, "--rule", "W02")
    assert code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "nothing to check"),
        (["no-such-file.yaml"], "No such file"),
        (["--command", "ls -l"], "no server is started by: ls -l"),
        (["--rule", "X99", "--list"], "no rule X99"),
        (["start.sh", "--off", "X99"], "no rule X99"),
    ],
)
def test_wrong_usage_is_one_line_and_64(script, capsys, words, said):
    code, out, err = lint(capsys, *words)
    assert code == 64 and out == "" and err.startswith("error: ") and said in err
    assert err.count("\n") <= 2


def test_as_a_process(script, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "seatrial", "lint", script], cwd=tmp_path, capture_output=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1 and b"W02" in done.stdout and b"Traceback" not in done.stderr


async def test_the_facts_of_a_running_server_are_checked_too(capsys):
    from seatrial.fakes.personalities import personality

    async with personality("llama.cpp") as server:
        words = ["lint", "--url", server.url, "--json"]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "seatrial", *words, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
    bare = main(["lint", "--command", "llama-server -m a", "--json"])
    without = json.loads(capsys.readouterr().out)
    assert process.returncode in (0, 1) and bare in (0, 1)
    assert set(json.loads(out)["checked"]) - set(without["checked"])


def test_a_server_that_is_not_there_is_one_line_and_69(capsys):
    code, out, err = lint(capsys, "--url", "http://127.0.0.1:1")
    assert code == 69 and out == "" and err.startswith("error: ") and "hint: " in err


def test_the_model_file_is_read_where_it_lies_here(tmp_path, capsys):
    from tests.serve.tiny_gguf import write_tiny_model

    model = write_tiny_model(tmp_path / "tiny.gguf", context=2048)
    code, out, err = lint(capsys, "--command", f"llama-server -m {model} -c 65536", "--rule", "W04")
    assert code == 0 and "trained for 2,048" in out and err == ""
    model.write_bytes(model.read_bytes()[:100])
    code, out, err = lint(capsys, "--command", f"llama-server -m {model} -c 65536", "--rule", "W04")
    assert code == 0 and "truncated" in err and "not checked: 1 rule" in out


def test_what_is_not_checked_names_only_what_is_missing(script, capsys):
    _, out, _ = lint(capsys, script, "--rule", "W01", "--json")
    assert json.loads(out)["not_checked"] == {"W01": "client"}
    _, out, _ = lint(capsys, script, "--rule", "W01")
    assert out.endswith("more would be with the client's configuration (1)\n")
