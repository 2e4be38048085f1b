"""A profile is frozen wording: it loads whole, or says in one line what is wrong."""

from pathlib import Path

import pytest

from seatrial.agent import DEFAULT_PROFILE
from seatrial.core.errors import UserError
from seatrial.core.profile import Profile, load_profile

TEXT = DEFAULT_PROFILE.read_text(encoding="utf-8")


def changed(tmp_path: Path, old: str, new: str) -> Path:
    assert old in TEXT
    path = tmp_path / "p.toml"
    path.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    return path


def test_the_default_profile_has_every_operation_once():
    profile = load_profile(DEFAULT_PROFILE)
    names = ["read_file", "write_file", "edit_file", "run_command", "finish"]
    assert [tool.operation for tool in profile.tools] == names


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("Run the project's own tests", "Run tests", "prompt"),
        ("Return the whole text", "Return the text", "tools"),
        ('"wrote {path}"', '"{path} is written"', "texts"),
    ],
)
def test_a_changed_word_changes_its_digest_and_no_other(tmp_path, old, new, key):
    was, now = (
        load_profile(DEFAULT_PROFILE).digests(),
        load_profile(changed(tmp_path, old, new)).digests(),
    )
    assert {name for name in was if was[name] != now[name]} == {key}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("schema_version = 1", "schema_version = 2", "schema version 2"),
        ("schema_version = 1", "schema_version = 0", "schema version 0"),
        ("[caps]", "colour = 1\n[caps]", "colour"),
        ('name = "write_file"', 'name = "read_file"', "two tools are called read_file"),
        ('required = ["path", "content"]', 'required = ["path"]', "needs content"),
        ('required = ["path", "content"]', "required = 3", "needs content"),
        ('operation = "finish"', 'operation = "stop"', "stop"),
        ('"wrote {path}"', '"wrote {file}"', "texts.wrote: no field {file}"),
        ('"wrote {path}"', '"wrote {path"', "texts.wrote"),
        ('"exit code {exit}"', '"exit {0}"', "texts.exit"),
        ("max_turns = 60", 'max_turns = "60"', "max_turns"),
    ],
)
def test_what_the_agent_could_not_use_is_told_at_once(tmp_path, old, new, says):
    with pytest.raises(UserError) as caught:
        load_profile(changed(tmp_path, old, new))
    assert says in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("data", [b"\xff", b"=", b"x = " + b"[" * 5000])
def test_a_file_that_is_no_profile(tmp_path, data):
    (tmp_path / "p.toml").write_bytes(data)
    with pytest.raises(UserError, match=r"p\.toml"):
        load_profile(tmp_path / "p.toml")


def test_a_profile_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        load_profile(tmp_path / "none.toml")


def test_schemas_keep_the_order_of_the_file():
    profile: Profile = load_profile(DEFAULT_PROFILE)
    assert [schema.name for schema in profile.schemas] == [tool.name for tool in profile.tools]
