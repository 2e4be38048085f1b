"""The gateway among pi's providers: put in, taken out, everything else as it was."""

import json

import pytest

from seatrial.core.errors import UserError
from seatrial.gateway.client_config import Setup
from seatrial.gateway.pi import add_provider, remove_provider

SETUP = Setup(url="http://127.0.0.1:8484", model="qwen3", window_tokens=65536)
THEIRS = '{"providers": {"mine": {"baseUrl": "http://x/v1", "apiKey": "s3cret"}},\n"extra": [1]}'


def add(home, setup=SETUP, *, force=False, dry_run=False):
    return add_provider(home, setup, force=force, dry_run=dry_run)


def take_out(home, *, force=False, dry_run=False):
    return remove_provider(home, force=force, dry_run=dry_run)


def content(home):
    return json.loads((home / "models.json").read_text("utf-8"))


def names(home):
    return sorted(path.name for path in home.iterdir())


def test_a_new_file_comes_and_goes(tmp_path):
    assert add(tmp_path).action == "written"
    provider = content(tmp_path)["providers"]["seatrial"]
    assert provider["baseUrl"] == "http://127.0.0.1:8484/v1"
    assert provider["models"][0]["contextWindow"] == 65536
    assert (tmp_path / "models.json").stat().st_mode & 0o777 == 0o600
    assert add(tmp_path).action == "nothing"
    assert take_out(tmp_path).action == "removed"
    assert names(tmp_path) == []
    assert take_out(tmp_path).action == "nothing"


@pytest.mark.parametrize("text", [THEIRS, "{}", '{"providers": {}}', '{"a": 1}'])
def test_what_was_there_comes_back_byte_for_byte(tmp_path, text):
    path = tmp_path / "models.json"
    path.write_text(text, "utf-8")
    path.chmod(0o640)
    change = add(tmp_path)
    assert change.note == "as it was: models.json.before-seatrial"
    assert (tmp_path / "models.json.before-seatrial").read_text("utf-8") == text
    theirs = json.loads(text)
    kept = content(tmp_path)
    assert kept["providers"].pop("seatrial")
    assert kept == {"providers": {}, **theirs}
    assert path.stat().st_mode & 0o777 == 0o640
    add(tmp_path, Setup(url="http://other", model="m", window_tokens=8192, token_env="TOK"))
    assert take_out(tmp_path).action == "restored"
    assert path.read_text("utf-8") == text
    assert path.stat().st_mode & 0o777 == 0o640
    assert names(tmp_path) == ["models.json"]


@pytest.mark.parametrize("before", [None, THEIRS])
def test_what_the_user_added_since_stays(tmp_path, before):
    path = tmp_path / "models.json"
    if before:
        path.write_text(before, "utf-8")
    add(tmp_path)
    models = content(tmp_path)
    models["providers"]["new"] = {"baseUrl": "http://y"}
    path.write_text(json.dumps(models), "utf-8")
    assert take_out(tmp_path).action == "replaced"
    assert "new" in content(tmp_path)["providers"]
    assert "seatrial" not in content(tmp_path)["providers"]


def test_providers_that_the_user_took_out_do_not_come_back(tmp_path):
    path = tmp_path / "models.json"
    path.write_text(THEIRS, "utf-8")
    add(tmp_path)
    models = content(tmp_path)
    del models["providers"]["mine"]
    path.write_text(json.dumps(models), "utf-8")
    assert take_out(tmp_path).action == "replaced"
    assert content(tmp_path) == {"providers": {}, "extra": [1]}


def test_an_edited_provider_is_kept(tmp_path):
    add(tmp_path)
    models = content(tmp_path)
    models["providers"]["seatrial"]["models"][0]["reasoning"] = True
    text = json.dumps(models)
    (tmp_path / "models.json").write_text(text, "utf-8")
    other = Setup(url="http://other", model="m")
    for change in (lambda: add(tmp_path, other), lambda: take_out(tmp_path)):
        with pytest.raises(UserError, match="not as Seatrial writes it") as caught:
            change()
        assert "--force" in caught.value.hint
    assert (tmp_path / "models.json").read_text("utf-8") == text
    assert add(tmp_path, other, force=True).action == "replaced"
    assert take_out(tmp_path).action in ("removed", "restored")


@pytest.mark.parametrize(
    "text", ["// mine\n{}", "{", "[]", '{"providers": []}', '{"providers": {"seatrial": 3}}']
)
def test_a_file_that_would_be_spoilt_is_left_alone(tmp_path, text):
    path = tmp_path / "models.json"
    path.write_text(text, "utf-8")
    with pytest.raises(UserError):
        add(tmp_path)
    assert path.read_text("utf-8") == text
    assert names(tmp_path) == ["models.json"]


def test_a_dry_run_touches_nothing(tmp_path):
    assert add(tmp_path, dry_run=True).action == "written"
    assert names(tmp_path) == []
    add(tmp_path)
    assert take_out(tmp_path, dry_run=True).action == "removed"
    assert "seatrial" in content(tmp_path)["providers"]


def test_a_link_stays_a_link(tmp_path):
    real = tmp_path / "dotfiles"
    real.mkdir()
    (real / "models.json").write_text(THEIRS, "utf-8")
    home = tmp_path / "agent"
    home.mkdir()
    (home / "models.json").symlink_to(real / "models.json")
    add(home)
    assert (home / "models.json").is_symlink()
    assert "seatrial" in content(real)["providers"]
    take_out(home)
    assert (real / "models.json").read_text("utf-8") == THEIRS
