"""The command: what it refuses, prints and serves."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from seatrial.cli import main
from seatrial.cli.gateway_options import settings_of
from seatrial.cli.main import COMMANDS, parser_for
from seatrial.core.config import convert_guard
from seatrial.fakes import Lies, ScriptedServer

PAGE = (Path(__file__).parents[2] / "docs" / "gateway.md").read_text()
UPSTREAM = ("--upstream", "http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "which server"),
        ((*UPSTREAM, "--off", "nope"), "no such rule"),
        ((*UPSTREAM, "-c", "guard.modes.nope=off"), "no guard rule 'nope'"),
        ((*UPSTREAM, "-c", "guard.ladder.tries=2"), "unknown key"),
        ((*UPSTREAM, "-c", "arms.0.name=x"), "unknown key"),
        ((*UPSTREAM, "-c", "guard.ladder.temperature=nan"), "not a finite number"),
        ((*UPSTREAM, "--guard", "no-such-file.toml"), "No such file"),
        ((*UPSTREAM, "--on", "nope"), "no such rule: nope"),
        ((*UPSTREAM, "--on", "leaks", "--off", "leaks"), "both name leaks"),
        ((*UPSTREAM, "--host", "0.0.0.0"), "no token"),
        ((*UPSTREAM, "--token-env", "NOT_SET_AT_ALL"), "NOT_SET_AT_ALL"),
        ((*UPSTREAM, "--upstream-key-env", "NOT_SET_AT_ALL"), "NOT_SET_AT_ALL"),
        ((*UPSTREAM, "--upstream-key-env", "b=PATH"), "no upstream is named b"),
        ((*UPSTREAM, *UPSTREAM, "--upstream-key-env", "PATH"), "of which server"),
        ((*UPSTREAM, "--pin", "temperature"), "FIELD=VALUE"),
        ((*UPSTREAM, "--pin", "messages=[]"), "FIELD=VALUE"),
        ((*UPSTREAM, "--strip", "a b"), "not the name of a field"),
        ((*UPSTREAM, "--port", "70000"), "no such port"),
        ((*UPSTREAM, "--slots", "0"), "at least 1"),
        ((*UPSTREAM, "--raw", "--observe"), "changes nothing"),
        (("--upstream", "a=http://x", "--upstream", "a=http://y"), "same name"),
        (("--upstream", "ftp://x", "--port", "0"), "not a URL"),
    ],
)
def test_what_it_refuses(words, message, capsys):
    assert main(["gateway", *words]) == 64
    errors = capsys.readouterr().err
    assert message in errors
    assert len(errors.splitlines()) <= 2


def test_a_dry_run_says_what_it_would_do(capsys):
    words = ["--pin", "pi:temperature=0.7", "--strip", "top_k", "--off", "text_loop"]
    assert main(["gateway", *UPSTREAM, *words, "--dry-run"]) == 0
    text = capsys.readouterr().out
    assert "rule text_loop: off" in text
    assert "rule broken_stream: enforce" in text
    assert "sets temperature" in text
    assert "takes out top_k" in text


@pytest.mark.parametrize("words", [["--dry-run"], ["--dry-run", "--json"]])
def test_the_login_in_a_url_is_not_printed(words, capsys):
    assert main(["gateway", "--upstream", "http://me:passw0rd@127.0.0.1:9/v1", *words]) == 0
    text = capsys.readouterr().out
    assert "http://127.0.0.1:9" in text
    assert "passw0rd" not in text


def test_thresholds_and_modes_come_from_a_file_and_from_single_settings(tmp_path, capsys):
    file = tmp_path / "guard.toml"
    file.write_text('[guard.modes]\nrescue = "observe"\nleaks = "off"\n')
    words = [
        "--guard",
        str(file),
        "-c",
        'guard.modes.leaks="observe"',
        "--off",
        "intent_without_call",
    ]
    assert main(["gateway", *UPSTREAM, *words, "--dry-run", "--json"]) == 0
    rules = json.loads(capsys.readouterr().out)["rules"]
    assert (rules["rescue"], rules["leaks"]) == ("observe", "observe")
    assert rules["intent_without_call"] == "off"


def test_a_key_is_for_its_own_server_alone(monkeypatch):
    monkeypatch.setenv("PAID_KEY", "k1")
    words = ["--upstream", "home=127.0.0.1:9", "--upstream", "paid=https://models.example"]
    command = next(c for c in COMMANDS if c.name == "gateway")
    args = parser_for(command).parse_args([*words, "--upstream-key-env", "paid=PAID_KEY"])
    assert [spec.api_key for spec in settings_of(args).upstreams] == [None, "k1"]


def test_a_dry_run_names_the_wire(capsys):
    assert main(["gateway", *UPSTREAM, "--dry-run"]) == 0
    assert "wire of upstream1: native\n" in capsys.readouterr().out
    assert main(["gateway", *UPSTREAM, "--raw", "--dry-run", "--json"]) == 0
    wires = json.loads(capsys.readouterr().out)["wires"]
    assert wires["upstream1"].startswith("raw_completion")


def test_each_rule_is_a_factor(capsys):
    words = ["--on", "verify_before_done", "--on", "broken_stream", "--off", "compaction_pin"]
    assert main(["gateway", *UPSTREAM, *words, "--dry-run", "--json"]) == 0
    rules = json.loads(capsys.readouterr().out)["rules"]
    assert rules["verify_before_done"] == rules["broken_stream"] == "enforce"
    assert rules["compaction_pin"] == "off" and rules["length_nudge"] == "enforce"
    assert main(["gateway", *UPSTREAM, *words, "--observe", "--dry-run", "--json"]) == 0
    rules = json.loads(capsys.readouterr().out)["rules"]
    assert rules["verify_before_done"] == "observe" and rules["compaction_pin"] == "off"
    assert main(["gateway", *UPSTREAM, "--on", "nope"]) == 64
    assert "verify_before_done" in capsys.readouterr().err


def test_observing_enforces_nothing(capsys):
    assert main(["gateway", *UPSTREAM, "--observe", "--dry-run", "--json"]) == 0
    rules = json.loads(capsys.readouterr().out)["rules"]
    assert set(rules.values()) <= {"observe", "off"}
    assert rules["text_loop"] == "observe"


def test_a_configuration_without_a_server(capsys):
    assert main(["gateway", *UPSTREAM, "--config", "pi", "--model", "qwen3"]) == 0
    out = capsys.readouterr().out
    assert '"baseUrl": "http://127.0.0.1:8484/v1"' in out
    assert '"qwen3"' in out


@pytest.fixture
def running(tmp_path):
    """A gateway as a process, and its first line."""
    children = []

    def start(*words):
        child = subprocess.Popen(
            [sys.executable, "-m", "seatrial", "gateway", *UPSTREAM, "--port", "0", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "GATEWAY_TOKEN": "t0ken-t0ken"},
        )
        children.append(child)
        return child, child.stdout.readline()

    yield start
    for child in children:
        child.kill()
        child.communicate()


def test_it_says_when_it_is_ready_and_ends_in_order(running):
    child, line = running("--no-record", "--upstream", "http://me:s3cret@127.0.0.1:9/v1")
    assert line.startswith("ready: http://127.0.0.1:")
    url = line.split()[1]
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{url}/health", timeout=10)
    assert refused.value.code == 503
    assert "nothing listens" in refused.value.read().decode()
    refused.value.close()
    child.send_signal(signal.SIGTERM)
    assert child.wait(timeout=20) == 0
    out, errors = child.stdout.read(), child.stderr.read()
    assert errors == "stopped\n"
    for client in ("pi", "opencode", "qwen-code", "aider", "codex", "claude-code", "cline"):
        assert f"### {client}\n" in out
    assert out.count(url) >= 8
    assert "http://127.0.0.1:9 does not answer yet" in out and "does not say" not in out
    assert "s3cret" not in line + out


async def test_what_it_prints_names_the_model_and_its_window(tmp_path):
    async with ScriptedServer(lies=Lies(model="qwen3.gguf", window=12_345)) as server:
        words = ["gateway", "--upstream", server.url, "--port", "0", "--no-record"]
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "seatrial", *words, "--host", "0.0.0.0"),
            stdout=asyncio.subprocess.PIPE,
            cwd=tmp_path,
            env={**os.environ, "SEATRIAL_GATEWAY_TOKEN": "t0ken-t0ken"},
        )
        try:
            read = b""
            async with asyncio.timeout(30):
                while b"### cline" not in read:
                    read += await child.stdout.readline()
        finally:
            child.terminate()
            read += (await child.communicate())[0]
    out = read.decode()
    assert out.startswith("ready: http://127.0.0.1:")
    assert "MODEL " not in out and "a guess" not in out and "t0ken-t0ken" not in out
    assert '"contextWindow": 12345' in out and "0.0.0.0" not in out


def test_json_is_one_line(running):
    child, line = running("--no-record", "--json", "--token-env", "GATEWAY_TOKEN")
    ready = json.loads(line)
    assert ready["pid"] == child.pid
    assert ready["upstreams"] == {"upstream1": "http://127.0.0.1:9"}
    assert "t0ken" not in line
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{ready['url']}/metrics", timeout=10)
    assert refused.value.code == 401
    refused.value.close()
    child.send_signal(signal.SIGINT)
    assert child.wait(timeout=20) == 0


def test_a_port_that_is_taken(running, capsys):
    _, line = running("--no-record", "--json")
    port = json.loads(line)["url"].rpartition(":")[2]
    assert main(["gateway", *UPSTREAM, "--port", port]) == 64
    assert "--port 0" in capsys.readouterr().err


def test_the_page_names_options_and_settings_that_exist():
    help = parser_for(next(c for c in COMMANDS if c.name == "gateway")).format_help()
    assert set(re.findall(r"--[a-z][a-z-]+", PAGE)) <= set(re.findall(r"--[a-z][a-z-]+", help))
    blocks = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert blocks
    for block in blocks:
        convert_guard(tomllib.loads(block))
