"""`seatrial client`: what it refuses, prints and leaves behind."""

import json

import pytest

from seatrial.cli import main
from seatrial.fakes import Lies, ScriptedServer


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "agent"
    folder.mkdir()
    return folder


def json_of(capsys):
    return json.loads(capsys.readouterr().out)


def client(*words, home):
    return main(["client", *words, "--home", str(home)])


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (("setup", "opencode"), "rules of the gateway", "--config opencode"),
        (("status", "aider"), "rules of the gateway", "--config aider"),
        (("remove", "vim"), "no such client: vim", "opencode"),
        (("setup", "pi", "--home", "/nowhere/at/all"), "no folder of pi", "--home"),
        (("setup", "pi", "--without", "all"), "invalid choice", "--help"),
        (("setup",), "client", "--help"),
        ((), "ACTION", "--help"),
    ],
)
def test_what_it_refuses(words, message, hint, capsys):
    assert main(["client", *words]) == 64
    errors = capsys.readouterr().err.splitlines()
    assert message in errors[0]
    assert hint in errors[1]
    assert len(errors) == 2


def test_it_is_set_up_looked_at_and_removed(home, capsys):
    assert client("status", "pi", home=home) == 1
    assert "not installed" in capsys.readouterr().out
    assert client("setup", "pi", "--without", "pin", "--without", "length", home=home) == 0
    said = capsys.readouterr()
    assert "seatrial.ts: written" in said.out
    assert "on: verify" in said.out
    assert "hint: " in said.err
    assert client("status", "pi", home=home) == 0
    assert "installed (verify)" in capsys.readouterr().out
    assert client("remove", "pi", home=home) == 0
    assert list(home.iterdir()) == []


def test_json(home, capsys):
    assert client("setup", "pi", "--json", "--dry-run", home=home) == 0
    said = json_of(capsys)
    assert (said["dry_run"], said["factors"]) == (True, ["pin", "verify", "length"])
    assert said["changes"][0]["action"] == "written"
    assert client("status", "pi", "--json", home=home) == 1
    assert json_of(capsys)["state"] == "absent"


async def test_a_gateway_is_asked_for_its_model_and_window(home, capsys):
    import asyncio

    async with ScriptedServer(lies=Lies(model="tide", window=16384)) as server:
        words = ("setup", "pi", "--gateway", f"{server.url}/v1/")
        assert await asyncio.to_thread(client, *words, home=home) == 0
    models = json.loads((home / "models.json").read_text("utf-8"))
    provider = models["providers"]["seatrial"]
    assert provider["baseUrl"] == f"{server.url}/v1"
    assert provider["models"][0]["id"] == "tide"
    assert provider["models"][0]["contextWindow"] == 16384
    capsys.readouterr()
    assert client("remove", "pi", home=home) == 0
    assert list(home.iterdir()) == []


def test_a_gateway_that_is_not_there_needs_words(home, capsys):
    url = "http://127.0.0.1:9"
    assert client("setup", "pi", "--gateway", url, home=home) == 64
    assert "--model" in capsys.readouterr().err
    assert list(home.iterdir()) == []
    words = ("--gateway", url, "--model", "m", "--window", "8192", "--token-env", "TOK")
    assert client("setup", "pi", *words, home=home) == 0
    provider = json.loads((home / "models.json").read_text("utf-8"))["providers"]["seatrial"]
    assert provider["apiKey"] == "!printenv TOK"
    assert client("setup", "pi", "--gateway", "ftp://x", home=home) == 64
    assert client("setup", "pi", "--gateway", url, "--window", "0", home=home) == 64


def test_what_cannot_be_done_whole_is_not_begun(home, capsys):
    (home / "models.json").write_text("// theirs\n{}", "utf-8")
    words = ("--gateway", "http://127.0.0.1:9", "--model", "m", "--window", "8192")
    assert client("setup", "pi", *words, home=home) == 64
    assert [path.name for path in home.iterdir()] == ["models.json"]
    assert "plain JSON" in capsys.readouterr().err
